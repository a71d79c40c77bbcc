"""Numbers as people read them: with their unit, as many digits as they carry, and a reason where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.results import Accuracy, Energy, Fidelity, Latency, Memory, Run, Status
from qexplorer.report.metric_words import delta_name, difference_text, metric_of, others_of, with_interval

__all__ = [
    "accuracy_text",
    "bytes_text",
    "count_text",
    "delta_text",
    "energy_text",
    "fidelity_text",
    "latency_text",
    "memory_text",
    "run_cells",
    "speedup_text",
]

NONE = "–"  # noqa: RUF001 - an en dash is what an empty cell shows

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def bytes_text(value: int | None) -> str:
    """``1234567`` as ``1.23 MB`` (decimal units)."""
    if value is None:
        return NONE
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value} B"


def count_text(value: int | None) -> str:
    """``1234567`` as ``1.23 M``; exact below ten thousand."""
    if value is None:
        return NONE
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    return str(value)


def accuracy_text(found: Accuracy | None) -> str:
    """A metric with its interval, ``98.7 % (97.4 to 99.3)``."""
    return NONE if found is None or found.value is None else with_interval(found)


def delta_text(found: Accuracy | None) -> str:
    """The difference to float in points or the metric's unit, ``-0.2 (-0.6 to +0.1)``."""
    return NONE if found is None else difference_text(found) or NONE


def latency_text(found: Latency | None) -> str:
    """The median, ``1.23 ms``, followed by ``(too noisy)`` when the measurement is not valid."""
    if found is None or found.p50 is None:
        return NONE
    return f"{found.p50:.3g} ms{'' if found.valid else ' (too noisy)'}"


def speedup_text(found: Latency | None) -> str:
    """``1.9x`` against float on the same backend; nothing for an invalid measurement."""
    if found is None or found.speedup is None or not found.valid:
        return NONE
    return f"{found.speedup:.3g}x"


def memory_text(found: Memory | None) -> str:
    """Peak resident size, and what it settles at: ``61 MB, then 58 MB``."""
    if found is None:
        return NONE
    steady = "" if found.steady_rss_bytes is None else f", then {bytes_text(found.steady_rss_bytes)}"
    return bytes_text(found.peak_rss_bytes) + steady


def energy_text(found: Energy | None) -> str:
    """``0.41 mJ measured`` or ``0.41 mJ estimated``: the word is never left out."""
    if found is None or found.value is None:
        return NONE
    return f"{found.value:.2g} mJ {found.source.partition(':')[0]}"


def fidelity_text(found: Fidelity | None) -> str:
    """How near the backend is to the simulation: ``exact``, ``1 step``, or the argmax agreement."""
    if found is None:
        return NONE
    if found.exact:
        return "exact"
    if found.max_lsb is not None:
        return f"{found.max_lsb:.3g} step{'' if found.max_lsb == 1 else 's'}"
    return NONE if found.argmax_agreement is None else f"{100 * found.argmax_agreement:.1f} % same"


def run_cells(run: Run, runs: Sequence[Run] = ()) -> dict[str, str]:
    """The cells of one row of a comparison, as text; for a run without numbers its reason stands in the last.

    Args:
        run: the row.
        runs: all rows, which tell the metrics that have a column; ``run`` alone if there are no others.
    """
    judged = metric_of(runs or (run,))
    name, delta = ("metric", "Δ") if judged is None else (judged.label, delta_name(judged))
    own = {each.metric: each for each in run.metrics}
    return {
        "recipe": run.recipe,
        "backend": run.backend,
        name: accuracy_text(run.accuracy),
        delta: delta_text(run.accuracy),
        **{each.label: accuracy_text(own.get(each.metric)) for each in others_of(runs or (run,))},
        "weights": NONE if run.size is None else bytes_text(run.size.weight_bytes),
        "file": NONE if run.size is None else bytes_text(run.size.file_bytes),
        "latency": latency_text(run.latency_ms),
        "speed-up": speedup_text(run.latency_ms),
        "memory": memory_text(run.memory),
        "energy": energy_text(run.energy_mj),
        "fidelity": fidelity_text(run.fidelity),
        "status": str(run.status) if run.status is Status.OK else f"{run.status}: {run.reason}",
    }
