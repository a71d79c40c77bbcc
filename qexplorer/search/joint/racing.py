"""When a part of the samples is enough: a trial that is surely worse than a cheaper one is not run on the rest.

The two are compared sample by sample, as in racing (Maron and Moore 1994, Hoeffding Races; Birattari et al. 2002, A
Racing Algorithm for Configuring Metaheuristics), here with Student's interval of the paired difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.measure.metrics.statistics import student_half

__all__ = ["FIRST", "Rival", "is_worse", "stages"]

FIRST = 32
"""Samples that every trial is run on."""

_SURE = 2.0  # times the half width of the 95 % interval: many trials are compared with many


@dataclass(frozen=True, slots=True)
class Rival:
    """A trial that was measured.

    Attributes:
        cost: the second objective.
        losses: of its samples.
    """

    cost: float
    losses: tuple[float, ...]


def stages(n: int) -> tuple[int, ...]:
    """How many samples a trial has been run on when it may be stopped, and at the end."""
    return (FIRST, n) if n >= 3 * FIRST else (n,)


def is_worse(losses: Sequence[float], cost: float, rivals: Iterable[Rival]) -> bool:
    """Whether a rival that costs no more surely loses less on the same samples.

    Args:
        losses: of the first samples.
        cost: the second objective.
        rivals: with losses of at least as many samples.
    """
    own = np.asarray(losses, np.float64)
    for rival in rivals:
        if rival.cost <= cost:
            beyond = own - np.asarray(rival.losses[: len(own)], np.float64)
            if float(beyond.mean()) > _SURE * student_half(beyond) > 0:
                return True
    return False
