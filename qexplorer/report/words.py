"""Numbers as people read them: with their unit, as many digits as they carry, and a reason where there is none."""

from __future__ import annotations

from qexplorer.core.results import Accuracy, Energy, Fidelity, Interval, Kernels, Latency, Memory, Run, Size
from qexplorer.core.words.numbers import NONE, number_text, numbers_text
from qexplorer.report.metric_words import difference_text, with_interval

__all__ = [
    "NONE",
    "accuracy_cell",
    "accuracy_text",
    "bytes_text",
    "carried_text",
    "count_text",
    "delta_text",
    "energy_cell",
    "energy_text",
    "fidelity_text",
    "flips_cell",
    "kernels_cell",
    "latency_cell",
    "latency_text",
    "memory_text",
    "p_cell",
    "speedup_cell",
    "speedup_text",
    "throughput_cell",
]

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def bytes_text(value: int | None) -> str:
    """``1234567`` as ``1.23 MB`` (decimal units)."""
    if value is None:
        return NONE
    for size, unit in _UNITS:
        if value >= size:
            return f"{number_text(value / size)} {unit}"
    return f"{value} B"


def carried_text(size: Size, base: Size | None = None) -> str:
    """What the file has in place of packed codes, and what would have to read those; empty where nothing is wider."""
    if not size.widened or size.stored_bytes is None:
        return ""
    stored = bytes_text(size.stored_bytes)
    if base is not None and base.weight_bytes:
        stored = f"{size.stored_bytes / base.weight_bytes:.2g} of them"
    who = "" if size.carried is None else f": {size.carried}, until kernels read them packed"
    return f" packed, {stored} as the file stores them{who}"


def count_text(value: int | None) -> str:
    """``1234567`` as ``1.23 M``; exact below ten thousand."""
    if value is None:
        return NONE
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{number_text(value / (1e3 if unit == 'k' else size))} {unit}"
    return str(value)


def accuracy_text(found: Accuracy | None) -> str:
    """A metric with its interval, ``98.7 % (97.4 to 99.3)``."""
    return NONE if found is None or found.value is None else with_interval(found)


def delta_text(found: Accuracy | None) -> str:
    """The difference to float in points or the metric's unit, ``-0.2 (-0.6 to +0.1)``."""
    return NONE if found is None else difference_text(found) or NONE


def latency_text(found: Latency | None) -> str:
    """The median, ``1.23 ms``, followed by ``(noisy)`` when the machine was busy."""
    if found is None or found.p50 is None:
        return NONE
    return f"{number_text(found.p50)} ms{'' if found.valid else ' (noisy)'}"


def speedup_text(found: Latency | None) -> str:
    """``1.9x (1.8 to 2.0)`` against float on the same backend; the interval alone where the ratio says nothing."""
    return _speedup(found, "x")


def speedup_cell(found: Latency | None) -> str:
    """``1.90× (1.80 to 2.00)``: as :func:`speedup_text`, for the app."""
    return _speedup(found, "×")  # noqa: RUF001 - the sign for times


def _speedup(found: Latency | None, times: str) -> str:
    if found is None or found.speed.ci95 is None:
        return NONE
    low, high = found.speed.ci95
    ends = f"({low:.2f} to {high:.2f})"
    return f"none seen {ends}" if found.speed.shown is None else f"{found.speed.shown:.2f}{times} {ends}"


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
    kind = found.source.partition(":")[0]
    return f"{number_text(found.value, 2)} mJ {kind}{'' if found.valid else ' (noisy)'}"


def fidelity_text(found: Fidelity | None) -> str:
    """How near the backend is to the simulation: ``exact``, ``1 step``, or the argmax agreement."""
    if found is None:
        return NONE
    if found.exact:
        return "exact"
    if found.max_lsb is not None:
        return f"{found.max_lsb:.3g} step{'' if found.max_lsb == 1 else 's'}"
    return NONE if found.argmax_agreement is None else f"{100 * found.argmax_agreement:.1f} % same"


def accuracy_cell(found: Accuracy | None) -> str:
    """``98.7 % (97.4 to 99.3), n 597``: as :func:`accuracy_text`, with the samples; its metric is the heading."""
    return NONE if found is None or found.value is None else f"{with_interval(found)}, n {found.n}"


def flips_cell(found: Accuracy | None) -> str:
    """Samples that float had wrong and this run has right, and the reverse: ``1 / 2``."""
    if found is None or found.fixed is None or found.broken is None:
        return NONE
    return f"{found.fixed} / {found.broken}"


def p_cell(found: Accuracy | None) -> str:
    """The p of McNemar's test, two digits."""
    return NONE if found is None or found.mcnemar_p is None else number_text(found.mcnemar_p, 2)


def latency_cell(found: Latency | None) -> str:
    """``1.23 ms (1.21 to 1.25), n 400``, and ``noisy`` when the machine was busy."""
    if found is None or found.p50 is None:
        return NONE
    value, ends = _with_ends(found.p50, found.ci95)
    return f"{value} ms{ends}, n {found.n}" + ("" if found.valid else ", noisy")


def throughput_cell(run: Run) -> str:
    """``8,000 /s (7,800 to 8,200), batch 32`` at the best batch size, and ``noisy`` when the machine was busy."""
    best = run.throughput
    if best is None:
        return NONE if run.throughput_per_s is None else f"{number_text(run.throughput_per_s)} /s"
    batch, found = best
    value, ends = _with_ends(found.value, found.ci95)
    return f"{value} /s{ends}, batch {batch}" + ("" if found.valid else ", noisy")


def energy_cell(found: Energy | None) -> str:
    """``0.41 mJ (0.40 to 0.42) estimated``, and ``noisy`` when other work disturbed the rounds."""
    if found is None or found.value is None:
        return NONE
    kind = found.source.partition(":")[0]
    value, ends = _with_ends(found.value, found.ci95)
    return f"{value} mJ{ends} {kind}" + ("" if found.valid else ", noisy")


def _with_ends(value: float, interval: Interval | None) -> tuple[str, str]:
    """The value, and its interval in brackets to the same place."""
    text, *ends = numbers_text(value, *(interval or ()))
    return text, f" ({' to '.join(ends)})" if ends else ""


def kernels_cell(found: Kernels | None) -> str:
    """How many kernels ran: ``10 int, 1 float``."""
    return NONE if found is None else f"{sum(found.integer.values())} int, {sum(found.float.values())} float"
