"""What was seen of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Epoch", "FloatVerdict", "Trained"]


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
        stopped: why training ended before its time, as a clause; None if it did not.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    stopped: str | None = None
