"""What an explanation of a run's speed consists of: its layers, its parts, its causes, and the machine's ceiling."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qexplorer.core.results import Interval
from qexplorer.core.speed import Speedup
from qexplorer.core.wire import Wire
from qexplorer.machine.ceiling import Ceiling
from qexplorer.run.protocol import KernelKind

__all__ = ["Calls", "Cause", "LayerTime", "Part", "Parts", "Why"]


class Part(StrEnum):
    """What the time of a call goes into."""

    INTEGER = "integer kernels"
    FLOAT = "float kernels"
    CONVERT = "quantize, dequantize, cast"
    LAYOUT = "layout changes"
    OTHER = "moving data"
    OUTSIDE = "outside of kernels"


@dataclass(frozen=True, slots=True)
class Parts:
    """Where one model's time goes.

    Attributes:
        ms: milliseconds of one run by :class:`Part`, from the profile. ``OUTSIDE`` is the least disturbed
            unprofiled call less all kernels, where that is more than zero and calls were not noisy.
        kernels: how many kernels ran.
        least_kernel_ms: the shortest of them, at most 0.02: what starting any kernel takes at least.
    """

    ms: dict[Part, float]
    kernels: int
    least_kernel_ms: float

    @property
    def whole_ms(self) -> float:
        """Everything."""
        return sum(self.ms.values())

    @property
    def starting_ms(self) -> float:
        """What calling and starting kernels takes at least, computing nothing: an estimate from the shortest kernel."""
        return self.ms.get(Part.OUTSIDE, 0.0) + self.kernels * self.least_kernel_ms


@dataclass(frozen=True, slots=True)
class Calls:
    """Whole calls of both models, not profiled, in turn, in the process that profiled them.

    Attributes:
        float_ms: median of the rounds' medians of the float model.
        quantized_ms: the same of the quantized one.
        speedup: the paired ratio of the rounds, float over quantized.
        speedup_ci95: its interval over rounds; None below 6 rounds.
        n: calls of each.
        least_ms: the quickest rounds' medians, float and quantized: the least disturbed.
        noisy: why these times are not to be relied on; None if they are.
    """

    float_ms: float
    quantized_ms: float
    speedup: float
    speedup_ci95: Interval | None
    n: int
    least_ms: tuple[float, float]
    noisy: str | None = None

    @property
    def speed(self) -> Speedup:
        """What may be said of the speed."""
        return Speedup(self.speedup, self.speedup_ci95, "on a busy machine" if self.noisy else None)


@dataclass(frozen=True, slots=True)
class LayerTime:
    """One layer, or several that a backend computes in one kernel, in the float and in the quantized run.

    Attributes:
        name: the layer with the most work in it.
        op: its operator type.
        layers: all layers in it.
        treatment: what the recipe makes of it (see ``LayerPlan``).
        kind: what its kernel works on in the quantized run; None if nothing tells.
        predicted: whether ``kind`` is what the file and the recipe let expect, and nothing that was seen to run.
        kernel: operator type of that kernel, or None.
        float_ms: time of its kernels in the float run; None if not profiled.
        quantized_ms: time of its kernels in the quantized run, conversions apart.
        convert_ms: time of the conversions and layout changes that carry its name in the quantized run.
        macs: multiply-accumulates of one call; None if shapes are unknown.
        float_bytes: bytes it reads and writes in float (activations in and out, weights), None if unknown.
        quantized_bytes: the same in the quantized run.
        cause: key of the cause that it is counted under, or None.
    """

    name: str
    op: str
    layers: tuple[str, ...]
    treatment: str
    kind: KernelKind | None
    predicted: bool
    kernel: str | None = None
    float_ms: float | None = None
    quantized_ms: float | None = None
    convert_ms: float | None = None
    macs: int | None = None
    float_bytes: int | None = None
    quantized_bytes: int | None = None
    cause: str | None = None

    @property
    def whole_ms(self) -> float | None:
        """Kernels and conversions of the quantized run."""
        return None if self.quantized_ms is None else self.quantized_ms + (self.convert_ms or 0.0)

    @property
    def gain_ms(self) -> float | None:
        """What quantizing it saves; negative where it costs."""
        return None if self.float_ms is None or self.whole_ms is None else self.float_ms - self.whole_ms

    @property
    def float_intensity(self) -> float | None:
        """Operations (two to a multiply-accumulate) for each byte, in float."""
        return _ratio(self.macs, self.float_bytes, 2.0)

    @property
    def quantized_intensity(self) -> float | None:
        """The same in the quantized run."""
        return _ratio(self.macs, self.quantized_bytes, 2.0)

    @property
    def float_gops(self) -> float | None:
        """Giga-operations a second reached in float."""
        return _ratio(self.macs, self.float_ms, 2e-6)

    @property
    def quantized_gops(self) -> float | None:
        """Giga-operations a second reached in the quantized run, conversions apart."""
        return _ratio(self.macs, self.quantized_ms, 2e-6)


def _ratio(above: float | None, below: float | None, factor: float) -> float | None:
    return None if not above or not below else factor * above / below


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why the run is not faster.

    Attributes:
        key: name of the rule that found it.
        title: what happens, as a clause: ``6 of 9 convolutions run in float: signed activations``.
        sentence: why it happens.
        layers: the layers it is about.
        cost_ms: time of these layers (or of what the cause is about) in the quantized run; None if not profiled.
        fix: what to do about it, one sentence.
        change: the change of the recipe that does it (see ``why_fixes``); None where it is no setting of the recipe.
    """

    key: str
    title: str
    sentence: str
    layers: tuple[str, ...]
    cost_ms: float | None
    fix: str
    change: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Why(Wire):
    """Why a run is not faster, or where the rest of its time goes.

    Attributes:
        recipe: name of the recipe.
        digest: of the quantized file.
        backend: its name.
        threads: threads of one operator.
        batch: samples in one call.
        created: moment, ISO 8601, UTC.
        layers: in the order of the model.
        float_parts: where the float model's time goes; None if not profiled.
        quantized_parts: the same of the quantized one.
        calls: whole calls; None if not timed.
        causes: the dearest first.
        verdict: one sentence.
        ceiling: this machine's limits, measured in the same process; None if not measured.
        missing: what could not be had, and why, one sentence each.
        runs: profiled runs behind each kernel's median.
    """

    recipe: str
    digest: str
    backend: str
    threads: int
    batch: int
    created: str
    layers: tuple[LayerTime, ...]
    float_parts: Parts | None
    quantized_parts: Parts | None
    calls: Calls | None
    causes: tuple[Cause, ...]
    verdict: str
    ceiling: Ceiling | None = None
    missing: tuple[str, ...] = ()
    runs: int = 0

    @property
    def profiled(self) -> bool:
        """Whether there are times."""
        return self.quantized_parts is not None
