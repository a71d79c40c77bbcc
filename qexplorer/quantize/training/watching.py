"""Watching a training run: who is told what, and what a network shows of itself while it learns.

A watcher is handed to ``quantize_model`` and travels with the materials of an algorithm (``draft.watcher``), as
``draft.tell`` does. Whatever it does, the weights that come out are the same. It may end the training by raising
Cancelled: what was kept after the last whole epoch stays, and a run of the same recipe goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qexplorer.core.grid import Float32, Grid
from qexplorer.quantize.training.seen import Epoch, FloatVerdict, Trained

__all__ = ["UNWATCHED", "Beginning", "TrainingStep", "Unwatched", "Watched", "Watcher"]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known before the first step.

    Attributes:
        epochs: to be trained in all.
        steps: of one epoch.
        learned: samples that are learned from.
        judged: samples that are held back.
        metric: name of the metric of the verdicts; None where there is none.
        float_: the float model's verdict on the samples held back.
        before: epochs that are there already, the untrained state first; more than that one in a run that goes on.
        device: where it computes: ``cpu`` or ``cuda``.
        chosen_by: name of the metric that chooses the best state; None: the loss.
        device_before: where the epochs that are there already were trained; None: not told, or there are none.
    """

    epochs: int
    steps: int
    learned: int
    judged: int
    metric: str | None
    float_: FloatVerdict
    before: tuple[Epoch, ...]
    device: str = "cpu"
    chosen_by: str | None = None
    device_before: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One step that was made.

    Attributes:
        number: steps so far, this one among them, those before a pause too.
        epoch: of which epoch, from 1.
        loss: mean over the samples of this step.
        of_weights: norm of the gradient of all weights and biases.
        of_grids: the same of all scales and zero points; None where none learns.
    """

    number: int
    epoch: int
    loss: float
    of_weights: float
    of_grids: float | None


class Watched(Protocol):
    """What a network shows while it learns; nothing of it costs anything unless it is asked for."""

    def layers(self) -> Sequence[str]:
        """Layers whose weight is on a grid and learns, in the order of execution."""
        ...

    def look(self, layer: str) -> tuple[Float32, Grid]:
        """The float weights of one of :meth:`layers` as they are now, and the grid that they are rounded to."""
        ...

    def ratios(self) -> Mapping[str, float]:
        """For each scale that learns, by the name of its tensor: its size now as a multiple of that at the start (the
        geometric mean where there are several)."""
        ...


class Watcher(Protocol):
    """Is told how training goes; any of its methods may raise Cancelled."""

    def wants_again(self) -> bool:
        """Whether a training whose outcome is kept is to be gone through again, from its kept state, to tell of it."""
        ...

    def begins(self, beginning: Beginning, network: Watched) -> None:
        """Before the first step, once the untrained state and the float model are judged."""
        ...

    def wants(self) -> bool:
        """Asked before each step: whether to tell of it. Saying yes costs the norms of all gradients."""
        ...

    def step(self, step: TrainingStep, network: Watched) -> None:
        """After a step for which :meth:`wants` said yes."""
        ...

    def epoch(self, epoch: Epoch, best: int, network: Watched) -> None:
        """After an epoch, once its state is kept; ``best`` is the number of the best one so far."""
        ...

    def ends(self, trained: Trained, network: Watched) -> None:
        """After the last epoch, or where training ended before its time; the network has its best state."""
        ...


class Unwatched:
    """Nobody watches."""

    def wants_again(self) -> bool:
        """Never."""
        return False

    def begins(self, beginning: Beginning, network: Watched) -> None:
        """Nothing."""

    def wants(self) -> bool:
        """Never."""
        return False

    def step(self, step: TrainingStep, network: Watched) -> None:
        """Nothing."""

    def epoch(self, epoch: Epoch, best: int, network: Watched) -> None:
        """Nothing."""

    def ends(self, trained: Trained, network: Watched) -> None:
        """Nothing."""


UNWATCHED = Unwatched()
