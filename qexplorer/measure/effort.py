"""How long a comparison may take: a table of data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from qexplorer.core.errors import UnknownName

__all__ = ["BATCHES", "EVALUATION_BATCH", "PLANS", "UNTRAINED_SAMPLES", "Effort", "TimingPlan", "effort_of"]

EVALUATION_BATCH = 32
"""Samples at a time when accuracy is measured; also the largest batch of throughput."""

BATCHES: tuple[int, ...] = (1, 8, 32)
"""Batch sizes that throughput is measured at, and that answers are checked at. The first is latency's."""

UNTRAINED_SAMPLES = 32
"""Samples for checking answers of a model whose accuracy is not shown anyway."""


class Effort(StrEnum):
    """How long a comparison on one backend takes, for a small model: ``quick`` is for trying things, ``standard`` for
    deciding, ``report`` for numbers that others will read. Longer means narrower intervals; accuracy is the same."""

    QUICK = "quick"
    STANDARD = "standard"
    REPORT = "report"


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
        loads: how many times every model is loaded anew. 6 is the least with an interval of the speed-up; 10, 13 and
            34 give one that holds the truth 97.6 to 97.9 times of 100 and leaves strange loadings out at both ends.
        warm_ms: milliseconds that a model runs untimed after its first loading; a third of it after later ones.
        cool_share: idle time after each round as a share of the round: a processor that never rests leaves its turbo
            range, and then times what the cooling can do.
    """

    budget_s: float
    patience: float
    min_calls: int
    min_rounds: int
    block_ms: float
    throughput_s: float
    energy_s: float
    loads: int = 10
    warm_ms: float = 60.0
    cool_share: float = 0.0

    @property
    def longest_s(self) -> float:
        """Seconds of computing after which whoever times has hung: ten minutes more than the slowest model may take."""
        return 600.0 + self.patience * (2 * self.budget_s + 2 * self.throughput_s) + 3 * self.energy_s


PLANS: dict[Effort, TimingPlan] = {
    Effort.QUICK: TimingPlan(1.8, 3.0, 36, 6, 10.0, 0.6, 1.5),
    Effort.STANDARD: TimingPlan(30.0, 3.0, 100, 12, 20.0, 8.0, 10.0, loads=13, warm_ms=300.0, cool_share=0.1),
    Effort.REPORT: TimingPlan(420.0, 2.0, 400, 60, 20.0, 80.0, 60.0, loads=34, warm_ms=1000.0, cool_share=0.2),
}


def effort_of(name: str | Effort | None, *, quick: bool = True) -> Effort:
    """The effort called ``name``; None: quick or standard, as ``quick`` says. Raises UnknownName."""
    if name is None:
        return Effort.QUICK if quick else Effort.STANDARD
    try:
        return Effort(name)
    except ValueError:
        raise UnknownName.among("effort", str(name), [str(each) for each in Effort]) from None
