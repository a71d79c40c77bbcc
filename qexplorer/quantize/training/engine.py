"""The training loop: the same data, options and seed give the same weights bit for bit on one machine.

After each epoch the whole state is kept beside other kept files; a run that was ended goes on from there and comes to
the very same end. What is returned is the best state by what samples say that were held back from learning: by the
task's metric, and by the loss where that has no value or is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qexplorer.core.dataset import Array, Split
from qexplorer.core.model import Model
from qexplorer.core.plugins import METRICS
from qexplorer.load.datasets.sampling import SEED
from qexplorer.quantize.training.checkpoints import load_state, save_state
from qexplorer.quantize.training.judging import Judge, metric_text
from qexplorer.quantize.training.lesson_checks import check_lessons
from qexplorer.quantize.training.lessons import Lessons
from qexplorer.quantize.training.losses import TaskLoss
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.parts import parts
from qexplorer.quantize.training.schedule import Stages, bounded, optimizer_of, rate_share, set_rates
from qexplorer.quantize.training.seen import Epoch, Trained, is_better
from qexplorer.quantize.training.watching import UNWATCHED, Beginning, TrainingStep, Watcher

__all__ = ["train"]


def train(
    network: QuantizedNetwork,
    model: Model,
    split: Split,
    loss: TaskLoss | None,
    options: TrainingOptions,
    *,
    axis: int | None,
    judge: Judge | None = None,
    strata: Array | None = None,
    kept: Path | None,
    progress: Callable[[str, float], None],
    watcher: Watcher = UNWATCHED,
) -> Trained:
    """Trains ``network`` and leaves it in its best state.

    Args:
        network: what learns.
        model: the float model: the teacher, and how samples are fed.
        split: samples to learn from; labels may be None, then the distance to the float network is all.
        loss: of the task on labels; None where it has none.
        options: how.
        axis: of scores of classes in the first output; None where there is none (see ``lesson_checks.class_axis``).
        judge: judges the samples held back by the task's metric, beside the loss; None: by the loss alone.
        strata: whole numbers, one a sample, that both parts get in proportion (see ``Task.strata``).
        kept: file in which the state is kept after each epoch, and from which a run goes on; None keeps nothing.
        progress: told a sentence and the share that is done; may raise Cancelled.
        watcher: told of the beginning, of steps and of epochs; may raise Cancelled.

    Raises:
        DataError: too few samples, or nothing to learn from them.
        ModelError: no answer has a gradient.
    """
    check_lessons(
        split,
        has_loss=loss is not None,
        distillation=options.distillation,
        epochs=options.epochs,
        stages=options.stages,
        axis=axis,
    )
    options = replace(options, batch=model.fixed_batch or options.batch)
    torch.manual_seed(options.seed)
    learn, held_back = parts(split.n, options.held_back, strata)
    known = loss if split.labels is not None else None
    lessons = Lessons(network, model, known, options, axis, judge or Judge())
    network.to(lessons.device)
    lessons.teach(split, held_back, progress)
    return _Run(network, split, options, lessons, (learn, held_back), progress, watcher).run(kept)


class _Run:
    """One run of :func:`train`: the network, how it learns, and the best state so far."""

    def __init__(
        self,
        network: QuantizedNetwork,
        split: Split,
        options: TrainingOptions,
        lessons: Lessons,
        parts: tuple[Array, Array],
        progress: Callable[[str, float], None],
        watcher: Watcher,
    ) -> None:
        self._network, self._split, self._options, self._lessons = network, split, options, lessons
        self._learn, self._held_back = parts
        self._progress, self._watcher = progress, watcher
        self._optimizer = optimizer_of(network, options)
        self._stages = Stages(options.stages, options.epochs)
        self._steps = -(-len(self._learn) // options.batch)
        metric = lessons.metric
        self._trained = Trained(chosen_by=None if metric is None else metric.name)
        self._best = _copy(network)
        self._device_before: str | None = None

    def run(self, kept: Path | None) -> Trained:
        """Trains from what is kept, or from the beginning, to the end or to ``until``."""
        kept = self._begin(kept)
        self._watcher.begins(self._beginning(), self._network)
        for number in range(self._trained.epochs[-1].number + 1, self._last + 1):
            if self._waited(number):
                break
            loss = self._epoch(number)
            self._network.widen_to(0)
            if loss is None:
                self._trained.stopped = f"the loss was no number in epoch {number}"
                break
            self._saw(self._lessons.epoch(number, loss, self._split, self._held_back))
            if kept is not None:
                save_state(kept, self._network, self._optimizer, self._trained, self._best, self._device)
            self._watcher.epoch(self._trained.epochs[-1], self._trained.best, self._network)
        self._network.load_state_dict(self._best)
        self._watcher.ends(self._trained, self._network)
        return self._trained

    def _waited(self, number: int) -> bool:
        """Whether no state became better for as many epochs as there is patience, before epoch ``number``."""
        patience, first = self._options.patience, self._stages.first_of_last()
        if not patience or number - max(self._trained.best + 1, first) < patience:
            return False
        by = self._trained.chosen_by
        judged = "the loss" if by is None else METRICS.get(by).title
        self._trained.stopped = f"{judged} on samples held back did not get better for {patience} epochs"
        return True

    @property
    def _device(self) -> str:
        """Where it computes."""
        return self._lessons.device.type

    @property
    def _last(self) -> int:
        """The epoch to stop after."""
        return min(self._options.until or self._options.epochs, self._options.epochs)

    def _begin(self, kept: Path | None) -> Path | None:
        """Goes on from what is kept, if that is not beyond the last epoch wanted; the file to keep the state in.

        A state beyond it whose best epoch is not is as good: the best state so far is the best of the epochs before.
        Otherwise this run begins anew, and keeps its states in a file of its own.
        """
        first = _copy(self._network)
        for path in () if kept is None else (kept, kept.with_name(f"{kept.stem}-{self._last}{kept.suffix}")):
            held = load_state(path, self._network, self._optimizer)
            if held is None or held.trained.best > self._last:
                self._network.load_state_dict(first)
                self._optimizer = optimizer_of(self._network, self._options)
                if held is None:
                    kept = path
                    break
                continue
            epochs = [each for each in held.trained.epochs if each.number <= self._last]
            self._trained = replace(held.trained, epochs=epochs)
            self._best, self._device_before = held.best, held.device
            return path
        self._saw(self._lessons.epoch(0, None, self._split, self._held_back))
        self._network.start_near()
        return kept

    def _beginning(self) -> Beginning:
        metric = self._lessons.metric
        return Beginning(
            epochs=self._options.epochs,
            steps=self._steps,
            learned=len(self._learn),
            judged=len(self._held_back),
            metric=None if metric is None else metric.name,
            float_=self._lessons.of_float(self._split, self._held_back),
            before=tuple(self._trained.epochs),
            device=self._device,
            chosen_by=self._trained.chosen_by,
            device_before=self._device_before,
        )

    def _epoch(self, number: int) -> float | None:
        """One epoch; the mean loss over its samples, None if that is no number."""
        total, steps = 0.0, self._options.epochs * self._steps
        width, start, end = self._stages.of(number)
        self._network.widen_to(width)
        for place, rows in enumerate(_shuffled(self._learn, self._options, number)):
            done = (number - 1) * self._steps + place
            if place % 4 == 0:
                self._progress(self._said(number), done / steps)
            share = ((number - start) * self._steps + place) / ((end - start + 1) * self._steps)
            set_rates(self._optimizer, rate_share(self._options.schedule, self._options.warm_up, share))
            self._optimizer.zero_grad()
            value = self._lessons.value(self._split, rows)
            if not torch.isfinite(value):
                return None
            value.backward()  # type: ignore[no-untyped-call]
            seen = _seen(done + 1, number, value, self._network) if self._watcher.wants() else None
            bounded(self._network.of_constants(), self._options.clip)
            self._optimizer.step()
            if seen is not None:
                self._watcher.step(seen, self._network)
            total += float(value.detach()) * len(rows)
        return total / len(self._learn)

    def _saw(self, epoch: Epoch) -> None:
        known = self._trained.epochs
        best = next((each for each in known if each.number == self._trained.best), None)
        known.append(epoch)
        if best is None or is_better(epoch, best, self._trained.chosen_by):
            self._best, self._trained.best = _copy(self._network), epoch.number

    def _said(self, number: int) -> str:
        last, metric = self._trained.epochs[-1], self._lessons.metric
        text = f"training, epoch {number} of {self._options.epochs}"
        if metric is not None and last.metric is not None:
            return f"{text}, {metric.title} {metric_text(last.metric, metric)} on samples held back"
        return f"{text}, loss {last.held_back:.3g} on samples held back"


def _copy(network: QuantizedNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _shuffled(rows: Array, options: TrainingOptions, epoch: int) -> Iterator[Array]:
    order = np.random.default_rng([SEED, options.seed, epoch]).permutation(rows)
    for start in range(0, len(order), options.batch):
        yield order[start : start + options.batch]


def _seen(number: int, epoch: int, value: Tensor, network: QuantizedNetwork) -> TrainingStep:
    """What is told of a step whose gradients are there."""
    grids = network.of_grids()
    return TrainingStep(
        number, epoch, float(value.detach()), _norm(network.of_constants()), _norm(grids) if grids else None
    )


def _norm(parameters: Sequence[Tensor]) -> float:
    squares = [each.grad.square().sum() for each in parameters if each.grad is not None]
    return math.sqrt(float(torch.stack(squares).sum())) if squares else 0.0
