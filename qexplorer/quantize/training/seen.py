"""What was seen of a training run, and which of its states is the best.

The task's metric says so, and the loss among equals. A loss that learns from the float network's answers may fall while
fewer answers are right, so it chooses alone only where the task has no metric.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from qexplorer.core.plugin_kinds.metric import Direction
from qexplorer.core.plugins import METRICS

__all__ = ["Epoch", "FloatVerdict", "Trained", "best_of", "is_better"]


@dataclass(frozen=True, slots=True)
class FloatVerdict:
    """How a network that is not trained (the float model) did on the samples that were held back.

    Attributes:
        loss: mean loss.
        metric: the task's first metric (a share is between 0 and 1); None where it has no value.
        ci95: its 95 % interval; None where so few samples have none.
    """

    loss: float
    metric: float | None
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was seen of one epoch.

    Attributes:
        number: 0 before the first step.
        loss: mean over the samples learned from; None at 0.
        held_back: loss on the samples held back.
        metric: the task's first metric on them; None where it has no value.
        ci95: its 95 % interval; None where so few samples have none.
    """

    number: int
    loss: float | None
    held_back: float
    metric: float | None = None
    ci95: tuple[float, float] | None = None


@dataclass(slots=True)
class Trained:
    """What came out.

    Attributes:
        epochs: one entry for each, with the state before training first.
        best: number of the epoch whose state the network has now.
        chosen_by: name of the metric that chose it, the loss among equals; None: the loss alone.
        stopped: why training ended before its time, as a clause; None if it did not.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    chosen_by: str | None = None
    stopped: str | None = None


def is_better(one: Epoch, other: Epoch, chosen_by: str | None) -> bool:
    """Whether the state after ``one`` is to be kept instead of that after ``other``, which was there first.

    Args:
        one: an epoch.
        other: the best one so far.
        chosen_by: name of the metric that chooses; None: the loss.
    """
    if not math.isfinite(one.held_back) or not math.isfinite(other.held_back):
        return math.isfinite(one.held_back) and not math.isfinite(other.held_back)
    values = one.metric, other.metric
    if chosen_by is not None and values[0] is not None and values[1] is not None and values[0] != values[1]:
        return (values[0] > values[1]) == (METRICS.get(chosen_by).direction is Direction.HIGHER)
    return one.held_back < other.held_back


def best_of(epochs: Iterable[Epoch], chosen_by: str | None) -> Epoch:
    """The epoch whose state is kept; the earlier one among equals."""
    first, *others = epochs
    for each in others:
        first = each if is_better(each, first, chosen_by) else first
    return first
