"""What was found out about a quantized model, field by field as ``qexplorer compare --json`` prints it.

A value that could not be had is None, and ``reason`` beside it says why; it is never 0. Accuracies and rates are
fractions of 1. Intervals are 95 % confidence intervals ``(low, high)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from qexplorer.core.python_surface.show import as_html
from qexplorer.core.speed import Speedup
from qexplorer.core.usage import Usage
from qexplorer.core.wire import Wire

__all__ = [
    "Accuracy",
    "Energy",
    "Fidelity",
    "Interval",
    "Kernels",
    "Latency",
    "Memory",
    "Run",
    "Size",
    "Status",
    "described",
]

Interval = tuple[float, float]


def described(title: str, help: str, text: str = "{}", *, brief: bool = True) -> dict[str, Any]:
    """Metadata of a field that is one number or word: with it the field is a column wherever runs are shown.

    Args:
        title: its heading.
        help: what it is, a sentence.
        text: how its value is written, as for ``str.format``.
        brief: whether the terminal and a notebook show it too; the app, the CSV and the frame always do.
    """
    return {"title": title, "help": help, "text": text, "brief": brief}


class Status(StrEnum):
    """How a run ended: ``refused`` means its answers left the tolerance, so its numbers are not shown."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Accuracy(Wire):
    """One metric of the data's task: how often the model is right, its RMSE, how near it is to float, ...

    ``batch`` is how many samples were judged at a time. ``delta`` is against the float model on the same backend and
    the same samples, with a paired interval; ``mcnemar_p`` is exact and two-sided; ``fixed`` and ``broken`` count
    samples that float had wrong and this run has right, and the reverse. ``flipped`` are positions in the evaluation
    split where the class named changed.

    Facts of the metric come along, so that whoever shows the result need not know it: ``title`` (inside a sentence;
    the name, if None), ``unit`` (``%``: the value is a fraction of 1, shown times 100, differences in points),
    ``direction`` (``higher`` or ``lower`` is better), ``bounds`` of the scale, ``form`` (how the value is written in
    its unit), ``clause`` (how a verdict says it) and ``enough`` (where the value itself compares with float: beyond it
    is worse).
    """

    metric: str
    value: float | None
    ci95: Interval | None = None
    n: int = 0
    delta: float | None = None
    delta_ci95: Interval | None = None
    mcnemar_p: float | None = None
    fixed: int | None = None
    broken: int | None = None
    flipped: tuple[int, ...] = ()
    reason: str | None = None
    title: str | None = None
    unit: str = "%"
    direction: str = "higher"
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    form: str = ".1f"
    clause: str = "{value} of {n} samples right"
    enough: float | None = None
    batch: int | None = None

    @property
    def label(self) -> str:
        """What to call the metric inside a sentence."""
        return self.title or self.metric

    @property
    def gain(self) -> float | None:
        """``delta`` with the sign that better answers have."""
        return None if self.delta is None else self.delta if self.direction == "higher" else -self.delta

    @classmethod
    def brought_up(cls, value: Any) -> Any:
        """Results brought no facts along formerly."""
        if isinstance(value, dict) and "unit" not in value and value.get("metric") == "agreement":
            clause = "says what float says on {value} of {n} samples{interval}"
            return {**value, "title": "agreement with float", "enough": 0.95, "clause": clause}
        return value


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: ``file_bytes`` of the ONNX file, ``weight_bytes`` of weights, scales and zero points, packed.

    ``stored_bytes`` is the same as the file has it: codes narrower than 8 bits stand in a wider type where that is
    what integer kernels read, and ``carried`` says which in which. None: a record from before it was told.
    """

    file_bytes: int
    weight_bytes: int
    stored_bytes: int | None = None
    carried: str | None = None

    @property
    def widened(self) -> bool:
        """Whether the file keeps codes wider than they are."""
        return self.stored_bytes is not None and self.stored_bytes > self.weight_bytes


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of one call with ``batch`` samples on ``threads`` threads, over ``n`` timed calls.

    ``ci95`` is the interval of the median, ``p90_ci95`` and ``p99_ci95`` of those quantiles; None where there were
    too few calls. ``valid`` is False when the machine was too noisy for the milliseconds to be those of the model;
    ``reason`` says how. ``speedup`` is the paired ratio, float over this run, on the same backend in the same rounds,
    with its interval: noise slows both, so it holds whatever ``valid`` says, and is None where its interval says
    nothing (:class:`~qexplorer.core.speed.Speedup`). ``loads`` counts how many times the model was loaded anew
    meanwhile. ``load`` says what other programs took of the processors before or during it; None if nothing.
    """

    p50: float | None
    p90: float | None
    p99: float | None
    ci95: Interval | None
    n: int
    batch: int
    threads: int
    valid: bool
    speedup: float | None = None
    speedup_ci95: Interval | None = None
    reason: str | None = None
    p90_ci95: Interval | None = None
    p99_ci95: Interval | None = None
    loads: int = 1
    load: str | None = None

    @property
    def doubt(self) -> str | None:
        """How the machine was while this was measured, in words; None if it was quiet."""
        return None if self.valid else "on a busy machine" if self.load else "on an unsteady machine"

    @property
    def speed(self) -> Speedup:
        """What may be said of its speed against float's."""
        return Speedup(self.speedup, self.speedup_ci95, self.doubt)


@dataclass(frozen=True, slots=True)
class Throughput:
    """Samples a second at the median call of one batch size, over ``n`` timed calls, with the interval of that median.

    ``valid`` is False when the machine was too noisy, or there were too few rounds; ``reason`` says how.
    """

    value: float
    ci95: Interval | None = None
    n: int = 0
    valid: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a fresh process that loads the model and runs it: the highest resident size, and of that what the
    runtime alone takes before the model is loaded (``baseline_rss_bytes``). ``steady_rss_bytes`` is what it settles
    at: the median of ``steady_n`` looks, one after each further run. ``n`` counts the processes."""

    peak_rss_bytes: int | None
    baseline_rss_bytes: int | None = None
    reason: str | None = None
    n: int = 0
    steady_rss_bytes: int | None = None
    steady_n: int = 0


@dataclass(frozen=True, slots=True)
class Energy:
    """Millijoules of one inference of one sample. ``source`` is ``measured:<meter>`` or ``estimated``; the two are
    never compared with each other. ``n`` counts the calls behind the number. The interval of an estimate is that of
    the processor time, not of the assumed watts.

    ``valid`` is False where other work disturbed the rounds. ``ratio`` is the paired ratio, this run over float, from
    the same rounds, with its interval: what survives noise, and None where its interval says nothing.
    """

    value: float | None
    ci95: Interval | None
    source: str
    reason: str | None = None
    n: int = 0
    valid: bool = True
    ratio: float | None = None
    ratio_ci95: Interval | None = None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How near a backend is to what the graph says, on the same samples and batch sizes.

    ``against`` is what it was compared with: the ``simulation``, or ``exact integers`` where the simulation left
    something open. ``max_lsb`` is the worst difference in steps of the output's grid (None if the output is not on a
    grid); ``exact`` is True when no output differs at all; ``within_one_step`` is the share of output values within one
    step (None if the output is not on a grid, or the record is older than this field). ``samples_by_batch`` are the
    samples compared at each batch size, ``n`` all of them together. ``cost`` says what a gap that may be shown costs,
    in the task's own terms.
    """

    argmax_agreement: float | None
    max_lsb: float | None
    exact: bool | None
    n: int = 0
    reason: str | None = None
    within_one_step: float | None = None
    against: str = "simulation"
    samples_by_batch: dict[int, int] = field(default_factory=dict)
    cost: str | None = None


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels that really ran, operator type -> count, read from the backend's own optimized graph.

    ``other`` holds what computes nothing: conversions between floats and codes, and moving data.
    """

    integer: dict[str, int]
    float: dict[str, int]
    other: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run(Wire):
    """One recipe on one backend.

    ``accuracy`` is the primary metric of the data's task, ``metrics`` are its others.
    ``throughput_by_batch`` is samples per second at each batch size, ``throughput_per_s`` the best of them. ``usage``
    is what the machine did while it was timed. ``notes`` say what somebody who takes the file to this backend must know
    to get the same: settings beside its defaults, and what it computes otherwise than the graph says.
    """

    recipe: str
    digest: str
    backend: str
    status: Status
    reason: str | None = None
    accuracy: Accuracy | None = None
    metrics: tuple[Accuracy, ...] = ()
    size: Size | None = None
    latency_ms: Latency | None = None
    throughput_per_s: float | None = None
    throughput_by_batch: dict[int, Throughput] = field(default_factory=dict)
    memory: Memory | None = None
    energy_mj: Energy | None = None
    fidelity: Fidelity | None = None
    kernels: Kernels | None = None
    usage: Usage | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def brought_up(cls, value: Any) -> Any:
        """Rates had no intervals formerly: numbers, with their calls beside them in ``throughput_n``."""
        if not isinstance(value, dict):
            return value
        counts = value.get("throughput_n") or {}
        rates = {
            batch: rate if isinstance(rate, dict) else {"value": rate, "n": counts.get(batch, 0)}
            for batch, rate in (value.get("throughput_by_batch") or {}).items()
        }
        return {**value, "throughput_by_batch": rates}

    @property
    def throughput(self) -> tuple[int, Throughput] | None:
        """The batch size with the highest throughput, and that; of those that are valid, if any is."""
        rates = self.throughput_by_batch.items()
        found = [each for each in rates if each[1].valid] or list(rates)
        return max(found, key=lambda each: each[1].value, default=None)

    def _repr_html_(self) -> str:
        return as_html(self)
