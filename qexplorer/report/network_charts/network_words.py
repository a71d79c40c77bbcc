"""What a search for networks found, in sentences and rows."""

from __future__ import annotations

from qexplorer.report.words import bytes_text
from qexplorer.search.architecture.architecture_types import ArchitectureReport, JudgedNetwork

__all__ = [
    "NETWORK_HEADER",
    "front_sentence",
    "network_cells",
    "networks_sentence",
    "rounds_sentence",
    "unlearned_sentence",
]

_LONGER = "train for longer"
_SAME = 1.05
"""A ratio below this would read "1.0 times"."""
NETWORK_HEADER = ("network", "bits", "accuracy", "95 % interval", "weights", "int8 file", "ms a sample")


def rounds_sentence(report: ArchitectureReport) -> str:
    """How many networks were tried, and how."""
    count, failed = len(report.tried), sum(each.failed is not None for each in report.tried)
    if not count:
        return "No network was tried yet."
    last = max(each.round for each in report.tried)
    drawn = report.question.pictures
    learned = f"{drawn:,} moved pictures, drawn from {report.n_learned}," if drawn else f"{report.n_learned} pictures"
    words = f"{count} network{'' if count == 1 else 's'} in {last} of {report.question.rounds} rounds, trained on "
    words += f"{learned} and chosen by {report.n_apart} others"
    return f"{words}; {failed} came to nothing." if failed else f"{words}."


def networks_sentence(report: ArchitectureReport) -> str:
    """What was found beside the hand-made sample, good or bad."""
    if not report.hand_made or not report.found:
        return ""
    made = report.hand_made[0]
    low, high = made.ci95
    beside = f"{made.name} in {made.recipe} has {_percent(made)} ({100 * low:.1f} to {100 * high:.1f} %)"
    if not report.as_accurate:
        best = max(report.found, key=lambda each: (each.unlearned is None, each.accuracy))
        if best.unlearned is not None:
            return f"{beside}; no found network was trained far enough to be judged: {_LONGER}."
        return f"{beside}; none of the found networks is within that: the best has {_percent(best)}."
    first = report.as_accurate[0]
    words = f"{beside}; the smallest found network within that has {_percent(first)} and "
    words += f"{bytes_text(first.weight_bytes)} of weights, {_times(made.weight_bytes, first.weight_bytes, 'smaller')}"
    if made.latency_ms and first.latency_ms:
        words += f", and takes {first.latency_ms:.3g} ms, {_times(made.latency_ms, first.latency_ms, 'faster')}"
        words += "" if made.valid and first.valid else " (timed on a busy machine)"
    return f"{words}."


def unlearned_sentence(report: ArchitectureReport) -> str:
    """Which judged networks were not trained far enough, and why; nothing where all were."""
    names = [f"{each.name} ({each.unlearned})" for each in report.found if each.unlearned is not None]
    if not names:
        return ""
    return f"Not trained far enough to judge, and left off the fronts: {'; '.join(names)}. {_LONGER.capitalize()}."


def front_sentence(report: ArchitectureReport) -> str:
    """What the pictures show."""
    words = "Bars are 95 % intervals"
    if max(len(report.front), len(report.front_over("latency_ms"))) > 1:
        words += "; the dashed line is the front: no network that was trained far enough is both better and cheaper"
    words += ". Grey networks were judged on the pictures that choose, in the round that they came to; those far "
    return f"{words}below the others are off the picture."


def _times(before: float, now: float, better: str) -> str:
    worse, same = {"smaller": ("larger", "about as large"), "faster": ("slower", "about as fast")}[better]
    ratio = before / max(now, 1e-12)
    word, times = (better, ratio) if ratio >= 1 else (worse, 1 / ratio)
    if times < _SAME:
        return same
    return f"{times:.{0 if round(times, 1) >= 10 else 1}f} times {word}"


def _percent(network: JudgedNetwork) -> str:
    return f"{100 * network.accuracy:.1f} %"


def network_cells(report: ArchitectureReport) -> list[tuple[str, ...]]:
    """A row for each judged network."""
    return [_cells(each) for each in report.judged]


def _cells(network: JudgedNetwork) -> tuple[str, ...]:
    low, high = network.ci95
    told = (
        "not known" if network.latency_ms is None else f"{network.latency_ms:.3g}{'' if network.valid else ' (busy)'}"
    )
    return (
        network.name if network.shape is None else network.name.rpartition(", ")[0],
        network.recipe.partition(" ")[0],
        _percent(network) + ("" if network.unlearned is None else " (undertrained)"),
        f"{100 * low:.1f} to {100 * high:.1f} %",
        bytes_text(network.weight_bytes),
        bytes_text(network.file_bytes),
        told,
    )
