"""What comes back from another machine, as plain data."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.results import Fidelity, Kernels, Memory, Size
from qexplorer.core.wire import Wire
from qexplorer.machine.cpu import cpu_model
from qexplorer.machine.description import describe_machine
from qexplorer.measure.judging import Judged
from qexplorer.measure.metrics.results import Scored
from qexplorer.measure.timing.latency import Timed
from qexplorer.measure.variant import Variant

__all__ = ["JudgedThere", "TimedThere", "named_here", "plain_variant", "variant_in"]


def named_here() -> str:
    """What to call this machine where it is one of several: ``lab-2 (AMD EPYC 9354)``."""
    return f"{Path(platform.node()).name} ({cpu_model()})"


@dataclass(frozen=True, slots=True)
class JudgedThere(Wire):
    """A :class:`Judged`, and the machine ``where`` it was; ``scores`` are rows of numbers, by metric."""

    where: str
    failed: str | None
    refused: str | None
    predictions: tuple[int, ...] | None
    scores: dict[str, Any]
    without: dict[str, str]
    memory: Memory | None
    kernels: Kernels | None
    notes: tuple[str, ...]
    fidelity: Fidelity | None

    @classmethod
    def of(cls, judged: Judged) -> JudgedThere:
        """What was found here."""
        return cls(
            named_here(),
            judged.failed,
            judged.refused,
            None if judged.predictions is None else tuple(judged.predictions.tolist()),
            {name: np.asarray(scores, np.float64).tolist() for name, scores in judged.scored.scores.items()},
            dict(judged.scored.without),
            judged.memory,
            judged.kernels,
            judged.notes,
            judged.fidelity,
        )

    def judged(self) -> Judged:
        """As it was there."""
        return Judged(
            failed=None if self.failed is None else f"{self.failed} (on {self.where})",
            refused=self.refused,
            predictions=None if self.predictions is None else np.asarray(self.predictions, np.int64),
            scored=Scored({name: np.asarray(rows, np.float64) for name, rows in self.scores.items()}, self.without),
            memory=self.memory,
            kernels=self.kernels,
            notes=self.notes,
            fidelity=self.fidelity,
            where=self.where,
        )


@dataclass(frozen=True, slots=True)
class TimedThere(Wire):
    """Times by backend and key, all of the machine ``where`` they were taken, with its description."""

    where: str
    machine: dict[str, Any]
    timed: dict[str, dict[str, Timed]]

    @classmethod
    def of(cls, timed: dict[str, dict[str, Timed]]) -> TimedThere:
        """What was found here."""
        name = Path(platform.node()).name
        return cls(named_here(), {**describe_machine().to_json(), "name": name}, timed)


def plain_variant(variant: Variant) -> dict[str, Any]:
    """All of it but where its file is."""
    return {name: value for name, value in asdict(variant).items() if name != "path"}


def variant_in(value: dict[str, Any], path: str) -> Variant:
    """What :func:`plain_variant` told, its file at ``path``."""
    return Variant(**value | {"size": Size(**value["size"]), "path": Path(path)})
