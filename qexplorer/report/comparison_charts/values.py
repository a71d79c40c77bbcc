"""The numbers of a comparison that are drawn: each with its interval, its unit and a note where it is uncertain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qexplorer.core.results import Interval, Run, Status
from qexplorer.report.chart_frame import lines_of
from qexplorer.report.palette import NEUTRAL
from qexplorer.run.registry import backend_label

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Comparison

__all__ = ["MEASURES", "Measure", "Value", "axis_end", "label_of", "made_on", "scaled_unit", "title_of", "value_of"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A cost that runs are compared by: its title and the unit that results are in."""

    title: str
    unit: str


MEASURES: dict[str, Measure] = {
    "weight_bytes": Measure("weight size", "B"),
    "file_bytes": Measure("file size", "B"),
    "latency_ms": Measure("latency", "ms"),
    "energy_mj": Measure("energy per inference", "mJ"),
}

# unit -> (unit, factor, smallest value it reads well for), largest first
_SCALES: dict[str, tuple[tuple[str, float, float], ...]] = {
    "B": (("GB", 1e-9, 1e9), ("MB", 1e-6, 1e6), ("kB", 1e-3, 1e3), ("B", 1.0, 0.0)),
    "ms": (("s", 1e-3, 2e3), ("ms", 1.0, 1.0), ("µs", 1e3, 0.0)),
    "mJ": (("J", 1e-3, 1e3), ("mJ", 1.0, 0.1), ("µJ", 1e3, 0.0)),
    "samples/s": (("samples/s", 1.0, 0.0),),
}


_FAR = 1.6


@dataclass(frozen=True, slots=True)
class Value:
    """A number with its 95 % interval, if it has one; ``note`` says what makes it uncertain (estimated, noisy)."""

    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def uncertain(self) -> bool:
        """Whether it must not look like a solid measurement."""
        return bool(self.note)

    @property
    def ends(self) -> tuple[float, ...]:
        """The value and the ends of its interval."""
        return tuple(v for v in (self.low, self.value, self.high) if v is not None)

    def times(self, factor: float) -> Value:
        """The same in another unit."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        return Value(self.value * factor, low, high, self.note)


def axis_end(values: Sequence[Value]) -> float:
    """Where an axis from zero ends: behind every value, and behind every interval that is not far longer than they are.

    One interval of 0.3 to 6.8 beside values of 0.3 would press all the others to the left: an interval that ends
    ``_FAR`` times beyond the largest value is drawn as going on.
    """
    largest = max((value.value for value in values), default=0.0) or 1.0
    highest = max((value.high or 0.0 for value in values), default=0.0)
    return 1.06 * max(largest, min(highest, _FAR * largest))


def label_of(run: Run, runs: Sequence[Run]) -> str:
    """What to call a run: its recipe, and its backend where there are several, or two recipes share a name."""
    backends = {r.backend for r in runs}
    twins = sum(r.recipe == run.recipe and r.backend == run.backend for r in runs) > 1
    where = f", {backend_label(run.backend)}" if len(backends) > 1 else ""
    return run.recipe + where + (f" ({run.digest[:4]})" if twins else "")


def value_of(run: Run, measure: str, runs: Sequence[Run]) -> tuple[Value | None, str | None]:
    """A run's cost in the unit of ``MEASURES[measure]``, or None and why there is none."""
    if run.status is not Status.OK:
        return None, f"{run.status}: {run.reason}"
    if measure == "latency_ms":
        return _latency(run)
    if measure == "energy_mj":
        return _energy(run, runs)
    if run.size is None:
        return None, "the size is not known"
    return Value(float(getattr(run.size, measure))), None


def _latency(run: Run) -> tuple[Value | None, str | None]:
    found = run.latency_ms
    if found is None or found.p50 is None:
        return None, (found.reason if found else None) or "latency was not measured"
    note = "" if found.valid else found.reason or "noisy"
    return Value(found.p50, *_ends(found.ci95), note), None


def _energy(run: Run, runs: Sequence[Run]) -> tuple[Value | None, str | None]:
    found = run.energy_mj
    if found is None or found.value is None:
        return None, (found.reason if found else None) or "energy was not measured"
    estimated = not found.source.startswith("measured")
    measured = any(r.energy_mj and r.energy_mj.value and r.energy_mj.source.startswith("measured") for r in runs)
    if estimated and measured:
        return None, "estimated, while other runs were measured: the two are never compared"
    notes = ["estimated"] if estimated else []
    timed = run.latency_ms  # energy is taken from the rounds that were timed
    notes += [] if found.valid else [(timed and timed.doubt) or "from disturbed rounds"]
    return Value(found.value, *_ends(found.ci95), ", ".join(notes)), None


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return interval if interval is not None else (None, None)


def scaled_unit(unit: str, values: Sequence[float]) -> tuple[str, float]:
    """The unit in which the largest of ``values`` reads well, and the factor to get there."""
    largest = max(values, default=0.0)
    for name, factor, least in _SCALES[unit]:
        if largest >= least:
            return name, factor
    return unit, 1.0


def made_on(comparison: Comparison) -> str:
    """Model, samples, machine, moment and how long timing was allowed to take, as they stand under every chart."""
    when = comparison.created[:16].replace("T", " ")
    judged = comparison.data.get("n_judged")
    on = f", {judged:,} samples of {comparison.data.get('name')}" if isinstance(judged, int) else ""
    where = f"{comparison.model.get('name', '')}{on}, {comparison.machine_text}"
    return f"{where}, {when} UTC, effort {comparison.effort}"


def title_of(title: str, subtitle: str) -> dict[str, Any]:
    """A chart's title, with model, machine and moment under it in a grey that both themes can show."""
    small = {"subtitle": lines_of(subtitle), "subtitleColor": NEUTRAL, "subtitleFontSize": 11}
    return {"text": title, "anchor": "start", **small}
