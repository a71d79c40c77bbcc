"""Who keeps the diary of a training run as it goes, without slowing it: about two entries a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median

from qexplorer.core.errors import Cancelled
from qexplorer.quantize.training.diaries.diary import Diary, Look, Moment, expected_seconds, read_diary, write_diary
from qexplorer.quantize.training.diaries.looking import FirstLook, first_look, look_again
from qexplorer.quantize.training.seen import Epoch, Trained, best_of
from qexplorer.quantize.training.watching import Beginning, TrainingStep, Watched

__all__ = ["DiaryKeeper", "peak_memory"]

_EVERY_S = 0.5
_MOST_MOMENTS = 300
_MOST_SCALES = 64
_MOST_WEIGHTS = 4_000_000  # of layers that are looked at from the beginning without being asked for


class DiaryKeeper:
    """A watcher that keeps a :class:`Diary`.

    Args:
        path: file to keep it in, and to go on in; None keeps it in memory alone.
        stops: whether the training is to be stopped, asked twice a second.
        wanted: layers to look at now, asked twice a second.
        told: called with the diary as it grows.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        stops: Callable[[], bool] = lambda: False,
        wanted: Callable[[], Iterable[str]] = tuple,
        told: Callable[[Diary], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.diary: Diary | None = None
        self.path, self._stops, self._wanted, self._told, self._clock = path, stops, wanted, told, clock
        self._first: dict[str, FirstLook] = {}
        self._seconds = self._since = self._looked = 0.0
        self._step_s: list[float] = []
        self._epoch_s: list[float] = []
        self._at = self._done = 0
        self._asked = 0
        self._written = float("-inf")

    def wants_again(self) -> bool:
        """Whether there is no diary of a training that is over."""
        return self.path is None or read_diary(self.path) is None

    def begins(self, beginning: Beginning, network: Watched) -> None:
        """Opens the diary, or goes on in the one that there is."""
        before = read_diary(self.path) if self.path is not None else None
        layers = tuple(network.layers())
        number = beginning.before[-1].number
        self._since, self._done = self._clock(), number * beginning.steps
        self._at = self._done
        best = best_of(beginning.before, beginning.chosen_by).number
        self.diary = Diary(
            of=beginning.epochs,
            steps=beginning.steps,
            learned=beginning.learned,
            judged=beginning.judged,
            metric=beginning.metric,
            float_=beginning.float_,
            epochs=beginning.before,
            best=best,
            moments=() if before is None else tuple(each for each in before.moments if each.epoch <= number),
            layers=layers,
            looks={} if before is None else {name: each for name, each in before.looks.items() if name in layers},
            seconds=0.0 if before is None or not number else _seconds_at(before, number),
            memory_bytes=peak_memory(),
            went_on=number,
            device=beginning.device,
            device_before=beginning.device_before,
            chosen_by=beginning.chosen_by,
        )
        self._seconds = self.diary.seconds
        self._open(network)
        self._write(now=True)

    def wants(self) -> bool:
        """About twice a second, and for the very first steps, from which the time in all is told."""
        now = self._clock()
        if now - self._looked >= _EVERY_S / 2:
            self._stop_if_asked()
        self._asked += 1
        return self._asked <= 3 or now - self._looked >= _EVERY_S

    def step(self, step: TrainingStep, network: Watched) -> None:
        """Writes down a step."""
        assert self.diary is not None, "training begins before its first step"
        now = self._clock()
        made = step.number - self._at
        if self._asked > 1 and made > 0:  # the first step of all warms up
            self._step_s = [*self._step_s[-40:], (now - self._since) / made]
        self._seconds += now - self._since
        self._at, self._since, self._looked = step.number, now, now
        scales = {name: _short(ratio) for name, ratio in list(network.ratios().items())[:_MOST_SCALES]}
        norms = _short(step.of_weights), None if step.of_grids is None else _short(step.of_grids)
        moment = Moment(step.number, step.epoch, _short(step.loss), *norms, round(self._seconds, 2), scales)
        self._add(moments=_thinned((*self.diary.moments, moment)), looks=self._looks(network), seconds=self._seconds)

    def epoch(self, epoch: Epoch, best: int, network: Watched) -> None:
        """Writes down an epoch."""
        assert self.diary is not None, "training begins before its first epoch"
        now = self._clock()
        left = self.diary.steps * epoch.number - self._at
        rest = now - self._since - left * (median(self._step_s) if self._step_s else 0.0)
        self._epoch_s.append(max(rest, 0.0))
        self._seconds += now - self._since
        self._at, self._since = self.diary.steps * epoch.number, now
        self._add(epochs=(*self.diary.epochs, epoch), best=best, looks=self._looks(network), seconds=self._seconds)
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        """Raises Cancelled if it is to end; the last whole epoch is in the file then."""
        if self._stops():
            self._write(now=True)
            raise Cancelled("the training was stopped")

    def ends(self, trained: Trained, network: Watched) -> None:
        """Writes down the end: what the best state is, and why it ended before its time if it did."""
        assert self.diary is not None, "training begins before it ends"
        changes = {"best": trained.best, "epochs": tuple(trained.epochs), "stopped": trained.stopped, "ended": True}
        old, went_on = self.diary.looks, self.diary.went_on > 0
        looks = {
            name: _with_first(look_again(first, *network.look(name)), old.get(name), went_on=went_on)
            for name, first in self._first.items()
        }
        self._add(**changes, looks={**old, **looks})
        self._write(now=True)

    def _open(self, network: Watched) -> None:
        """Looks at layers before they change, as far as that costs nothing; a later run keeps what was seen."""
        assert self.diary is not None
        left = _MOST_WEIGHTS
        for name in self.diary.layers:
            weights, grid = network.look(name)
            left -= weights.size
            if left < 0:
                break
            first = first_look(weights, grid)
            self._first[name] = first
            if name not in self.diary.looks:
                self._set(looks={**self.diary.looks, name: look_again(first, weights, grid)})

    def _looks(self, network: Watched) -> dict[str, Look]:
        """The looks, those that are wanted anew."""
        assert self.diary is not None
        found = dict(self.diary.looks)
        for name in self._wanted():
            if name not in self.diary.layers:
                continue
            weights, grid = network.look(name)
            if name not in self._first:
                self._first[name] = first_look(weights, grid)
            now = look_again(self._first[name], weights, grid)
            found[name] = _with_first(now, found.get(name), went_on=self.diary.went_on > 0)
        return found

    def _add(self, **changes: object) -> None:
        assert self.diary is not None
        whole = len(changes.get("epochs", self.diary.epochs)) - 1  # type: ignore[arg-type]
        last = self.diary.of
        left = expected_seconds(self._step_s, self._epoch_s, self.diary.steps * last - self._at, last - whole)
        self._set(**{"seconds_left": left, "memory_bytes": peak_memory(), **changes})
        self._write()
        self._told(self.diary)

    def _set(self, **changes: object) -> None:
        assert self.diary is not None
        self.diary = replace(self.diary, **changes)  # type: ignore[arg-type]

    def _write(self, *, now: bool = False) -> None:
        """Not more often than anybody looks: epochs may be short."""
        at = self._clock()
        if self.path is not None and self.diary is not None and (now or at - self._written >= _EVERY_S / 2):
            self._written = at
            write_diary(self.diary, self.path)


def peak_memory() -> int | None:
    """Most that this process has held at once, in bytes; None where the system does not count it."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _with_first(now: Look, before: Look | None, *, went_on: bool) -> Look:
    """``now`` beside how it was before a run that went on; the codes of then are not kept."""
    if not went_on:
        return now
    same = before is not None and (now.low, now.width) == (before.low, before.width)
    return replace(now, first=before.first if same and before is not None else now.first, moved=None)


def _seconds_at(diary: Diary, epoch: int) -> float:
    """Of training up to the end of an epoch, as far as steps were told."""
    return max((each.seconds for each in diary.moments if each.epoch <= epoch), default=0.0)


def _thinned(moments: tuple[Moment, ...]) -> tuple[Moment, ...]:
    """Half of the earlier ones where there are too many: a curve needs no more."""
    return moments if len(moments) <= _MOST_MOMENTS else (*moments[:-20:2], *moments[-20:])


def _short(value: float) -> float:
    return float(f"{value:.4g}")
