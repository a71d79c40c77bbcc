"""Is each layer right, taken alone? Asked where the answers of a whole graph differ by more than one step.

Integer kernels and the simulation round the same real number; where it lies within float32's error of half a step they
may differ by one code, and a deep graph lets such single steps grow. So every rounding point (QuantizeLinear of an
activation) is compared by itself: the backend's own codes are fed to the simulation wherever the graph reads codes, and
what the simulation makes of them is compared with what the backend made of them, point by point. A right backend is
within one step at every point, however deep the graph; a wrong one is not, and the first such point names the layer.

Reading codes out can undo a fusion. There are three cases:

1. the answers stay the same: the codes are those that the backend works with;
2. they change, but by no more than twice what separates the answers of that run from the simulation's (or one step):
   as single steps add up differently, this proves nothing wrong, and the codes of that run are judged;
3. they change by more: codes are read in smaller groups (``code_readout.py``). What cannot be seen is left to the
   simulation: the piece of the graph around it is compared as a whole, and allowed one step more for each point that
   is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity.code_readout import CodeReader, same_answers
from qexplorer.measure.fidelity.rounding_points import (
    Point,
    cut,
    made_name,
    output_scales,
    points_of,
    steps_inside,
    telling,
)
from qexplorer.run.protocol import Backend, Mode, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = ["Alone", "Observation", "PointDifference", "each_alone", "observe", "summary"]

_MOST_BLIND = 0.5  # share of points: beyond it nothing is known of most layers
_NOISE = 2.0


@dataclass(frozen=True, slots=True)
class PointDifference:
    """One rounding point, backend against simulation.

    Attributes:
        tensor: the tensor that is rounded.
        layer: the layer that made it.
        op: its operator type.
        steps: worst difference of codes with everything before it as it is (accumulated).
        share: share of its codes that differ, accumulated.
        share_beyond_one: share of its codes that differ by more than one step, accumulated.
        alone_steps: worst difference of this piece alone, fed the backend's own codes.
        alone_share: share of codes that differ then.
        allowed: steps allowed to it alone: 1, and 1 more for each point inside the piece that could not be seen.
    """

    tensor: str
    layer: str
    op: str
    steps: float
    share: float
    share_beyond_one: float
    alone_steps: float
    alone_share: float
    allowed: int

    @property
    def wrong(self) -> bool:
        """Whether this piece by itself is off by more than it may be."""
        return self.alone_steps > self.allowed


@dataclass(frozen=True, slots=True)
class Alone:
    """What was found.

    Attributes:
        worst_steps: difference of ``tensor`` taken alone, in steps.
        tensor: the first tensor (execution order) that is off by more than it may be, or the worst one if none is.
        points: rounding points compared.
        n: samples compared.
        conclusive: whether what was seen says what the backend does when nobody looks (the three cases above).
        blind: points that could not.
        allowed: steps that ``tensor`` may be off by: 1, and 1 more for each blind point in front of it.
        parts: the first layer at which codes differ at all; empty if none does.
        grows: the first layer at which they differ by more than one step, single steps of earlier layers included.
        layer: the layer that made ``tensor``.
        last: the layer of the last rounding point that could be seen.
    """

    worst_steps: float
    tensor: str
    points: int
    n: int
    conclusive: bool
    blind: int = 0
    allowed: int = 1
    parts: str = ""
    grows: str = ""
    layer: str = ""
    last: str = ""

    @property
    def right(self) -> bool:
        """Whether every layer alone is within what it may be off by."""
        return self.conclusive and self.points > 0 and self.worst_steps <= self.allowed


@dataclass(frozen=True, slots=True)
class Observation:
    """Every rounding point that could be seen, in execution order, and how it was seen.

    Attributes:
        found: the points.
        points: rounding points in all.
        n: samples.
        conclusive: whether what was seen says what the backend does when nobody looks.
        disturbed: whether the answers changed while the codes were read.
    """

    found: tuple[PointDifference, ...]
    points: int
    n: int
    conclusive: bool
    disturbed: bool


def each_alone(
    path: Path, backend: Backend, reference: Backend, feeds: Mapping[str, Array], *, threads: int, folder: Path
) -> Alone:
    """Compares every rounding point of the graph at ``path`` by itself.

    Args:
        path: a QDQ graph.
        backend: whose kernels are in question.
        reference: a backend that simulates.
        feeds: one batch, by input name.
        threads: threads of one operator.
        folder: a private folder for the graphs that are made for this.

    Raises:
        BackendError: one of the two cannot run the graph.
    """
    return summary(observe(path, backend, reference, feeds, threads=threads, folder=folder))


def observe(
    path: Path,
    backend: Backend,
    reference: Backend,
    feeds: Mapping[str, Array],
    *,
    threads: int,
    folder: Path,
    thorough: bool = False,
    told: Callable[[float], None] | None = None,
) -> Observation:
    """:func:`each_alone` with every point; ``thorough`` tries case 3 before it takes case 2.

    ``told`` is told which share of the looks is used.
    """
    import onnx

    model = onnx.load(str(path))
    points, options = points_of(model.graph), SessionOptions(Mode.NATIVE, threads)
    judge = _Judge(model, reference, feeds, threads, folder)
    reader = CodeReader(model, backend, feeds, options, folder, backend.load(path, options).run(feeds))
    n = next(iter(feeds.values())).shape[0]
    at_once = reader.ask(points)
    if at_once is not None and same_answers(at_once[0], reader.plain):
        return Observation(judge.each(points, at_once[1]), len(points), n, conclusive=True, disturbed=False)
    in_noise: Observation | None = None
    if at_once is not None and judge.within_noise(reader.plain, at_once[0]):
        in_noise = Observation(judge.each(points, at_once[1]), len(points), n, conclusive=True, disturbed=True)
        if not thorough and not any(p.wrong for p in in_noise.found):
            return in_noise
    codes = reader.by_groups(points, told=told)
    enough = len(points) - len(codes) <= _MOST_BLIND * len(points)
    if in_noise is not None and not enough:
        return in_noise
    return Observation(judge.each(points, codes), len(points), n, conclusive=enough, disturbed=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """The simulation of one graph on one batch."""

    model: onnx.ModelProto
    reference: Backend
    feeds: Mapping[str, Array]
    threads: int
    folder: Path

    def each(self, points: Sequence[Point], codes: Mapping[str, Array]) -> tuple[PointDifference, ...]:
        """Those of ``points`` whose ``codes`` are known, against the simulation: accumulated and alone."""
        some = [p for p in points if p.codes in codes]
        if not some:
            return ()
        whole = self._run(telling(self.model, some), self.feeds)
        pieces = self._run(cut(self.model, some), {**self.feeds, **codes})
        inside = steps_inside(self.model.graph, codes)
        found = []
        for p in some:
            together = _compared(codes[p.codes], whole[p.codes])
            alone, alone_share, _ = _compared(codes[p.codes], pieces[made_name(p.codes)])
            allowed = 1 + inside[p.codes]
            found.append(PointDifference(p.tensor, p.layer, p.op, *together, alone, alone_share, allowed))
        return tuple(found)

    def within_noise(self, plain: Sequence[Array], looked: Sequence[Array]) -> bool:
        """Case 2: whether looking changed the answers by no more than single steps do that add up otherwise."""
        simulated = self._run(self.model, self.feeds)
        scales = output_scales(self.model.graph)
        for output, a, b in zip(self.model.graph.output, plain, looked, strict=True):
            if output.name not in scales or a.shape != b.shape:
                return False
            natural = max(_worst(b, simulated[output.name]), scales[output.name])
            if not _worst(a, b) <= _NOISE * natural * (1 + 1e-3):
                return False
        return True

    def _run(self, model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of the simulation by name."""
        import onnx

        path = self.folder / "simulated.onnx"
        onnx.save(model, str(path))
        session = self.reference.load(path, SessionOptions(Mode.SIMULATED, self.threads))
        return dict(zip(session.output_names, session.run(feeds), strict=True))


def _worst(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0))


def summary(seen: Observation) -> Alone:
    """The one point that matters."""
    found = seen.found
    worst = max(found, key=lambda p: (p.alone_steps - p.allowed, p.alone_steps), default=None)
    first = next((p for p in found if p.wrong), worst)
    parts = next((p for p in found if p.steps > 0), None)
    grows = next((p for p in found if p.steps > 1), None)
    return Alone(
        worst_steps=first.alone_steps if first else 0.0,
        tensor=first.tensor if first else "",
        points=len(found),
        n=seen.n,
        conclusive=seen.conclusive,
        blind=seen.points - len(found),
        allowed=first.allowed if first else 1,
        parts=parts.layer if parts else "",
        grows=grows.layer if grows else "",
        layer=first.layer if first else "",
        last=found[-1].layer if found else "",
    )


def _compared(ours: Array, theirs: Array) -> tuple[float, float, float]:
    """Worst difference in steps, share of codes that differ, share that differs by more than one."""
    if ours.shape != theirs.shape:
        return float("inf"), 1.0, 1.0
    if ours.size == 0:
        return 0.0, 0.0, 0.0
    steps = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
    return float(steps.max()), float(np.mean(steps > 0)), float(np.mean(steps > 1))
