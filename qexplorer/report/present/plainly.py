"""Answers for people who do not know what a decibel is: how large the error is beside the answer, in per cent."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN
from qexplorer.core.results import Accuracy
from qexplorer.report.metric_words import SHARE

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Comparison

__all__ = ["plain_answers", "without_decibels"]

_CLAUSE = "answers that differ from the original's by {value} of their size{interval} on {n} samples"
_DIGITS = 2


def without_decibels(comparison: Comparison) -> Comparison:
    """The comparison as a wall tells it: every run judged by :func:`plain_answers`."""
    runs = tuple(replace(run, accuracy=plain_answers(run.accuracy)) for run in comparison.runs)
    return replace(comparison, runs=runs)


def plain_answers(found: Accuracy | None) -> Accuracy | None:
    """A likeness to float in dB as the error's root mean square over the answer's, a fraction of 1; else ``found``.

    20 dB are 0.1. Answers that are float's own have no ratio to an error, and an error of 0.
    """
    if found is None or found.unit != "dB" or found.enough is None:
        return found
    value, ends = found.value, found.ci95
    same = found.reason == FLOATS_OWN
    share = 0.0 if same else None if value is None else _share(value)
    return replace(
        found,
        value=share,
        ci95=None if ends is None else (_share(ends[1]), _share(ends[0])),
        reason=None if same else found.reason,
        title="error beside the answer",
        unit=SHARE,
        direction="lower",
        bounds=(0.0, None),
        form=_form(100 * (share or 0.0)),
        clause=f"every answer the original's own, {found.n:,} samples" if same else _CLAUSE,
        enough=_share(found.enough),
    )


def _share(decibels: float) -> float:
    return float(10 ** (-decibels / 20))


def _form(percent: float) -> str:
    """Two digits that say something, and never an exponent."""
    power = math.floor(math.log10(percent)) if percent > 0 else _DIGITS
    return f".{min(max(_DIGITS - 1 - power, 0), 6)}f"
