"""What is found where each layer, and each end of a graph, is looked at by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["LEANS", "STRAYS", "Alone", "EndDifference", "Observation", "PointDifference", "summary"]

LEANS = 0.25
"""Share of the different values that a rounding point may send to the neighbouring code on one side, beyond ties.

Rounding to nearest sends none there, and rounding twice as many up as down. Rounding up or down sends a half, a zero
point that is off by one sends all.
"""

STRAYS = 0.35
"""The same to both sides together. Two roundings one after the other, each to nearest, stay well below: a kernel that
averages and then moves to a finer grid strays at a quarter of its values at most; a lost bit at half of them."""


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
        alone_steps: worst difference of this piece alone, fed the backend's own codes: to the simulation of the piece,
            or to its exact integers where these are nearer.
        alone_share: share of codes that differ then.
        allowed: steps allowed to it alone: 1, and 1 more for each point inside the piece that could not be seen.
        leans: how one-sided its differences are: see :data:`LEANS`.
        strays: share of its values that are not at their nearest code, ties left out.
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
    leans: float = 0.0
    strays: float = 0.0

    @property
    def crooked(self) -> bool:
        """Whether it rounds to one side, or too often to a code that is not the nearest."""
        return self.leans > LEANS or self.strays > STRAYS

    @property
    def wrong(self) -> bool:
        """Whether this piece by itself is off by more than it may be."""
        return self.alone_steps > self.allowed or self.crooked


@dataclass(frozen=True, slots=True)
class EndDifference:
    """One output, as what the last piece of the graph makes of the backend's own codes, against the simulation of that
    piece.

    Attributes:
        output: its name.
        layer: the layer that makes it.
        op: its operator type.
        away: worst difference, in the output's own unit.
        times: worst difference as a multiple of what float arithmetic explains there (``ends.py``).
        inside: rounding points in the piece that could not be seen.
    """

    output: str
    layer: str
    op: str
    away: float
    times: float
    inside: int = 0

    @property
    def wrong(self) -> bool:
        """Whether it differs by more than float arithmetic explains."""
        return self.times > 1


@dataclass(frozen=True, slots=True)
class Alone:
    """What was found.

    Attributes:
        worst_steps: difference of ``tensor`` taken alone, in steps.
        tensor: the first tensor (execution order) that is off by more than it may be, or the worst one if none is.
        points: rounding points compared.
        n: samples compared.
        conclusive: whether what was seen says what the backend does when nobody looks (``single_points.py``).
        blind: points that could not be seen.
        allowed: steps that ``tensor`` may be off by: 1, and 1 more for each blind point in front of it.
        parts: the first layer at which codes differ at all; empty if none does.
        grows: the first layer at which they differ by more than one step, single steps of earlier layers included.
        layer: the layer that made ``tensor``.
        last: the layer of the last rounding point that could be seen.
        leans: how one-sided the differences of ``tensor`` are.
        strays: share of its values that are not at their nearest code.
        ends: outputs compared as pieces.
        end: the output that is off by the most, in multiples of what float arithmetic explains.
        end_times: that multiple.
        sizes: batch sizes that were looked at.
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
    leans: float = 0.0
    ends: int = 0
    end: str = ""
    end_times: float = 0.0
    sizes: tuple[int, ...] = ()
    strays: float = 0.0

    @property
    def point_wrong(self) -> bool:
        """Whether a rounding point by itself is wrong."""
        return self.worst_steps > self.allowed or self.leans > LEANS or self.strays > STRAYS

    @property
    def end_wrong(self) -> bool:
        """Whether an output is not what the codes before it make."""
        return self.end_times > 1

    @property
    def right(self) -> bool:
        """Whether every piece alone is within what it may be off by."""
        return self.conclusive and self.points + self.ends > 0 and not self.point_wrong and not self.end_wrong


@dataclass(frozen=True, slots=True)
class Observation:
    """Every piece that could be seen, in execution order, and how it was seen.

    Attributes:
        found: the points.
        points: rounding points in all.
        n: samples.
        conclusive: whether what was seen says what the backend does when nobody looks.
        disturbed: whether the answers changed while the codes were read.
        ends: the outputs.
        sizes: batch sizes that were looked at.
    """

    found: tuple[PointDifference, ...]
    points: int
    n: int
    conclusive: bool
    disturbed: bool
    ends: tuple[EndDifference, ...] = ()
    sizes: tuple[int, ...] = ()


def summary(seen: Observation) -> Alone:
    """The one point, and the one output, that matter."""
    found = seen.found
    worst = max(found, key=lambda p: (p.alone_steps - p.allowed, p.alone_steps), default=None)
    first = next((p for p in found if p.wrong), worst)
    end = max(seen.ends, key=lambda each: each.times, default=None)
    return Alone(
        worst_steps=first.alone_steps if first else 0.0,
        tensor=first.tensor if first else "",
        points=len(found),
        n=seen.n,
        conclusive=seen.conclusive,
        blind=seen.points - len(found),
        allowed=first.allowed if first else 1,
        parts=_layer(p for p in found if p.steps > 0),
        grows=_layer(p for p in found if p.steps > 1),
        layer=first.layer if first else "",
        last=found[-1].layer if found else "",
        leans=first.leans if first else 0.0,
        strays=first.strays if first else 0.0,
        ends=len(seen.ends),
        end=end.output if end else "",
        end_times=end.times if end else 0.0,
        sizes=seen.sizes,
    )


def _layer(found: Iterable[PointDifference]) -> str:
    return next((p.layer for p in found), "")
