"""What was seen of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Epoch", "Trained"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was seen of one epoch.

    Attributes:
        number: 0 before the first step.
        loss: mean over the samples learned from; None at 0.
        held_back: loss on the samples held back.
        right: share of held-back samples whose class is right; None without classes.
    """

    number: int
    loss: float | None
    held_back: float
    right: float | None


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
