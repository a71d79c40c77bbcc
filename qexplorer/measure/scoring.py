"""How scores get out of the child that judges: small arrays in a file, never the answers themselves.

The float model's answers are kept on disk while a comparison runs, if a metric compares with them; the children that
judge its variants on the same backend map them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.plugin_kinds.metric import Answers, Metric
from qexplorer.core.plugins import METRICS
from qexplorer.measure.metrics.results import Scored, score_all

__all__ = ["Scoring", "keep_labels", "keep_outputs", "primary_values", "read_outputs", "score_answers"]


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a child scores, and where; paths as text, as they go to another process.

    Attributes:
        metrics: names, the primary one first.
        scores: the file for the scores.
        labels: the file of the labels, or None.
        keep: the folder to keep the answers in, or None.
        floats: the folder that holds the float model's answers, or None.
    """

    metrics: tuple[str, ...]
    scores: str
    labels: str | None = None
    keep: str | None = None
    floats: str | None = None

    @classmethod
    def of(
        cls,
        metrics: Sequence[Metric],
        folder: Path,
        *,
        labels: str | None = None,
        keep: Path | None = None,
        floats: Path | None = None,
    ) -> Scoring:
        """The order for ``metrics``, scores in ``folder``, which is made; answers are kept only if one needs them."""
        folder.mkdir(parents=True, exist_ok=True)
        needed = any(metric.needs_float for metric in metrics)
        names = tuple(metric.name for metric in metrics)
        kept, given = (str(path) if path is not None and needed else None for path in (keep, floats))
        return cls(names, str(folder / "scores.npz"), labels, kept, given)

    def to_json(self) -> dict[str, Any]:
        """As plain data: ``Scoring(**value)`` reads it back."""
        return asdict(self)

    def read(self, without: Mapping[str, str]) -> Scored:
        """What the child wrote; ``without`` is what :func:`score_answers` returned."""
        with np.load(self.scores, allow_pickle=False) as file:
            return Scored({name: file[name] for name in file.files}, dict(without))


def keep_labels(folder: Path, labels: Array | None) -> str | None:
    """Writes the labels to a file in ``folder``; its path, or None without labels."""
    if labels is None:
        return None
    path = folder / "labels.npy"
    np.save(path, labels, allow_pickle=False)
    return str(path)


def score_answers(
    order: Mapping[str, Any], outputs: Sequence[Array], n: int, threshold: float | None
) -> dict[str, str]:
    """The child's part: scores ``outputs``, writes the scores, keeps the outputs if asked to.

    Args:
        order: fields of :class:`Scoring`.
        outputs: the model's outputs, first axis the samples.
        n: samples.
        threshold: see ``predictions``.

    Returns:
        Why a metric has no scores, by its name.
    """
    wanted = Scoring(**order)
    if wanted.keep is not None:
        keep_outputs(Path(wanted.keep), outputs)
    labels = None if wanted.labels is None else np.load(wanted.labels, mmap_mode="r", allow_pickle=False)
    floats = None if wanted.floats is None else read_outputs(Path(wanted.floats))
    found = score_all([METRICS.get(name) for name in wanted.metrics], Answers(outputs, n, labels, floats, threshold))
    np.savez(wanted.scores, **dict(found.scores))  # type: ignore[arg-type]  # NumPy's stub takes them for its option
    return dict(found.without)


def primary_values(
    order: Mapping[str, Any], outputs: Sequence[Array], others: Sequence[Array], n: int, threshold: float | None
) -> dict[str, Any] | None:
    """The first metric over two sets of answers to the same samples: its ``name``, and its value for ``ours`` and
    ``theirs``; None where it has no value."""
    wanted = Scoring(**order)
    if not wanted.metrics:
        return None
    metric = METRICS.get(wanted.metrics[0])
    labels = None if wanted.labels is None else np.load(wanted.labels, mmap_mode="r", allow_pickle=False)
    floats = None if wanted.floats is None else read_outputs(Path(wanted.floats))
    found = [score_all([metric], Answers(each, n, labels, floats, threshold)).scores for each in (outputs, others)]
    if any(metric.name not in each for each in found):
        return None
    ours, theirs = (float(metric.value(each[metric.name])) for each in found)
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return None
    return {"name": metric.name, "ours": ours, "theirs": theirs}


def keep_outputs(folder: Path, outputs: Sequence[Array]) -> None:
    """A file for each output; the folder gets its name last, so that what is there is whole."""
    making = folder.with_name(f"{folder.name}-making")
    making.mkdir()
    for index, output in enumerate(outputs):
        np.save(making / f"{index}.npy", np.asarray(output), allow_pickle=False)
    making.rename(folder)


def read_outputs(folder: Path) -> list[Array] | None:
    """What :func:`score_answers` kept there, mapped; None if there is nothing."""
    if not folder.is_dir():
        return None
    files = sorted(folder.glob("*.npy"), key=lambda path: int(path.stem))
    return [np.load(path, mmap_mode="r", allow_pickle=False) for path in files]
