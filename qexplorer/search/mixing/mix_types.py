"""What a search for a mix asks and finds, as values. Predicted points and measured ones are two types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qexplorer.core.python_surface.show import ShownReport
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Accuracy, Energy, Latency
from qexplorer.core.wire import Wire
from qexplorer.search.costs.cost_kinds import COSTS, WEIGHT_BYTES
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = [
    "MixClock",
    "MixEdge",
    "MixGroup",
    "MixPair",
    "MixPoint",
    "MixQuestion",
    "MixReport",
    "PlainMix",
    "VerifiedMix",
    "trainings",
]

_PLAIN = (
    "most_drop",
    "as_float",
    "axis",
    "backend",
    "threads",
    "hardware_aware",
    "samples",
    "verified",
    "pairs",
    "anew",
)


@dataclass(frozen=True, slots=True)
class MixQuestion:
    """What is asked.

    Attributes:
        recipe: what all layers share: algorithms, calibrators, and what choices leave as it is. Its rules stay.
        choices: for a layer (see ``choices.py``).
        budgets: the most of each cost, as a fraction of that of the same model in int8.
        most_drop: in place of the least loss: the mix with the least of ``axis`` is looked for whose metric on samples
            kept apart drops by no more.
        as_float: the same, with a paired test of its answers that shows no loss to float.
        axis: the cost that the front is drawn over; empty: the first of the budgets, else the weights.
        backend: where latency and energy are measured, and measured mixes timed; None: nothing is timed.
        threads: of one operator, when timed.
        hardware_aware: only choices that the backend has integer kernels for, and float.
        samples: calibration samples that losses are foretold from, at most.
        verified: mixes that are quantized and measured, at most.
        pairs: groups, of those that lose most, whose pairs are measured; below 2 none are.
        anew: whether latencies of layers that are kept do not count.
    """

    recipe: Recipe
    choices: tuple[str, ...] = ("int8", "int4")
    budgets: Mapping[str, float] = field(default_factory=dict)
    most_drop: float | None = None
    as_float: bool = False
    axis: str = ""
    backend: str | None = None
    threads: int = 1
    hardware_aware: bool = False
    samples: int = 128
    verified: int = 4
    pairs: int = 4
    anew: bool = False

    @property
    def limits(self) -> dict[str, float]:
        """Budgets: 60 % of int8's weights where nothing else is asked for."""
        if self.budgets or self.most_drop is not None or self.as_float:
            return dict(self.budgets)
        return {WEIGHT_BYTES: 0.6}

    @property
    def along(self) -> str:
        """The cost that the front is drawn over."""
        return self.axis or next(iter(self.limits), WEIGHT_BYTES)

    @property
    def seeks_least(self) -> bool:
        """Whether the mix with the least cost is looked for, and not the one with the least loss."""
        return self.most_drop is not None or self.as_float

    @property
    def is_timed(self) -> bool:
        """Whether a cost that is asked about has to be measured on a backend."""
        return self.backend is not None or any(COSTS[name].timed for name in (*self.limits, self.along))

    def to_json(self) -> dict[str, Any]:
        """Plain data that :meth:`from_json` reads back."""
        rest = {name: getattr(self, name) for name in _PLAIN}
        return {
            "recipe": self.recipe.to_yaml(),
            "choices": list(self.choices),
            "budgets": dict(self.budgets),
            **rest,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MixQuestion:
        """What :meth:`to_json` told."""
        rest = {name: value[name] for name in _PLAIN}
        return cls(Recipe.parse(value["recipe"]), tuple(value["choices"]), dict(value["budgets"]), **rest)


def trainings(question: MixQuestion) -> int:
    """Recipes that a search makes and measures, about: int8, layers and pairs in their narrowest choice, and mixes."""
    pairs = question.pairs if question.pairs > 1 else 0
    return 1 + pairs + pairs * (pairs - 1) // 2 + question.verified


@dataclass(frozen=True, slots=True)
class MixGroup:
    """Layers that share one choice.

    Attributes:
        layers: their names: one, or those that share a weight, or a tensor that they read.
        parameters: values in their weights.
        choices: names of those that it has: all of the report, or fewer where a backend decides.
        losses: foretold for each, in the unit of the report.
        costs: by kind of cost (see ``costs/cost_kinds.py``), for each choice.
        source: ``evaluated`` where the loss of the weights in the narrowest format was evaluated and the others follow
            from it, ``gradient`` where all are foretold.
    """

    layers: tuple[str, ...]
    parameters: int
    choices: tuple[str, ...]
    losses: tuple[float, ...]
    costs: dict[str, tuple[float, ...]]
    source: str

    @property
    def weight_bytes(self) -> tuple[float, ...]:
        """Packed bytes of each choice, scales and zero points included."""
        return self.costs[WEIGHT_BYTES]


@dataclass(frozen=True, slots=True)
class MixPair:
    """What two groups in their narrowest choices lose together beyond what each loses alone. Measured.

    Attributes:
        first: position of one group.
        second: position of the other.
        loss: beyond the sum; below 0: their errors cancel.
        half: half the width of its 95 % interval.
    """

    first: int
    second: int
    loss: float
    half: float = 0.0

    @property
    def tells(self) -> bool:
        """Whether the samples tell it from none."""
        return abs(self.loss) > self.half


@dataclass(frozen=True, slots=True)
class MixEdge:
    """What two neighbours cost together beyond what each costs alone: conversions where one computes on codes and the
    other on floats, and bits that the second reads because the first makes them.

    Attributes:
        first: position of the group that makes what the other reads.
        second: position of the other.
        costs: by kind of cost, a row for each choice of the first, with a value for each choice of the second.
    """

    first: int
    second: int
    costs: dict[str, tuple[tuple[float, ...], ...]]


@dataclass(frozen=True, slots=True)
class MixPoint:
    """A mix as it is foretold.

    Attributes:
        choice: position of the choice of each group.
        predicted_loss: in the unit of the report.
        costs: by kind, of the whole model.
    """

    choice: tuple[int, ...]
    predicted_loss: float
    costs: dict[str, float]

    @property
    def weight_bytes(self) -> int:
        """Packed, of the weights of all layers."""
        return round(self.costs[WEIGHT_BYTES])


@dataclass(frozen=True, slots=True)
class VerifiedMix:
    """A mix that was quantized and measured on samples that neither calibration nor a final verdict uses.

    Attributes:
        point: as it was foretold; bytes and bit operations are those of its plan.
        recipe: that makes it, as YAML.
        recipe_name: what it is called; no other mix of the report is called so.
        why: what it came from, such as ``exact``.
        weight_bytes: packed, of the weights of all layers.
        found: loss and metric.
        paired: the metric beside float's on the same samples; None where the task has none.
        latency: timed beside the plain models; None where nothing was.
        energy: the same.
    """

    point: MixPoint
    recipe: str
    recipe_name: str
    why: str
    weight_bytes: int
    found: Evaluated
    paired: Accuracy | None = None
    latency: Latency | None = None
    energy: Energy | None = None


@dataclass(frozen=True, slots=True)
class PlainMix:
    """All layers in one choice, or the float model, timed.

    Attributes:
        name: of the choice; ``int8`` for what budgets are fractions of.
        call_ms: of a whole call, while the table of costs was measured.
        latency: beside the measured mixes; None where it was not timed with them.
    """

    name: str
    call_ms: float
    latency: Latency | None = None


@dataclass(frozen=True, slots=True)
class MixClock:
    """Where latency and energy were measured, and how far the table of costs can be believed.

    Attributes:
        backend: its name.
        threads: of one operator.
        form: what the table is made from (see ``costs/kernel_table.py``).
        error: mean relative error of timed variants that it was not fitted to; None where there were too few.
        n: variants that were timed for it.
        energy_source: ``measured:`` and the meter, or ``estimated``: then energy is latency times one number of watts.
        watts: that energy was worked out with, the mean over variants.
        plain: all layers alike.
        measured_at: when the table was measured, seconds since 1970; 0: not known.
        kept: the name under which it is kept (see ``costs/kept_times.py``).
    """

    backend: str
    threads: int
    form: str
    error: float | None
    n: int
    energy_source: str
    watts: float
    plain: tuple[PlainMix, ...]
    measured_at: float = 0.0
    kept: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class MixReport(ShownReport, Wire):
    """What a search found.

    Attributes:
        model: the float model's name.
        data: the data set's name.
        base: what all layers share, as YAML.
        choices: that were chosen among, the widest first.
        whole: by kind of cost, what the same model costs in int8: what budgets are fractions of. Biases and the scales
            of activations, which no choice changes, are in no bytes.
        other: by kind of cost, what no choice changes.
        budgets: of the question, as fractions of ``whole``.
        most_drop: of the question.
        as_float: of the question.
        axis: the kind of cost that the front is over.
        hardware: the backend whose integer kernels decided on choices; None: all were free.
        unit: of losses: ``nats`` or ``relative``.
        temperature: that divergences in nats are taken at (see ``tempering.py``).
        metric_name: the task's metric; None where it has none.
        n: samples kept apart, that mixes are measured on.
        groups: in graph order.
        pairs: that were measured.
        edges: neighbours that cost something together.
        front: foretold, from the least cost to the least loss.
        verified: measured; the chosen one among them.
        chosen: position in ``verified``; None where nothing is within what was asked.
        plain: the same model in int8, measured alike; None where it answers NaN or infinity.
        clock: where it was timed; None where it was not.
        notes: what a reader should know, one sentence each.
    """

    model: str
    data: str
    base: str
    choices: tuple[str, ...]
    whole: dict[str, float]
    other: dict[str, float]
    budgets: dict[str, float]
    most_drop: float | None
    as_float: bool
    axis: str
    hardware: str | None
    unit: str
    metric_name: str | None
    n: int
    groups: tuple[MixGroup, ...]
    pairs: tuple[MixPair, ...]
    edges: tuple[MixEdge, ...]
    front: tuple[MixPoint, ...]
    verified: tuple[VerifiedMix, ...]
    chosen: int | None
    plain: Evaluated | None
    clock: MixClock | None = None
    notes: tuple[str, ...] = ()
    temperature: float = 1.0

    @property
    def best(self) -> VerifiedMix | None:
        """The chosen mix."""
        return None if self.chosen is None else self.verified[self.chosen]

    @property
    def seeks_least(self) -> bool:
        """Whether the mix with the least cost was looked for."""
        return self.most_drop is not None or self.as_float

    def share(self, point: MixPoint, cost: str = "") -> float:
        """What a mix costs, as a fraction of int8; of the axis where no cost is named."""
        return point.costs[cost or self.axis] / max(self.whole[cost or self.axis], 1e-300)
