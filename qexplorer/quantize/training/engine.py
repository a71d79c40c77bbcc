"""The training loop: the same data, options and seed give the same weights bit for bit on one machine.

After each epoch the whole state is kept beside other kept files; a run that was ended goes on from there and comes to
the very same end. What is returned is the state with the least loss on samples that were held back from learning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.load.datasets.sampling import SEED, spread_order
from qexplorer.quantize.training.checkpoints import load_state, save_state
from qexplorer.quantize.training.losses import TaskLoss, distance
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.seen import Epoch, Trained
from qexplorer.torchgraph.dtypes import tensor_of
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["TrainingOptions", "train"]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a network is trained; see the options of the algorithm ``qat`` for bounds and words.

    Attributes:
        epochs: times that all samples are seen.
        batch: samples of one step; a model with a fixed batch has that.
        rate: of weights; it falls to 0 along half a cosine.
        grid_rate: of scales and zero points, as a share of their size a step.
        optimizer: AdamW, or SGD with momentum 0.9.
        distillation: weight of the distance to the float network's answers; the task's loss has the rest.
        temperature: of that distance.
        damping: weight of the swinging of weights between two levels.
        held_back: share of the samples that judge states and are not learned from.
        seed: of the order of samples.
    """

    epochs: int = 5
    batch: int = 32
    rate: float = 1e-3
    grid_rate: float = 1e-2
    optimizer: Literal["adamw", "sgd"] = "adamw"
    distillation: float = 0.5
    temperature: float = 2.0
    damping: float = 0.0
    held_back: float = 0.1
    seed: int = 0


def train(
    network: QuantizedNetwork,
    model: Model,
    split: Split,
    loss: TaskLoss | None,
    options: TrainingOptions,
    *,
    classes: bool,
    strata: Array | None = None,
    kept: Path | None,
    progress: Callable[[str, float], None],
) -> Trained:
    """Trains ``network`` and leaves it in its best state.

    Args:
        network: what learns.
        model: the float model: the teacher, and how samples are fed.
        split: samples to learn from; labels may be None, then the distance to the float network is all.
        loss: of the task on labels; None where it has none.
        options: how.
        classes: whether the first output holds scores of classes.
        strata: whole numbers, one a sample, that both parts get in proportion (see ``Task.strata``).
        kept: file in which the state is kept after each epoch, and from which a run goes on; None keeps nothing.
        progress: told a sentence and the share that is done; may raise Cancelled.

    Raises:
        DataError: fewer than two samples.
    """
    if split.n < 2:
        raise DataError(f"{split.n} sample is too few to train on", do="give more calibration samples")
    options = replace(options, batch=model.fixed_batch or options.batch)
    torch.manual_seed(options.seed)
    learn, judge = _parts(split.n, options.held_back, strata)
    lessons = _Lessons(network, model, loss if split.labels is not None else None, options, classes)
    lessons.teach(split, progress)
    optimizer = _optimizer(network, options)
    steps = -(-len(learn) // options.batch)
    state = _State(Trained(), _copy(network), float("inf"))
    first = 0
    held = load_state(kept, network, optimizer) if kept is not None else None
    if held is not None:
        state, first = _State(held.trained, held.best, held.least), held.trained.epochs[-1].number
    else:
        state.saw(Epoch(0, None, *lessons.judged(split, judge)), network)
    for number in range(first + 1, options.epochs + 1):
        total = 0.0
        for place, rows in enumerate(_shuffled(learn, options, number)):
            done = (number - 1) * steps + place
            if place % 4 == 0:
                progress(_said(number, options.epochs, state.trained), done / (options.epochs * steps))
            _set_rates(optimizer, done / (options.epochs * steps))
            optimizer.zero_grad()
            value = lessons.value(split, rows)
            if not torch.isfinite(value):
                state.trained.stopped = f"the loss was no number in epoch {number}"
                break
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(value.detach()) * len(rows)
        if state.trained.stopped:
            break
        state.saw(Epoch(number, total / len(learn), *lessons.judged(split, judge)), network)
        if kept is not None:
            save_state(kept, network, optimizer, state.trained, state.best, state.least)
    network.load_state_dict(state.best)
    return state.trained


@dataclass(slots=True)
class _State:
    """The best state so far."""

    trained: Trained
    best: dict[str, Tensor]
    least: float

    def saw(self, epoch: Epoch, network: QuantizedNetwork) -> None:
        self.trained.epochs.append(epoch)
        if epoch.held_back < self.least:
            self.least, self.best, self.trained.best = epoch.held_back, _copy(network), epoch.number


def _copy(network: QuantizedNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


class _Lessons:
    """What is asked of a batch: the loss of its answers, beside labels and what the float network says of it."""

    def __init__(
        self, network: QuantizedNetwork, model: Model, loss: TaskLoss | None, options: TrainingOptions, classes: bool
    ) -> None:
        self._network, self._model, self._loss = network, model, loss
        self._options, self._classes = options, classes
        self._wanted: list[Tensor] = []

    def teach(self, split: Split, progress: Callable[[str, float], None]) -> None:
        """Runs the float network once over all samples."""
        if self._share == 0:
            return
        teacher = GraphModule(self._model.proto())
        found: list[tuple[Tensor, ...]] = []
        with torch.no_grad():
            for start in range(0, split.n, self._options.batch):
                progress("running the float network once", 0.0)
                rows = np.arange(start, min(start + self._options.batch, split.n))
                answers = teacher(*self._feeds(split, rows, teacher.input_names))
                found.append(tuple(each[: len(rows)] for each in answers))
        self._wanted = [torch.cat(parts) for parts in zip(*found, strict=True)]

    @property
    def _share(self) -> float:
        return 1.0 if self._loss is None else self._options.distillation

    def value(self, split: Split, rows: Array) -> Tensor:
        """The mean loss on some samples."""
        outputs = [each[: len(rows)] for each in self._network(*self._feeds(split, rows, self._network.input_names))]
        return self._of(outputs, split, rows, damped=True)

    def _of(self, outputs: Sequence[Tensor], split: Split, rows: Array, *, damped: bool) -> Tensor:
        value = torch.zeros(())
        if self._loss is not None and split.labels is not None and self._share < 1:
            labels = torch.from_numpy(np.asarray(split.labels[rows]))
            value = value + (1 - self._share) * self._loss(outputs, labels)
        if self._share > 0:
            wanted = [each[torch.from_numpy(rows)] for each in self._wanted]
            temperature = self._options.temperature
            value = value + self._share * distance(outputs, wanted, classes=self._classes, temperature=temperature)
        if damped and self._options.damping > 0:
            value = value + self._options.damping * self._network.wavering()
        return value

    def judged(self, split: Split, rows: Array) -> tuple[float, float | None]:
        """Loss and share of right classes on samples that were held back."""
        total, right = 0.0, 0
        graded = self._classes and split.labels is not None
        for start in range(0, len(rows), self._options.batch):
            part = rows[start : start + self._options.batch]
            with torch.no_grad():
                feeds = self._feeds(split, part, self._network.input_names)
                outputs = [each[: len(part)] for each in self._network(*feeds)]
                total += float(self._of(outputs, split, part, damped=False)) * len(part)
            if graded and split.labels is not None and outputs[0].dim() == 2:
                right += int((outputs[0].detach().argmax(1).numpy() == split.labels[part]).sum())
        return total / len(rows), right / len(rows) if graded else None

    def _feeds(self, split: Split, rows: Array, names: Sequence[str]) -> list[Tensor]:
        """Inputs of some samples, filled up where the batch is fixed."""
        rows = np.resize(rows, self._model.fixed_batch) if self._model.fixed_batch else rows
        types = {info.name: info.dtype for info in self._model.inputs}
        given = {name or names[0]: values for name, values in split.inputs.items()}
        return [tensor_of(np.ascontiguousarray(given[name][rows].astype(types[name], copy=False))) for name in names]


def _parts(n: int, share: float, strata: Array | None) -> tuple[Array, Array]:
    """Rows to learn from and rows that are held back, strata in proportion."""
    order = spread_order(n, strata)
    count = min(max(round(n * share), 1), n - 1)
    return order[count:], order[:count]


def _shuffled(rows: Array, options: TrainingOptions, epoch: int) -> Iterator[Array]:
    order = np.random.default_rng([SEED, options.seed, epoch]).permutation(rows)
    for start in range(0, len(order), options.batch):
        yield order[start : start + options.batch]


def _optimizer(network: QuantizedNetwork, options: TrainingOptions) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": network.of_constants(), "lr": options.rate, "initial_lr": options.rate}]
    grids = network.of_grids()
    if grids:
        groups.append({"params": grids, "lr": options.grid_rate, "initial_lr": options.grid_rate, "weight_decay": 0.0})
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=options.rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=options.rate, weight_decay=1e-4)


def _set_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * 0.5 * (1 + math.cos(math.pi * share))


def _said(number: int, epochs: int, trained: Trained) -> str:
    last = trained.epochs[-1]
    text = f"training, epoch {number} of {epochs}"
    if last.right is not None:
        return f"{text}, {last.right:.1%} right on samples held back"
    return f"{text}, loss {last.held_back:.3g} on samples held back"
