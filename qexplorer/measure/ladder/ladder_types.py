"""The fidelity ladder of one quantized graph: float, simulated, exact integers, each backend, with where they part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from qexplorer.core.results import Status
from qexplorer.core.wire import Wire
from qexplorer.measure.fidelity.alone import EndDifference, PointDifference

__all__ = ["BackendRung", "BatchGap", "ExactRung", "Ladder", "LayerError", "SimulatedRung"]

LOW_SQNR_DB = 10.0
"""Below this the error holds more than a tenth of a tensor's power."""


@dataclass(frozen=True, slots=True)
class LayerError:
    """One tensor, float against simulated, with everything before it quantized as well.

    Attributes:
        layer: the layer that makes it.
        op: its operator type.
        tensor: its name.
        sqnr_db: 10 * log10(power of the float values / power of the error); None if the error, or the tensor, is 0.
        relative: root of the error's power over root of the tensor's; None if the tensor is 0.
        steps: worst error in steps of its grid; None if it is on none.
    """

    layer: str
    op: str
    tensor: str
    sqnr_db: float | None
    relative: float | None
    steps: float | None


@dataclass(frozen=True, slots=True)
class SimulatedRung:
    """Float -> simulated: what quantization itself costs.

    Attributes:
        n: samples of the agreement.
        agreement: share of them that get the same class; None if the model names none.
        sqnr_db: of all outputs together; None if nothing differs, or ``failed``.
        relative: its relative error.
        layers: tensors that both graphs have, in execution order.
        layers_n: samples behind ``layers``.
        failed: why the simulation did not run.
    """

    n: int
    agreement: float | None
    sqnr_db: float | None
    relative: float | None
    layers: tuple[LayerError, ...]
    layers_n: int
    failed: str | None = None

    @property
    def first_low(self) -> LayerError | None:
        """The first layer whose SQNR is below 10 dB."""
        return next((x for x in self.layers if x.sqnr_db is not None and x.sqnr_db < LOW_SQNR_DB), None)

    @property
    def largest_drop(self) -> tuple[LayerError, float] | None:
        """The layer at which SQNR falls most below that of the one before, and by how many dB."""
        known = [x for x in self.layers if x.sqnr_db is not None]
        drops = [(b, (a.sqnr_db or 0.0) - (b.sqnr_db or 0.0)) for a, b in pairwise(known)]
        worst = max(drops, key=lambda item: item[1], default=None)
        return worst if worst is not None and worst[1] > 0 else None


@dataclass(frozen=True, slots=True)
class BatchGap:
    """One rung against the one below at one batch size.

    Attributes:
        batch: samples at a time.
        n: samples compared.
        agreement: share that gets the same class; None if the model names none.
        worst_steps: largest difference in steps of the output's grid; None if no output is on one.
        worst_relative: largest difference as a share of the largest value, of outputs on no grid.
        equal: share of output values that do not differ at all.
        within_one: share within one step; None if no output is on a grid.
        exact: whether no output differs in any bit.
    """

    batch: int
    n: int
    agreement: float | None
    worst_steps: float | None
    worst_relative: float | None
    equal: float
    within_one: float | None
    exact: bool


class _Batches:
    """A rung that is compared with the one below it, batch size by batch size."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def batches(self) -> tuple[BatchGap, ...]:
            """The comparison at every batch size that is used."""

    @property
    def exact(self) -> bool:
        """Whether every output at every batch size is that of the rung below, bit by bit."""
        return bool(self.batches) and all(gap.exact for gap in self.batches)

    @property
    def agreement(self) -> float | None:
        """Share of the same classes, over all batch sizes."""
        known = [gap for gap in self.batches if gap.agreement is not None]
        n = sum(gap.n for gap in known)
        return sum((gap.agreement or 0.0) * gap.n for gap in known) / n if n else None

    @property
    def worst_steps(self) -> float | None:
        """The worst of all batch sizes."""
        return max((gap.worst_steps for gap in self.batches if gap.worst_steps is not None), default=None)

    @property
    def within_one(self) -> float | None:
        """Share of outputs within one step, over all batch sizes."""
        known = [gap for gap in self.batches if gap.within_one is not None]
        n = sum(gap.n for gap in known)
        return sum((gap.within_one or 0.0) * gap.n for gap in known) / n if n else None


@dataclass(frozen=True, slots=True)
class ExactRung(_Batches):
    """Simulated -> exact integers: what float32 arithmetic between the roundings makes otherwise.

    Attributes:
        batches: the comparison at every batch size that is used; empty if there is no such rung.
        label: who computed it.
        layers: layers that integers computed.
        why_not: why there is no such rung, or why it failed; None if there is one.
    """

    batches: tuple[BatchGap, ...] = ()
    label: str = ""
    layers: int = 0
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class BackendRung(_Batches):
    """Exact integers, or the simulation where there are none -> one backend.

    Attributes:
        backend: its name.
        label: its name for people.
        status: ``ok``, ``refused`` (the answers left the tolerance) or ``failed`` (it crashed, hung or gave up).
        reason: why it was refused or failed, or what explains a gap that may be shown.
        batches: the comparison at every batch size that is used.
        points: every rounding point that could be seen, in execution order, at the batch that differs most.
        points_in_all: rounding points of the graph.
        points_n: samples behind ``points``.
        disturbed: whether the answers changed while codes were read.
        ends: the outputs, as what the last pieces make of the backend's own codes.
        against: the rung below: ``exact integers``, or ``simulation``.
        simulated: the same comparison with the simulation, where ``against`` is exact integers.
        cost: what a gap that may be shown costs in the task's own terms.
    """

    backend: str
    label: str
    status: Status
    reason: str | None
    batches: tuple[BatchGap, ...] = ()
    points: tuple[PointDifference, ...] = ()
    points_in_all: int = 0
    points_n: int = 0
    disturbed: bool = False
    ends: tuple[EndDifference, ...] = ()
    against: str = "simulation"
    simulated: tuple[BatchGap, ...] = ()
    cost: str | None = None

    @property
    def parts(self) -> PointDifference | None:
        """The first layer at which codes differ at all."""
        return next((point for point in self.points if point.steps > 0), None)

    @property
    def grows(self) -> PointDifference | None:
        """The first layer at which they differ by more than one step."""
        return next((point for point in self.points if point.steps > 1), None)

    @property
    def wrong(self) -> PointDifference | None:
        """The first layer that is off by itself."""
        return next((point for point in self.points if point.wrong), None)


@dataclass(frozen=True, slots=True)
class Ladder(Wire):
    """All rungs of one quantized graph.

    Attributes:
        digest: of the quantized graph.
        model: the float model's name.
        recipe: the recipe's name.
        data: the data set's name.
        n: samples.
        simulated: float -> simulated.
        rungs: the backends, in the order they were asked for.
        exact: simulated -> exact integers; None in a record that is older than this rung.
    """

    digest: str
    model: str
    recipe: str
    data: str
    n: int
    simulated: SimulatedRung
    rungs: tuple[BackendRung, ...]
    exact: ExactRung | None = None
