"""How long a comparison may take: a table of data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["BATCHES", "EVALUATION_BATCH", "PLANS", "UNTRAINED_SAMPLES", "Effort", "TimingPlan"]

EVALUATION_BATCH = 32
"""Samples at a time when accuracy is measured; also the largest batch of throughput."""

BATCHES: tuple[int, ...] = (1, 8, 32)
"""Batch sizes that throughput is measured at, and that answers are checked at. The first is latency's."""

UNTRAINED_SAMPLES = 32
"""Samples for checking answers of a model whose accuracy is not shown anyway."""


class Effort(StrEnum):
    """``quick``: about 10 s for a small model; ``standard``: about a minute, so narrower intervals of time."""

    QUICK = "quick"
    STANDARD = "standard"


@dataclass(frozen=True, slots=True)
class TimingPlan:
    """How much is timed.

    Attributes:
        budget_s: seconds for latency of all variants together.
        patience: how many times the budget a slow model may take to get ``min_calls``.
        min_calls: timed calls of each variant.
        min_rounds: rounds in which every variant has its turn (6 is the least with an interval of the median).
        block_ms: milliseconds that one turn lasts.
        throughput_s: seconds for throughput of all variants and batch sizes together.
        energy_s: seconds for the energy of all variants, where there is a meter.
    """

    budget_s: float
    patience: float
    min_calls: int
    min_rounds: int
    block_ms: float
    throughput_s: float
    energy_s: float


PLANS: dict[Effort, TimingPlan] = {
    Effort.QUICK: TimingPlan(1.8, 5.0, 20, 6, 10.0, 0.6, 1.5),
    Effort.STANDARD: TimingPlan(30.0, 3.0, 60, 12, 20.0, 8.0, 10.0),
}
