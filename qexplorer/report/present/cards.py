"""The three cards as data: what each is called, its sentence, and its bars on axes that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.core.results import Run, Status
from qexplorer.core.words.numbers import fixed_text, number_text, numbers_text
from qexplorer.report.comparison_charts.values import MEASURES, Value, label_of, made_on, scaled_unit, value_of
from qexplorer.report.metric_words import drawn, in_unit, metric_of
from qexplorer.report.palette import FLOAT, backend_colour
from qexplorer.report.present.sentences import float_sentence, kind_of, sentence_of
from qexplorer.report.statements.cautions import cautions_of
from qexplorer.run.registry import backend_label

if TYPE_CHECKING:
    from qexplorer.core.results import Accuracy
    from qexplorer.measure.comparison import Comparison

__all__ = ["Card", "CardBar", "Presentation", "presentation"]

_COSTS = {"file_bytes": "size of the file", "latency_ms": "time for one answer", "energy_mj": "energy for one answer"}


@dataclass(frozen=True, slots=True)
class CardBar:
    """One bar of a card.

    Attributes:
        name: the quantity.
        text: the value with its unit; empty where there is none.
        words: its interval and what it rests on, or why there is no value.
        share: length of the bar, 0 to 1 of the axis; None without a value.
        low: where its interval begins on the axis; None without one.
        high: where it ends.
        end: the axis' other end, ``0.3 ms``; it begins at zero.
        uncertain: whether the bar must not look like a solid measurement.
    """

    name: str
    text: str
    words: str
    share: float | None = None
    low: float | None = None
    high: float | None = None
    end: str = ""
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One run: its name, what it is, a sentence, and a bar for each quantity in the same order on every card."""

    title: str
    kind: str
    sentence: str
    colour: str
    bars: tuple[CardBar, ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """What stands on the wall: the model, float's card and those of the chosen runs, and by what all of it was made."""

    title: str
    cards: tuple[Card, ...]
    facts: str


def presentation(comparison: Comparison, chosen: Sequence[Run]) -> Presentation:
    """Float and the ``chosen`` runs, which must be of the comparison and have numbers; float is of the first's backend.

    Without a chosen run float stands alone, by the first backend. For people without decibels the comparison is that
    of :func:`~qexplorer.report.present.plainly.without_decibels`.
    """
    backend = (chosen[0] if chosen else comparison.runs[0]).backend
    base = comparison.float_run(backend)
    runs = tuple(run for run in (base, *chosen) if run is not None and run.status is Status.OK)
    rows = [row for row in (_answers(comparison, runs), *(_cost(runs, measure) for measure in _COSTS)) if row]
    cards = tuple(
        Card(
            title=_title(run, comparison.runs),
            kind=_kind(run, comparison),
            sentence=_sentence(run, comparison, backend),
            colour=FLOAT if run.recipe == "float" else backend_colour(run.backend),
            bars=tuple(row[i] for row in rows),
        )
        for i, run in enumerate(runs)
    )
    facts = ", ".join([made_on(comparison), *cautions_of(runs)])
    return Presentation(_heading(comparison, backend), cards, facts)


def _heading(comparison: Comparison, backend: str) -> str:
    return f"{comparison.model.get('name')}, on {backend_label(backend)}"


def _title(run: Run, runs: Sequence[Run]) -> str:
    return "float" if run.recipe == "float" else label_of(run, [each for each in runs if each.backend == run.backend])


def _kind(run: Run, comparison: Comparison) -> str:
    return "32 bits, as it was made" if run.recipe == "float" else kind_of(comparison.recipes.get(run.digest))


def _sentence(run: Run, comparison: Comparison, backend: str) -> str:
    if run.recipe == "float":
        return float_sentence(run)
    than = "" if run.backend == backend else f"than float, both on {backend_label(run.backend)}"
    return sentence_of(run, comparison.runs, comparison.float_run(run.backend), than)


def _answers(comparison: Comparison, runs: Sequence[Run]) -> list[CardBar]:
    """The metric on an axis from zero to its best end, or to the largest value; empty where no run was judged."""
    metric = metric_of([run for run in runs if run.recipe != "float"]) or metric_of(runs)
    if metric is None or metric_of(comparison.runs) is None:
        return []
    name = metric.label + ("" if metric.direction == "higher" else ", lower is better")
    values = [None if run.accuracy is None or run.accuracy.value is None else drawn(run.accuracy) for run in runs]
    best = metric.bounds[1]
    top = in_unit(metric, best) if best is not None else max((e for v in values if v for e in v.ends), default=0.0)
    end = f"{_whole(top, metric)} {metric.unit}".rstrip()
    return [_judged(run, value, name, top, end) for run, value in zip(runs, values, strict=True)]


def _judged(run: Run, value: Value | None, name: str, top: float, end: str) -> CardBar:
    found = run.accuracy
    if value is None or found is None:
        alike = run.recipe == "float" and (found is None or found.enough is not None)
        why = "the others are compared with this one" if alike else (found and found.reason) or "not judged"
        return CardBar(name, "", why)
    text = f"{fixed_text(value.value, found.form)} {found.unit}".rstrip()
    ends = [fixed_text(end, found.form) for end in (value.low, value.high) if end is not None]
    if run.recipe == "float" and found.enough is not None:
        return _bar(name, value, text, "by definition: the others are compared with it", top, end)
    between = f"between {ends[0]} and {ends[1]} {found.unit}".rstrip() + ", " if len(ends) == 2 else ""
    return _bar(name, value, text, f"{between}on {found.n:,} samples", top, end)


def _whole(top: float, metric: Accuracy) -> str:
    return f"{top:g}" if top == round(top) else fixed_text(top, metric.form)


def _cost(runs: Sequence[Run], measure: str) -> list[CardBar]:
    """A cost on an axis from zero to the largest value; empty where no run has it."""
    found = [value_of(run, measure, runs) for run in runs]
    values = [value for value, _ in found if value is not None]
    if not values:
        return []
    unit, factor = scaled_unit(MEASURES[measure].unit, [value.value for value in values])
    top = max(end for value in values for end in value.ends) * factor
    end = f"{number_text(top)} {unit}"
    name = _COSTS[measure]
    bars = []
    for run, (value, why) in zip(runs, found, strict=True):
        if value is None:
            bars.append(CardBar(name, "", why or "not measured"))
            continue
        scaled = value.times(factor)
        words = _cost_words(run, measure, scaled, unit)
        bars.append(_bar(name, scaled, f"{number_text(scaled.value)} {unit}", words, top, end))
    return bars


def _cost_words(run: Run, measure: str, value: Value, unit: str) -> str:
    """The interval, and what makes the value uncertain in as few words as a wall has room for."""
    doubt = run.latency_ms.doubt if measure == "latency_ms" and run.latency_ms else value.note
    if value.low is None or value.high is None:
        return doubt or ("exact" if measure == "file_bytes" else "without an interval")
    _, low, high = numbers_text(value.value, value.low, value.high)
    ends = f"between {low} and {high} {unit}"
    return f"{ends}, {doubt}" if doubt else ends


def _bar(name: str, value: Value, text: str, words: str, top: float, end: str) -> CardBar:
    def place(at: float | None) -> float | None:
        return None if at is None else min(max(at / top, 0.0), 1.0) if top > 0 else 0.0

    share = place(value.value)
    return CardBar(name, text, words, share, place(value.low), place(value.high), end, value.uncertain)
