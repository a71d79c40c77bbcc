"""Which of the measured runs to show, given how much of the answers may be lost.

What counts is not the loss that was seen but the largest that the samples leave possible: a promise has to hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qexplorer.core.results import Accuracy, Run, Status
from qexplorer.report.metric_words import axis_title, bound_text, metric_of, with_unit
from qexplorer.report.statements.claims import hidden_loss, looked_at

__all__ = ["Allowance", "allowances", "possible_loss", "question", "two_of"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """One place of the slider: what it says, and the largest ``loss`` (see :func:`possible_loss`) that it allows."""

    text: str
    loss: float


def possible_loss(run: Run, looked: int) -> float | None:
    """How much ``run`` may lose against float at most, in its metric's own scale; smaller is better.

    Where there is no difference to float (a likeness to float is one already) it is the distance of the interval's
    worse end from the best value, and from zero where the scale has no best end: -25 for 25 dB. None without a value.
    """
    found = run.accuracy
    if run.status is not Status.OK or found is None or found.value is None:
        return None
    if found.delta is not None and found.delta_ci95 is not None:
        return hidden_loss(found, looked)
    low, high = found.ci95 or (found.value, found.value)
    if found.direction == "higher":
        return (found.bounds[1] or 0.0) - low
    return high - (found.bounds[0] or 0.0)


def question(runs: Sequence[Run]) -> str:
    """What the slider asks: ``How much accuracy may we lose?``, or how near to float the answers must stay."""
    found = _judged(runs)
    if found is None:
        return "What may be shown?"
    if found.delta is not None:
        return f"How much {found.label} may we lose?"
    if _open_ended(found):
        return f"How near to float must the answers stay? {axis_title(found)}"
    return f"How far from float may the answers be? {axis_title(found)}"


def allowances(runs: Sequence[Run]) -> tuple[Allowance, ...]:
    """The places of the slider, least loss first: one for each loss that some run does not exceed, written rounded up.

    The last allows everything that was measured, runs without a metric too.
    """
    looked = looked_at(runs)
    found: dict[str, float] = {}
    for run in runs:
        loss = possible_loss(run, looked)
        if run.recipe == "float" or loss is None or run.accuracy is None or not math.isfinite(loss):
            continue
        text = _text(run.accuracy, loss)
        found[text] = max(found.get(text, -math.inf), loss)
    places = sorted((Allowance(text, loss) for text, loss in found.items()), key=lambda place: place.loss)
    return (*places, Allowance("whatever it takes", math.inf))


def two_of(runs: Sequence[Run], allowed: float) -> tuple[Run, ...]:
    """The fastest and the smallest of the runs that lose no more than ``allowed``; the next fastest where both are one.

    Both are of the fastest one's backend, whose float stands beside them. Without such a run there is none.
    """
    looked = looked_at(runs)
    usable = [run for run in runs if run.recipe != "float" and run.status is Status.OK]
    kept = [run for run in usable if _within(possible_loss(run, looked), allowed)]
    if not kept:
        return ()
    first = min(kept, key=lambda run: (_time(run), _size(run)))
    beside = [run for run in kept if run.backend == first.backend]
    by_time = sorted(beside, key=lambda run: (_time(run), _size(run)))
    by_size = sorted(beside, key=lambda run: (_size(run), _time(run)))
    other = next((run for run in (by_size[0], *by_time) if run.digest != first.digest), None)
    return (first,) if other is None else (first, other)


def _within(loss: float | None, allowed: float) -> bool:
    return math.isinf(allowed) if loss is None else loss <= allowed


def _text(found: Accuracy, loss: float) -> str:
    if found.delta is not None:
        return f"at most {bound_text(found, loss)}"
    if _open_ended(found):
        return f"at least {with_unit(found, -loss)}" if found.direction == "higher" else f"at most {loss:.2g}"
    if found.direction == "lower":
        return f"at most {bound_text(found, loss, found.unit)}"
    return f"at most {bound_text(found, loss)}"


def _open_ended(found: Accuracy) -> bool:
    return found.bounds[1 if found.direction == "higher" else 0] is None


def _judged(runs: Sequence[Run]) -> Accuracy | None:
    return metric_of([run for run in runs if run.recipe != "float"])


def _time(run: Run) -> float:
    return math.inf if run.latency_ms is None or run.latency_ms.p50 is None else run.latency_ms.p50


def _size(run: Run) -> float:
    return math.inf if run.size is None else float(run.size.file_bytes)
