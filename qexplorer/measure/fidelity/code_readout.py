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
from qexplorer.run.protocol import Answerer, Backend, SessionOptions, Telling

if TYPE_CHECKING:
    import onnx

__all__ = ["LOOKS", "CodeReader", "Readout", "rows_of", "same_answers"]

LOOKS = 24
"""Graphs loaded at most; each costs the backend one loading and one run."""
_SAME = 1e-5  # of the answers' range: below half a step of a 16-bit grid, above what another order of sums changes


@dataclass(frozen=True, slots=True, eq=False)
class Readout:
    """What a run told.

    Attributes:
        answers: of each batch, the graph's own outputs.
        codes: what the rounding points made, by the name of the tensor, an array for each batch.
    """

    answers: list[list[Array]]
    codes: dict[str, list[Array]]

    def taken(self, rows: Sequence[Sequence[int]], sizes: Sequence[int]) -> Readout:
        """Of each batch, these samples alone. Raises BackendError: see :func:`rows_of`."""
        batches = list(zip(rows, sizes, strict=True))
        answers = [
            [rows_of(array, *batch) for array in each] for each, batch in zip(self.answers, batches, strict=True)
        ]
        codes = {
            name: [rows_of(array, *batch) for array, batch in zip(each, batches, strict=True)]
            for name, each in self.codes.items()
        }
        return Readout(answers, codes)


def rows_of(array: Array, rows: Sequence[int], size: int) -> Array:
    """Some samples of a batch of ``size``; all of it where ``rows`` is empty.

    Raises:
        BackendError: the array has no row for each sample.
    """
    if not rows:
        return array
    if array.ndim == 0 or array.shape[0] != size:
        raise BackendError("a tensor has no row for each sample, so that samples cannot be judged apart")
    return np.ascontiguousarray(array[list(rows)])


@dataclass(frozen=True, slots=True, eq=False)
class CodeReader:
    """One backend, one graph, some batches.

    Attributes:
        model: a QDQ graph.
        backend: whose codes.
        feeds: the batches, each by input name; they may be of different sizes.
        options: how sessions are made.
        folder: a private folder for the graphs that are made.
        plain: the backend's answers to each batch while nobody looks.
    """

    model: onnx.ModelProto
    backend: Backend
    feeds: Sequence[Mapping[str, Array]]
    options: SessionOptions
    folder: Path
    plain: Sequence[Sequence[Array]]

    def ask(self, points: Sequence[Point]) -> Readout | None:
        """Answers and codes of the graph that tells ``points``; None if the backend cannot run it."""
        import onnx

        path = self.folder / "told.onnx"
        onnx.save(telling(self.model, points), str(path))
        try:
            return self._told(self.backend.load(path, self.options), points)
        except BackendError:
            return None
        finally:
            path.unlink(missing_ok=True)

    def ask_inside(self, session: Telling, points: Sequence[Point]) -> Readout | None:
        """Answers and codes of the graph as ``session`` has it loaded; None where it cannot tell them.

        What is told has to be checked: a place in the backend's file may have been mistaken for another.
        """
        if any(point.grid for point in points):
            return None
        try:
            return self._told(session.telling([point.codes for point in points]), points)
        except BackendError:
            return None

    def _told(self, session: Answerer, points: Sequence[Point]) -> Readout | None:
        own, made = [output.name for output in self.model.graph.output], [name for p in points for name in p.tensors]
        told = Readout([], {name: [] for name in made})
        for feeds in self.feeds:
            found = dict(zip(session.output_names, session.run(feeds), strict=True))
            if not {*own, *made} <= set(found):
                return None
            told.answers.append([found[name] for name in own])
            for name in made:
                told.codes[name].append(found[name])
        return told

    def same(self, told: Readout) -> bool:
        """Whether the answers stayed what they are while nobody looks."""
        return all(map(same_answers, told.answers, self.plain))

    def by_groups(
        self, points: Sequence[Point], *, looks: int = LOOKS, told: Callable[[float], None] | None = None
    ) -> dict[str, list[Array]]:
        """Codes of all ``points`` that can be seen without changing the answers.

        Args:
            points: in execution order.
            looks: graphs loaded at most.
            told: is told which share of the looks is used.
        """
        codes: dict[str, list[Array]] = {}
        joins, others = [p for p in points if p.joins], [p for p in points if not p.joins]
        left = [group for group in (joins, others) if group]  # the last is tried first
        used = 0
        while left and used < looks:
            group = left.pop()
            used += 1
            if told is not None:
                told(used / looks)
            found = self.ask(group)
            if found is not None and self.same(found):
                codes |= found.codes
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
