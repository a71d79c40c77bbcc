"""A graph cut into pieces at its rounding points, each piece fed the backend's own codes and judged by itself.

What a piece should make is known from up to three sides, asked in this order until one explains what the backend made:
the simulation in float32, exact integers, and real numbers (float64). A piece is wrong if none does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.errors import QExplorerError
from qexplorer.measure.fidelity.alone import LEANS, STRAYS, EndDifference, PointDifference
from qexplorer.measure.fidelity.code_steps import Steps, merged, steps_of
from qexplorer.measure.fidelity.ends import FACTOR, ROUNDING, close, spread, times_explained
from qexplorer.measure.fidelity.leaning import LIMITS, lean_at
from qexplorer.measure.fidelity.real_numbers import RealNumbers, holds_halves
from qexplorer.measure.fidelity.rounding_points import (
    End,
    Point,
    cut,
    ends_of,
    made_name,
    shake_name,
    shaken,
    steps_inside,
    telling,
)
from qexplorer.run.protocol import Backend, Mode, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = ["Pieces"]

_MANY = 0.01  # share of codes that differ: beyond it a point is looked at for leaning
_REAL_SAMPLES = 8
_DRAWS = 4

Codes = Mapping[str, Sequence[Array]]
Made = list[dict[str, Array]]
"""Of each batch, tensors by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """One graph on some batches.

    Attributes:
        model: a QDQ graph.
        reference: a backend that simulates.
        exact: a backend with exact integers; None where it cannot run the graph, or is itself in question.
        feeds: the batches.
        threads: threads of one operator.
        folder: a private folder.
    """

    model: onnx.ModelProto
    reference: Backend
    exact: Backend | None
    feeds: Sequence[Mapping[str, Array]]
    threads: int
    folder: Path
    _whole: dict[tuple[Point, ...], Made] = field(default_factory=dict)

    def whole(self, points: Sequence[Point]) -> Made:
        """The simulation of each batch from beginning to end: its answers, and what ``points`` make."""
        told = tuple(points)
        if told not in self._whole:
            self._whole[told] = self._run(telling(self.model, told), self.feeds)
        return self._whole[told]

    def each(
        self, points: Sequence[Point], codes: Codes, answers: Sequence[Sequence[Array]]
    ) -> tuple[tuple[PointDifference, ...], tuple[EndDifference, ...]]:
        """Those of ``points`` whose ``codes`` are known, accumulated and alone; and every end of the graph.

        Args:
            points: in execution order.
            codes: the backend's, an array for each batch.
            answers: the backend's outputs to each batch, from a run that makes these codes.
        """
        some = tuple(p for p in points if p.codes in codes)
        look = _Look(self, some, tuple(p for p in points if p.codes not in codes), codes)
        together = self.whole(some) if some else []
        found = tuple(look.point(p, [steps_of(p, codes, i, made) for i, made in enumerate(together)]) for p in some)
        names = [output.name for output in self.model.graph.output]
        ends = []
        for end in ends_of(self.model.graph):
            ours = [batch[names.index(end.name)] for batch in answers]
            ends.append(look.end(end, ours))
        return found, tuple(ends)

    def _run(self, model: onnx.ModelProto, feeds: Sequence[Mapping[str, Array]], mode: Mode = Mode.SIMULATED) -> Made:
        import onnx

        backend = self.reference if mode is Mode.SIMULATED else self.exact
        assert backend is not None
        path = self.folder / "piece.onnx"
        onnx.save(model, str(path))
        session = backend.load(path, SessionOptions(mode, self.threads))
        return [dict(zip(session.output_names, session.run(each), strict=True)) for each in feeds]


class _Look:
    """The pieces between some points, computed as far as they are asked for."""

    def __init__(self, pieces: Pieces, some: tuple[Point, ...], unseen: tuple[Point, ...], codes: Codes) -> None:
        self._of, self._some, self._unseen, self._codes = pieces, some, unseen, codes
        self._ends = ends_of(pieces.model.graph)
        self._inside = steps_inside(pieces.model.graph, {p.codes for p in some})
        self._fed = [self._with_codes(feeds, i) for i, feeds in enumerate(pieces.feeds)]
        self._cut = cut(pieces.model, some, self._ends)
        self._simulated = pieces._run(self._cut, self._fed)
        self._exactly: Made | None = None
        self._really: dict[int, dict[str, Array] | None] = {}
        self._float64: RealNumbers | None = None
        self._few: list[tuple[dict[str, Array], dict[str, Array]]] | None = None
        self._halves: bool | None = None

    def _with_codes(self, feeds: Mapping[str, Array], batch: int) -> dict[str, Array]:
        return {**feeds, **{name: self._codes[name][batch] for p in self._some for name in p.tensors}}

    # Points

    def point(self, p: Point, together: Sequence[Steps]) -> PointDifference:
        """One point: alone, each batch counts against whichever of the three explains it best."""
        allowed = 1 + self._inside[p.codes]
        alone = merged(self._alone(p, i, allowed) for i in range(len(self._fed)))
        leans = 0.0, 0.0
        if alone.share > _MANY and allowed == 1 and not p.grid:
            leans = self._lean(p)
        whole = merged(together)
        gaps = whole.steps, whole.share, whole.beyond, alone.steps, alone.share
        return PointDifference(p.tensor, p.layer, p.op, *gaps, allowed, *leans)

    def _alone(self, p: Point, batch: int, allowed: int) -> Steps:
        found = steps_of(p, self._codes, batch, self._simulated[batch], made_name)
        for side in (self._exact, self._real):
            if found.steps <= allowed:
                break
            made = side(batch)
            if made is not None:
                other = steps_of(p, self._codes, batch, made, made_name)
                found = min(found, other, key=lambda each: each.steps)
        if p.levels is not None and found.steps > allowed:
            slack = FACTOR * self._error_in_front(p)
            found = steps_of(p, self._codes, batch, self._simulated[batch], made_name, slack)
        return found

    def _error_in_front(self, p: Point) -> float:
        """Largest difference of the simulation to float64 at the tensor that ``p`` rounds, over a few samples."""
        model = cut(self._of.model, self._some, (), [p.tensor])
        pairs = [(made[p.tensor], real[p.tensor]) for made, real in self._both_for_a_few(model, [p.tensor])]
        return max((_worst(a, b) for a, b in pairs if a.shape == b.shape), default=0.0)

    def _lean(self, p: Point) -> tuple[float, float]:
        """How one-sided, and how often not to the nearest code, it rounds; in float64 too, before it is wrong."""
        lean = lean_at(self._of.model, p)
        if lean is None:
            return 0.0, 0.0
        batch = min(range(len(self._fed)), key=lambda i: self._codes[p.codes][i].size)
        model, ours = cut(self._of.model, self._some, (), [p.tensor]), self._codes[p.codes][batch]
        try:
            values = self._of._run(model, [self._fed[batch]])[0][p.tensor]
            leans = lean(ours, values)
            if leans[0] > LEANS or leans[1] > STRAYS:
                values = RealNumbers(model, self._of.threads).run(self._fed[batch], [p.tensor])[p.tensor]
                leans = min(leans, lean(ours, values))
        except QExplorerError:  # the tensor cannot be handed out by itself
            return 0.0, 0.0
        return leans

    # Ends

    def end(self, end: End, ours: Sequence[Array]) -> EndDifference:
        """One output against what the last piece makes of the backend's own codes."""
        inside, name = self._inside[end.name], end.name
        theirs = [made[name] for made in self._simulated]
        if all(map(close, ours, theirs)):
            away = max((_worst(a, b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
            return EndDifference(name, end.layer, end.op, away, 0.0, inside)
        error, halves, worst = self._error(name), self._computes_in_halves(), (0.0, 0.0)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            exact = self._exact(i)
            others = [] if exact is None else [exact[name]]
            found = times_explained(a, b, others, error, None, halves=halves)
            if found[1] > 1 and (real := self._real(i)) is not None:
                others.append(real[name])
                found = times_explained(a, b, others, error, None, halves=halves)
            if found[1] > 1 and (self._unseen or b.dtype.kind != "f"):
                found = times_explained(a, b, others, error, self._moved(name, i, b), halves=halves)
            worst = max(worst, found, key=lambda each: each[1])
        return EndDifference(name, end.layer, end.op, *worst, inside)

    def _computes_in_halves(self) -> bool:
        if self._halves is None:
            self._halves = holds_halves(self._of.model)
        return self._halves

    def _error(self, name: str) -> float | None:
        """Largest difference of the simulated piece to float64 at an output, over a few samples."""
        if self._simulated[0][name].dtype.name not in ROUNDING:
            return None
        if self._few is None:
            self._few = self._both_for_a_few(self._cut, [end.name for end in self._ends])
        pairs = [(made[name], real[name]) for made, real in self._few]
        return max((_worst(a, b) for a, b in pairs if a.shape == b.shape), default=None)

    def _rounded_to_halves(self, fed: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """What roundings to 16 bits alone make of the piece; a runtime may as well compute it in 32 bits."""
        return RealNumbers(self._cut, self._of.threads, halves=True).run(fed, names)

    def _both_for_a_few(
        self, model: onnx.ModelProto, names: Sequence[str]
    ) -> list[tuple[dict[str, Array], dict[str, Array]]]:
        """Tensors of a cut graph, simulated and in float64: of the smallest batch, or of a few samples of it where the
        graph takes any number.

        Where 16-bit floats are computed in, what rounding to them makes is a second one.
        """
        batch = min(range(len(self._fed)), key=lambda i: next(iter(self._fed[i].values())).shape[0])
        fed = self._fed[batch]
        rows = {array.shape[0] if array.ndim else 0 for array in fed.values()}
        few = fed
        if len(rows) == 1 and rows.pop() > _REAL_SAMPLES:
            few = {name: np.ascontiguousarray(array[:_REAL_SAMPLES]) for name, array in fed.items()}
        for given in (few, fed):  # all of it where the batch is written into the graph
            with contextlib.suppress(QExplorerError):
                numbers = self._numbers() if model is self._cut else RealNumbers(model, self._of.threads)
                real = numbers.run(given, names)
                made = [self._of._run(model, [given])[0]]
                if self._computes_in_halves():
                    made.append(self._rounded_to_halves(given, names))
                return [(each, real) for each in made]
        return []

    def _moved(self, name: str, batch: int, still: Array) -> NDArray[np.float64]:
        """How far an output moves where roundings that cannot be seen go to the next code; for whole numbers, any.

        Where none can be seen, those of earlier pieces are moved as well, and what they move goes all the way.
        """
        rng = np.random.default_rng(0)
        if not self._some:
            return self._shaken(name, batch, still, rng)
        every = (*self._some, *self._unseen)
        nudged = self._unseen if still.dtype.kind == "f" else every
        own: dict[str, Array] = {}
        if self._unseen:
            told = telling(cut(self._of.model, self._some), self._unseen)
            own = self._of._run(told, [self._fed[batch]])[0]
        base = self._fed[batch] | {name: own[name] for p in self._unseen for name in p.tensors}
        model = cut(self._of.model, every, [end for end in self._ends if end.name == name])

        def run() -> Array:
            feeds = dict(base)
            for p in nudged:
                feeds[p.codes] = _nudged(p, base[p.codes], rng)
            return self._of._run(model, [feeds])[0][name]

        return spread(run, still, _DRAWS)

    def _shaken(self, name: str, batch: int, still: Array, rng: np.random.Generator) -> NDArray[np.float64]:
        """How far an output moves where every rounding of the graph goes to the next code at random."""
        model, feeds = self._of.model, self._of.feeds[batch]
        moved = [p for p in self._unseen if p.code_dtype in LIMITS]
        own = self._of._run(telling(model, moved), [feeds])[0]
        graph = shaken(model, moved, LIMITS)

        def run() -> Array:
            steps = {shake_name(p.codes): rng.integers(-1, 2, own[p.codes].shape, np.int32) for p in moved}
            return self._of._run(graph, [{**feeds, **steps}])[0][name]

        return spread(run, still, _DRAWS)

    # The other two sides

    def _exact(self, batch: int) -> dict[str, Array] | None:
        """What exact integers make of the pieces; None where they cannot."""
        if self._exactly is None:
            self._exactly = []
            if self._of.exact is not None:
                with contextlib.suppress(QExplorerError):
                    self._exactly = self._of._run(self._cut, self._fed, Mode.NATIVE)
        return self._exactly[batch] if self._exactly else None

    def _real(self, batch: int) -> dict[str, Array] | None:
        """What real numbers make of them; None where they cannot be computed."""
        if batch not in self._really:
            try:
                names = [output.name for output in self._cut.graph.output]
                self._really[batch] = self._numbers().run(self._fed[batch], names)
            except QExplorerError:
                self._really[batch] = None
        return self._really[batch]

    def _numbers(self) -> RealNumbers:
        if self._float64 is None:
            self._float64 = RealNumbers(self._cut, self._of.threads)
        return self._float64


def _nudged(p: Point, codes: Array, rng: np.random.Generator) -> Array:
    """Each code, or level, moved to a neighbour, or left, at random."""
    steps = rng.integers(-1, 2, codes.shape)
    if p.levels is not None:
        places = p.levels.nearest(codes.astype(np.float32)) + steps
        return np.asarray(p.levels.levels[np.clip(places, 0, len(p.levels.levels) - 1)], codes.dtype)
    limits = LIMITS.get(codes.dtype.name)
    return codes if limits is None else np.asarray(np.clip(codes.astype(np.int64) + steps, *limits), codes.dtype)


def _worst(a: Array, b: Array) -> float:
    if a.shape != b.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        away = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(away[np.isfinite(away)].max(initial=0.0))
