"""Runs whose answers and speed are known, for tests of what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qexplorer.core.results import Accuracy, Latency, Run
from qexplorer.measure.metrics.statistics import mcnemar_exact, paired_difference_interval
from qexplorer.report.metric_words import stated
from tests.report.comparisons import quantized_run

__all__ = ["FASTER", "SLOWER", "agreement", "judged", "lossy", "sure"]

FASTER, SLOWER = (2.0, (1.9, 2.1)), (0.5, (0.45, 0.55))


def agreement(value: float, low: float, high: float) -> Accuracy:
    """Agreement with float on 100 samples."""
    return replace(stated("agreement", value, 100), ci95=(low, high), reason="no labels")


def lossy(recipe: str, delta: float, speed: tuple[float, tuple[float, float]] = FASTER) -> Run:
    """A run that loses ``-delta`` for certain."""
    found = Accuracy("accuracy", 0.9, (0.8, 0.95), 100, delta, (delta - 0.02, delta + 0.02), 0.01, 0, 9, (1,))
    took = Latency(0.1, 0.1, 0.1, (0.1, 0.1), 100, 1, 1, True, *speed)
    return quantized_run(recipe, accuracy=found, latency_ms=took)


def judged(fixed: int, broken: int, n: int) -> Accuracy:
    """Accuracy beside float, counted."""
    right = n - n // 10
    return Accuracy(
        "accuracy",
        (right + fixed - broken) / n,
        (0.8, 0.95),
        n,
        (fixed - broken) / n,
        paired_difference_interval(fixed, broken, n),
        mcnemar_exact(fixed, broken),
        fixed,
        broken,
    )


def sure(recipe: str, speedup: float, ends: tuple[float, float], **changes: Any) -> Run:
    """A run whose answers are as good as float's."""
    took = replace(quantized_run().latency_ms, p50=0.2 / speedup, speedup=speedup, speedup_ci95=ends)
    return quantized_run(recipe, accuracy=judged(0, 0, 2000), latency_ms=took, **changes)
