"""What a training will take, from a few of its own steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from qexplorer.core.errors import Cancelled
from qexplorer.core.wire import Wire
from qexplorer.quantize.training.diaries.keeping import peak_memory
from qexplorer.quantize.training.watching import Beginning, TrainingStep, Unwatched, Watched

__all__ = ["Prober", "TrainingForecast"]

_STEPS, _LEAST, _ENOUGH_S = 12, 3, 3.0
_JUDGING = 1 / 3  # what judging a sample costs of learning from one: the way forward alone


@dataclass(frozen=True, slots=True)
class TrainingForecast(Wire):
    """What is to be expected.

    Attributes:
        seconds: of all that is left to train.
        memory_bytes: most that the process held while it made the steps; None where nobody counts it.
        steps: that were measured.
        of: steps that are left.
        went_on: epochs that are there from a run before.
        device: where it computes.
    """

    seconds: float
    memory_bytes: int | None
    steps: int
    of: int
    went_on: int
    device: str


class Prober(Unwatched):
    """A watcher that measures a few steps and ends the training by Cancelled; :attr:`forecast` is then there.

    Args:
        clock: seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.forecast: TrainingForecast | None = None
        self._clock = clock
        self._began: Beginning | None = None
        self._at: list[float] = []

    def wants_again(self) -> bool:
        """It wants to see steps, or that there are none left."""
        return True

    def begins(self, beginning: Beginning, network: Watched) -> None:
        """Nothing is left of a training that is over."""
        del network
        self._began = beginning
        went_on = beginning.before[-1].number
        left = beginning.steps * (beginning.epochs - went_on)
        if left == 0:
            self.forecast = TrainingForecast(0.0, peak_memory(), 0, 0, went_on, beginning.device)
            raise Cancelled("there is nothing left to train")

    def wants(self) -> bool:
        """Every step."""
        return True

    def step(self, step: TrainingStep, network: Watched) -> None:
        """Takes the time of each but the first, which warms up."""
        del step, network
        assert self._began is not None, "training begins before its first step"
        self._at.append(self._clock())
        spent = self._at[-1] - self._at[0]
        if len(self._at) > _STEPS or (len(self._at) > _LEAST and spent > _ENOUGH_S):
            self._tell(self._began)

    def ends(self, trained: object, network: Watched) -> None:
        """So short a training that it was over before enough was seen."""
        del trained, network
        if self._began is not None and len(self._at) > 1:
            self._tell(self._began)

    def _tell(self, began: Beginning) -> None:
        each = median(later - earlier for earlier, later in zip(self._at, self._at[1:], strict=False))
        went_on = began.before[-1].number
        left = began.steps * (began.epochs - went_on)
        judging = each * _JUDGING * began.steps * began.judged / began.learned * (began.epochs - went_on)
        measured = len(self._at) - 1
        self.forecast = TrainingForecast(each * left + judging, peak_memory(), measured, left, went_on, began.device)
        raise Cancelled("enough steps were measured")
