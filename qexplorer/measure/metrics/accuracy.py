"""Accuracy, or agreement with the float model, each with its interval and the paired comparison."""

from __future__ import annotations

import numpy as np

from qexplorer.core.results import Accuracy
from qexplorer.measure.metrics.predictions import Labels
from qexplorer.measure.metrics.statistics import mcnemar_exact, paired_difference_interval, wilson_interval

__all__ = ["accuracy", "agreement", "not_shown"]

UNTRAINED = "untrained: only size, latency, memory and energy mean anything"
NO_CLASSES = "the model's first output names no class for each sample"


def accuracy(predicted: Labels, labels: Labels, float_predicted: Labels | None, positions: Labels) -> Accuracy:
    """How often ``predicted`` is right, compared with the float model sample by sample.

    Args:
        predicted: shape ``(n,)``.
        labels: shape ``(n,)``.
        float_predicted: shape ``(n,)``, the float model's on the same samples; None for the float model itself, or
            when it failed.
        positions: shape ``(n,)``, where the samples stand in the evaluation split.
    """
    right = predicted == labels
    n, hits = int(right.size), int(right.sum())
    value, ci95 = hits / n, wilson_interval(hits, n)
    if float_predicted is None:
        return Accuracy("accuracy", value, ci95, n)
    float_right = float_predicted == labels
    fixed, broken = int((right & ~float_right).sum()), int((~right & float_right).sum())
    return Accuracy(
        "accuracy",
        value,
        ci95,
        n,
        delta=(fixed - broken) / n,
        delta_ci95=paired_difference_interval(fixed, broken, n),
        mcnemar_p=mcnemar_exact(fixed, broken),
        fixed=fixed,
        broken=broken,
        flipped=_flipped(predicted, float_predicted, positions),
    )


def agreement(predicted: Labels, float_predicted: Labels | None, positions: Labels) -> Accuracy:
    """How often ``predicted`` says what the float model says, for data without labels.

    The float model agrees with itself by definition; its value has no interval and says so.
    """
    n = int(predicted.size)
    if float_predicted is None:
        return Accuracy("agreement", 1.0, None, n, reason="no labels: every run is compared with this one")
    same = int((predicted == float_predicted).sum())
    return Accuracy(
        "agreement",
        same / n,
        wilson_interval(same, n),
        n,
        flipped=_flipped(predicted, float_predicted, positions),
        reason="no labels: agreement with the float model stands in for accuracy",
    )


def not_shown(metric: str, reason: str) -> Accuracy:
    """An accuracy that could not be had, or must not be shown, and why."""
    return Accuracy(metric, None, reason=reason)


def _flipped(predicted: Labels, float_predicted: Labels, positions: Labels) -> tuple[int, ...]:
    return tuple(int(p) for p in positions[np.flatnonzero(predicted != float_predicted)])
