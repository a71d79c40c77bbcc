"""From scores to a result: value, interval, paired comparison with float, and the facts that words and charts need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Metric, NoScore, Paired, Scores
from qexplorer.core.results import Accuracy
from qexplorer.measure.metrics.predictions import Labels

__all__ = ["SIGNIFICANT", "UNTRAINED", "Scored", "changed_at", "differs", "not_shown", "result_of", "score_all"]

SIGNIFICANT = 0.05
"""Below this probability a difference is told."""

UNTRAINED = "untrained: only size, latency, memory and energy mean anything"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of one variant.

    Attributes:
        scores: by metric.
        without: why a metric has none, by metric.
    """

    scores: Mapping[str, Scores] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)


def score_all(metrics: Sequence[Metric], answers: Answers) -> Scored:
    """Scores by every metric that these answers have one of. What compares with float is left out without it."""
    scores: dict[str, Scores] = {}
    without: dict[str, str] = {}
    for metric in metrics:
        if metric.needs_float and answers.floats is None:
            continue
        try:
            scores[metric.name] = np.asarray(metric.scores(answers), np.float64)
        except NoScore as error:
            without[metric.name] = error.what
    return Scored(scores, without)


def result_of(metric: Metric, own: Scored, base: Scored | None, n: int, *, is_float: bool) -> Accuracy:
    """What ``metric`` comes to.

    Args:
        metric: which.
        own: the variant's scores.
        base: the float model's on the same backend and samples; None where it gave none, or for the float model itself.
        n: samples.
        is_float: whether the variant is the float model.
    """
    blank = replace(not_shown(metric, ""), n=n, reason=None)
    if metric.needs_float and is_float:
        return _float_itself(metric, own, blank)
    if metric.needs_float and base is None:
        return not_shown(metric, "the float model gave no answers on this backend, and there are no labels")
    scores = own.scores.get(metric.name)
    if scores is None:
        return not_shown(metric, own.without.get(metric.name, "it was not measured"))
    value = metric.value(scores)
    if not math.isfinite(value):
        return replace(blank, reason=metric.undefined)
    found = replace(blank, value=value, ci95=metric.interval(scores))
    if metric.needs_float or is_float:
        return found
    before = None if base is None else base.scores.get(metric.name)
    if before is None:
        return replace(found, reason="no difference to the float model, which gave no answers on this backend")
    return _with_paired(found, metric.compare(scores, before))


def differs(found: Accuracy) -> bool:
    """Whether a metric is shown to be another one than float's: by its exact test where it has one, else because the
    paired interval leaves zero out; False where there is neither."""
    if found.mcnemar_p is not None:
        return found.mcnemar_p <= SIGNIFICANT
    return found.delta_ci95 is not None and not found.delta_ci95[0] <= 0 <= found.delta_ci95[1]


def _float_itself(metric: Metric, own: Scored, blank: Accuracy) -> Accuracy:
    if metric.name in own.without:
        return replace(blank, n=0, reason=own.without[metric.name])
    why = "no labels: every run is compared with this one"
    return replace(blank, value=metric.ideal, reason=why)


def _with_paired(found: Accuracy, paired: Paired) -> Accuracy:
    if not math.isfinite(paired.delta):
        return found
    return replace(
        found,
        delta=paired.delta,
        delta_ci95=paired.ci95,
        mcnemar_p=paired.p,
        fixed=paired.fixed,
        broken=paired.broken,
    )


def not_shown(metric: Metric, reason: str) -> Accuracy:
    """A value that could not be had, or must not be shown, and why."""
    return Accuracy(
        metric.name,
        None,
        reason=reason,
        title=metric.title,
        unit=metric.unit,
        direction=str(metric.direction),
        bounds=metric.bounds,
        form=metric.form,
        clause=metric.clause,
        enough=metric.enough,
    )


def changed_at(predicted: Labels | None, float_predicted: Labels | None, positions: Labels) -> tuple[int, ...]:
    """Places in the evaluation split where the class named is another one than float's; none where none is named."""
    if predicted is None or float_predicted is None:
        return ()
    return tuple(int(p) for p in positions[np.flatnonzero(predicted != float_predicted)])
