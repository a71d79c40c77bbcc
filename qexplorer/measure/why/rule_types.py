"""What rules about causes see, and what a rule is made of (see :mod:`~qexplorer.measure.why.rules`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qexplorer.core.formats import Storage, get_format
from qexplorer.core.recipe import Recipe
from qexplorer.machine.ceiling import Ceiling
from qexplorer.measure.why.explanation import LayerTime
from qexplorer.measure.why.facts import LayerFacts
from qexplorer.measure.why.words import counted, operators
from qexplorer.run.protocol import Backend, KernelKind

__all__ = ["Case", "CauseRule", "Found", "World", "needs_a_cause"]

_GAIN = 0.1  # a layer whose time falls by less than this share does not gain
_SHARE = 0.01  # what takes less of the call than this is not worth a cause
_DEAR = 0.05  # a layer that multiplies nothing and is left in float is one from this share of the call on
_RESOLVED = 4.0  # nor what takes less than as many of the shortest kernels


@dataclass(frozen=True, slots=True)
class World:
    """What rules know beside the layer itself.

    Attributes:
        recipe: what was asked for.
        backend: where it runs.
        features: of the processor; None if the system does not say.
        ceiling: this machine's limits; None if not measured.
        facts: of every layer.
        rows: all layers.
        call_ms: one call of the quantized model; None if not timed.
        least_ms: the shortest kernel of the profile, which is about what it can resolve; None if not profiled.
    """

    recipe: Recipe
    backend: Backend
    features: tuple[str, ...] | None
    ceiling: Ceiling | None
    facts: Mapping[str, LayerFacts]
    rows: Sequence[LayerTime]
    call_ms: float | None = None
    least_ms: float | None = None

    @property
    def on_cpu(self) -> bool:
        """Whether the backend computes on the processor."""
        return self.backend.capabilities.device == "cpu"

    def lacks(self, features: Sequence[str]) -> bool:
        """Whether the processor is known to have none of ``features``; never said of a GPU."""
        return self.on_cpu and self.features is not None and bool(features) and not set(features) & set(self.features)


@dataclass(frozen=True, slots=True)
class Case:
    """One layer that needs a cause."""

    row: LayerTime
    fact: LayerFacts
    world: World

    @property
    def floats(self) -> bool:
        """Whether it runs in float although the recipe asks for integers."""
        return self.row.kind is KernelKind.FLOAT and self.row.treatment in ("quantized", "dynamic", "passthrough")

    @property
    def measured(self) -> bool:
        """Whether its kernels were seen to run."""
        return not self.row.predicted

    @property
    def channels(self) -> int:
        """Input channels that each output of a convolution sums over; 0 where that is not known."""
        shape = self.fact.layer.weight_shape
        return shape[1] if len(shape) > 2 else 0

    @property
    def activation_bits(self) -> int:
        """Bits of its activations; 0 if nothing is asked of them."""
        return 0 if self.fact.activations is None else get_format(self.fact.activations.format).bits

    @property
    def weight_bits(self) -> int:
        """Bits of its weights; 0 if it has none or nothing is asked of them."""
        return 0 if self.fact.weights is None else get_format(self.fact.weights.format).bits

    @property
    def decodes_weights(self) -> bool:
        """Whether its weights are in a format that no kernel computes on: a table, or small floats."""
        if self.fact.weights is None:
            return False
        return get_format(self.fact.weights.format).storage in (Storage.TABLE, Storage.FLOAT8)


@dataclass(frozen=True, slots=True)
class Found:
    """The layers that one rule applies to."""

    rows: tuple[LayerTime, ...]
    world: World

    @property
    def facts(self) -> tuple[LayerFacts, ...]:
        """Facts of the layers that give the rows their names."""
        return tuple(self.world.facts[row.name] for row in self.rows)

    @property
    def label(self) -> str:
        """The backend, for people."""
        return self.world.backend.label

    @property
    def run(self) -> str:
        """``6 of 9 convolutions run``."""
        return f"{counted(self.rows, self.world.rows)} {'runs' if len(self.rows) == 1 else 'run'}"

    @property
    def operators(self) -> str:
        """Operator types, each once."""
        return operators(self.rows)

    @property
    def reasons(self) -> str:
        """Why the plan treats them as it does, up to three reasons."""
        return "; ".join(list(dict.fromkeys(fact.reason for fact in self.facts))[:3]) + "."


Words = str | Callable[[Found], str]
Change = Mapping[str, Any] | Callable[[Found], Mapping[str, Any] | None] | None


@dataclass(frozen=True, slots=True)
class CauseRule:
    """One cause.

    Attributes:
        key: its name.
        applies: whether a layer that needs a cause has this one.
        title: what these layers do, after ``6 of 9 convolutions run``.
        sentence: why it is so.
        fix: what helps, one sentence.
        change: the change of the recipe that does it (see ``why_fixes``), or None.
    """

    key: str
    applies: Callable[[Case], bool]
    title: Words
    sentence: Words
    fix: Words
    change: Change = field(default=None)


def needs_a_cause(row: LayerTime, world: World) -> bool:
    """Whether a layer runs in float, or in integers and gains next to nothing by it."""
    if row.kind is KernelKind.FLOAT:
        dear = (row.whole_ms or 0.0) > _DEAR * (world.call_ms or 0.0)
        return bool(row.macs) or row.treatment != "float" or (dear and not row.predicted)
    if row.kind is not KernelKind.INTEGER:
        return False
    if row.gain_ms is None or row.float_ms is None or row.whole_ms is None:
        return row.predicted
    worth = max(_SHARE * (world.call_ms or 0.0), _RESOLVED * (world.least_ms or 0.0))
    return row.gain_ms < _GAIN * row.float_ms and row.whole_ms > worth
