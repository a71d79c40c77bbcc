"""A comparison as a table: in a notebook, as a tidy pandas frame, as a chart, as the JSON that the terminal prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qexplorer.core.results import Interval, Run
from qexplorer.core.show import as_html

if TYPE_CHECKING:
    import altair
    import pandas as pd

    from qexplorer.measure.comparison import Comparison

__all__ = ["COLUMNS", "ComparisonTable", "frame_of", "plain", "printed", "row_of"]

COLUMNS: tuple[str, ...] = (
    *("recipe", "digest", "backend", "status", "reason"),
    *("metric", "accuracy", "accuracy_low", "accuracy_high", "n", "delta", "delta_low", "delta_high"),
    *("unit", "direction", "mcnemar_p", "fixed", "broken", "file_bytes", "weight_bytes"),
    *("latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "latency_low_ms", "latency_high_ms", "latency_n"),
    *("latency_valid", "batch", "threads", "speedup", "speedup_low", "speedup_high", "throughput_per_s"),
    *(
        "latency_p90_low_ms",
        "latency_p90_high_ms",
        "latency_p99_low_ms",
        "latency_p99_high_ms",
        "latency_loads",
        "load",
    ),
    *("peak_rss_bytes", "steady_rss_bytes", "energy_mj", "energy_low_mj", "energy_high_mj", "energy_source"),
    *("argmax_agreement", "max_lsb", "exact", "integer_kernels", "float_kernels"),
)

_WHOLE = (
    *("n", "fixed", "broken", "file_bytes", "weight_bytes", "latency_n", "batch", "threads", "peak_rss_bytes"),
    *("steady_rss_bytes", "latency_loads"),
    *("integer_kernels", "float_kernels"),
)


class ComparisonTable:
    """What :func:`qexplorer.compare` returns.

    Args:
        comparison: the finished comparison.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @property
    def runs(self) -> tuple[Run, ...]:
        """One run per backend and recipe, the float model first for each backend."""
        return self.comparison.runs

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the numbers were measured with, one phrase each: machine, samples, calls, batch and threads."""
        return _conditions(self.comparison)

    def to_frame(self) -> pd.DataFrame:
        """One row per run, one column per quantity (:data:`COLUMNS`, then further metrics), units in the names; what is
        missing stays so."""
        return frame_of(self.runs)

    def chart(self, against: str = "weight_bytes") -> altair.LayerChart:
        """The task's primary metric against size, latency or energy.

        Args:
            against: ``weight_bytes``, ``file_bytes``, ``latency_ms`` or ``energy_mj``.
        """
        from qexplorer.report.comparison_charts.tradeoff import accuracy_against

        return accuracy_against(self.comparison, against)

    def to_json(self) -> dict[str, Any]:
        """Plain data, exactly what ``qexplorer compare --json`` prints: ``model``, ``machine``, ``runs`` and more."""
        return printed(self.comparison)

    def __repr__(self) -> str:
        return f"ComparisonTable({', '.join(f'{run.recipe} on {run.backend}' for run in self.runs)})"

    def _repr_html_(self) -> str:
        return as_html(self)


def frame_of(runs: tuple[Run, ...]) -> pd.DataFrame:
    """A tidy frame of ``runs``, one row each: columns :data:`COLUMNS`, then those of each further metric."""
    import pandas as pd

    further = list(dict.fromkeys(name for run in runs for name in _further(run)))
    frame = pd.DataFrame([row_of(run) | _further(run) for run in runs], columns=[*COLUMNS, *further])
    return frame.astype(dict.fromkeys(_WHOLE, "Int64"))  # pandas would make floats of whole numbers beside missing ones


def row_of(run: Run) -> dict[str, Any]:
    """One run as a flat row with the keys :data:`COLUMNS`; what could not be had is None."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"recipe": run.recipe, "digest": run.digest, "backend": run.backend, "status": str(run.status)}
    row |= {"reason": run.reason, "throughput_per_s": run.throughput_per_s}
    _accuracy(row, run)
    _cost(row, run)
    if run.fidelity:
        row |= {key: getattr(run.fidelity, key) for key in ("argmax_agreement", "max_lsb", "exact")}
    if run.kernels:
        row |= {"integer_kernels": sum(run.kernels.integer.values()), "float_kernels": sum(run.kernels.float.values())}
    return row


def _accuracy(row: dict[str, Any], run: Run) -> None:
    found = run.accuracy
    if found is None:
        return
    row |= {"metric": found.metric, "accuracy": found.value, "n": found.n, "delta": found.delta}
    row |= {"unit": found.unit, "direction": found.direction}
    row |= {"mcnemar_p": found.mcnemar_p, "fixed": found.fixed, "broken": found.broken}
    row |= _bounds("accuracy_{}", found.ci95) | _bounds("delta_{}", found.delta_ci95)


def _further(run: Run) -> dict[str, Any]:
    """The further metrics of the task, columns named after them: ``rmse``, ``rmse_low``, ..., ``rmse_delta_high``."""
    row: dict[str, Any] = {}
    for found in run.metrics:
        row |= {found.metric: found.value} | _bounds(f"{found.metric}_{{}}", found.ci95)
        row |= {f"{found.metric}_delta": found.delta} | _bounds(f"{found.metric}_delta_{{}}", found.delta_ci95)
    return row


def _cost(row: dict[str, Any], run: Run) -> None:
    if run.size:
        row |= {"file_bytes": run.size.file_bytes, "weight_bytes": run.size.weight_bytes}
    if run.latency_ms:
        took = run.latency_ms
        row |= {f"latency_p{p}_ms": getattr(took, f"p{p}") for p in (50, 90, 99)}
        row |= {"latency_n": took.n, "latency_valid": took.valid, "batch": took.batch, "threads": took.threads}
        row |= {"speedup": took.speedup} | _bounds("speedup_{}", took.speedup_ci95)
        row |= _bounds("latency_{}_ms", took.ci95) | {"latency_loads": took.loads, "load": took.load}
        row |= _bounds("latency_p90_{}_ms", took.p90_ci95) | _bounds("latency_p99_{}_ms", took.p99_ci95)
    if run.memory:
        row |= {key: getattr(run.memory, key) for key in ("peak_rss_bytes", "steady_rss_bytes")}
    if run.energy_mj:
        row |= {"energy_mj": run.energy_mj.value, "energy_source": run.energy_mj.source}
        row |= _bounds("energy_{}_mj", run.energy_mj.ci95)


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = interval if interval is not None else (None, None)
    return {name.format("low"): low, name.format("high"): high}


def printed(comparison: Comparison) -> dict[str, Any]:
    """What is printed of a comparison: all but what only the app's record needs (files, single predictions)."""
    value = comparison.to_json()
    kept = ("id", "created", "effort", "model", "data", "machine", "recipes", "runs")
    shown = {key: plain(value[key]) for key in kept}
    shown["model"] = {key: item for key, item in shown["model"].items() if key != "path"}
    return shown


def _conditions(comparison: Comparison) -> tuple[str, ...]:
    runs = comparison.runs
    facts = [str(comparison.machine["cpu"])] if comparison.machine.get("cpu") else []
    judged = [run.accuracy for run in runs if run.accuracy and run.accuracy.value is not None]
    timed = [run.latency_ms for run in runs if run.latency_ms and run.latency_ms.p50 is not None]
    if judged:
        facts.append(f"{judged[0].label} on {max(found.n for found in judged)} samples, 95 % intervals")
    if timed:
        first, calls = timed[0], min(found.n for found in timed)
        threads = f"{first.threads} thread{'' if first.threads == 1 else 's'}"
        facts.append(f"latency: median of {calls} calls or more, batch {first.batch}, {threads}")
        facts += sorted({found.load for found in timed if found.load})
        facts.append(f"effort {comparison.effort}")
    return tuple(facts)


def plain(value: Any) -> Any:
    """``value`` with nothing that JSON lacks: NaN and infinities become None, tuples lists, keys strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        return plain(value.item())
    return value
