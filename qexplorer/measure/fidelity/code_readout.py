"""Reads a backend's codes at the rounding points without changing what it answers.

A backend fuses layers, and a tensor that has to be handed out cannot be fused away: OpenVINO 2026.4 adds a residual to
the unrounded sums of a convolution, and rounds them only when somebody wants to see them; its answers then differ by
some steps. So codes count only if the answers stay what they were. Where looking at all points changes them, smaller
groups are tried, halving, until the number of looks is used up; a point that cannot be seen is *blind*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.rounding_points import Point, telling
from qexplorer.run.protocol import Backend, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = ["LOOKS", "CodeReader", "same_answers"]

LOOKS = 24
"""Graphs loaded at most; each costs the backend one loading and one run."""
_SAME = 1e-5  # of the answers' range: below half a step of a 16-bit grid, above what another order of sums changes

Told = tuple[list[Array], dict[str, Array]]
"""The answers, and codes by the name of their tensor."""


@dataclass(frozen=True, slots=True, eq=False)
class CodeReader:
    """One backend, one graph, one batch.

    Attributes:
        model: a QDQ graph.
        backend: whose codes.
        feeds: one batch, by input name.
        options: how sessions are made.
        folder: a private folder for the graphs that are made.
        plain: the backend's answers while nobody looks.
    """

    model: onnx.ModelProto
    backend: Backend
    feeds: Mapping[str, Array]
    options: SessionOptions
    folder: Path
    plain: Sequence[Array]

    def ask(self, points: Sequence[Point]) -> Told | None:
        """Answers and codes of the graph that tells ``points``; None if the backend cannot run it."""
        import onnx

        path = self.folder / "told.onnx"
        onnx.save(telling(self.model, points), str(path))
        try:
            session = self.backend.load(path, self.options)
            found = dict(zip(session.output_names, session.run(self.feeds), strict=True))
        except BackendError:
            return None
        finally:
            path.unlink(missing_ok=True)
        own = [output.name for output in self.model.graph.output]
        if not {*own, *(p.codes for p in points)} <= set(found):
            return None
        return [found[name] for name in own], {p.codes: found[p.codes] for p in points}

    def by_groups(
        self, points: Sequence[Point], *, looks: int = LOOKS, told: Callable[[float], None] | None = None
    ) -> dict[str, Array]:
        """Codes of all ``points`` that can be seen without changing the answers.

        Args:
            points: in execution order.
            looks: graphs loaded at most.
            told: is told which share of the looks is used.
        """
        codes: dict[str, Array] = {}
        joins, others = [p for p in points if p.joins], [p for p in points if not p.joins]
        left = [group for group in (joins, others) if group]  # the last is tried first
        used = 0
        while left and used < looks:
            group = left.pop()
            used += 1
            if told is not None:
                told(used / looks)
            found = self.ask(group)
            if found is not None and same_answers(found[0], self.plain):
                codes |= found[1]
            elif len(group) > 1:
                middle = len(group) // 2
                left += [group[middle:], group[:middle]]
        return codes


def same_answers(ours: Sequence[Array], theirs: Sequence[Array]) -> bool:
    """Whether two sets of answers are the same but for the last bits of floats."""
    return all(_near(a, b) for a, b in zip(ours, theirs, strict=True))


def _near(ours: Array, theirs: Array) -> bool:
    if ours.shape != theirs.shape or ours.dtype.kind != "f":
        return np.array_equal(ours, theirs)
    finite = theirs[np.isfinite(theirs)].astype(np.float64)
    spread = float(np.ptp(finite)) if finite.size else 0.0
    return bool(
        np.allclose(ours.astype(np.float64), theirs.astype(np.float64), rtol=0, atol=_SAME * spread, equal_nan=True)
    )
