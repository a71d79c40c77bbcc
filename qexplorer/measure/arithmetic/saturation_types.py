"""What was found out about the integer arithmetic of one quantized graph: saturating pair sums, int32 accumulators."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.results import Accuracy, Interval
from qexplorer.core.wire import Wire

__all__ = ["ExactSwitch", "LayerArithmetic", "ReducedRange", "SaturationReport"]


@dataclass(frozen=True, slots=True)
class LayerArithmetic:
    """One layer that multiplies codes.

    Attributes:
        name: the layer.
        op: operator type.
        pair_bound: largest sum of two neighbouring products that input codes can bring about; 32767 fits.
        risky_pairs: share of its pairs that some input codes bring beyond int16; 0 where the kernel does not add there.
        exact_because: why its kernel never adds in int16; None if it does.
        saturated: share of pair sums that saturated on the samples; None if not run.
        worst_change: largest change of one accumulator by it, in units of the accumulator; None if not run.
        accumulator_bound: largest size that any input can bring the int32 accumulator to.
        accumulator_bits: bits that this needs, sign included; above 32 it can overflow.
        data_largest: largest size on the samples; None if not run.
        data_bits: bits that this needs.
        bias_bits: bits of the largest bias code; None without an integer bias.
        bias_reason: why there is none.
    """

    name: str
    op: str
    pair_bound: int
    risky_pairs: float
    exact_because: str | None
    saturated: float | None
    worst_change: int | None
    accumulator_bound: int
    accumulator_bits: int
    data_largest: int | None
    data_bits: int | None
    bias_bits: int | None
    bias_reason: str | None

    @property
    def at_risk(self) -> bool:
        """Whether some input makes it saturate."""
        return self.risky_pairs > 0


@dataclass(frozen=True, slots=True)
class ReducedRange:
    """The remedy of 7-bit weights, applied.

    Attributes:
        recipe: its name.
        yaml: the recipe.
        at_risk: layers that can still saturate.
        accuracy: with exact sums, which are its saturating sums too where no layer is at risk.
        weight_bytes: packed.
        failed: why it could not be applied.
    """

    recipe: str
    yaml: str
    at_risk: int | None
    accuracy: Accuracy | None
    weight_bytes: int | None
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class ExactSwitch:
    """ONNX Runtime's switch to kernels that never saturate, timed beside the usual ones in turn.

    Attributes:
        usual_ms: median of one call as it is, milliseconds.
        exact_ms: median with the switch.
        ratio: exact over usual.
        ratio_ci95: its interval.
        n: rounds, each with both.
        batch: samples of one call.
        same: whether both gave the same answers on the samples.
        reason: why it could not be timed.
    """

    usual_ms: float | None
    exact_ms: float | None
    ratio: float | None
    ratio_ci95: Interval | None
    n: int
    batch: int
    same: bool | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SaturationReport(Wire):
    """Everything.

    Attributes:
        digest: of the quantized graph.
        recipe: its recipe's name.
        n: samples.
        layers: in execution order.
        left_out: (layer, why it multiplies no codes).
        exact: accuracy with exact sums.
        saturating: with pair sums that saturate at 16 bits; its delta is against exact sums on the same samples.
        changed: samples whose class saturation changes; None if the model names none.
        worst_steps: largest change of an output in steps of its grid; None if no output is on one.
        reduced: the remedy of 7-bit weights; None if weights have 7 bits or fewer.
        switch: the remedy of exact kernels.
        this_machine: whether u8 x s8 kernels saturate here; None if the system does not tell.
        features: what decides it.
        seconds: what the emulation took.
    """

    digest: str
    recipe: str
    n: int
    layers: tuple[LayerArithmetic, ...]
    left_out: tuple[tuple[str, str], ...]
    exact: Accuracy
    saturating: Accuracy
    changed: int | None
    worst_steps: float | None
    reduced: ReducedRange | None
    switch: ExactSwitch | None
    this_machine: bool | None
    features: tuple[str, ...]
    seconds: float

    @property
    def at_risk(self) -> tuple[LayerArithmetic, ...]:
        """The layers that some input makes saturate."""
        return tuple(layer for layer in self.layers if layer.at_risk)
