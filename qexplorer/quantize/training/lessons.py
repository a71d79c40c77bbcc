"""What is asked of a batch in training, and how a network does on the samples that were held back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from qexplorer.core.dataset import Array, Split
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.metric import Metric
from qexplorer.quantize.training.inner import inner_distance
from qexplorer.quantize.training.judging import Judge
from qexplorer.quantize.training.losses import TaskLoss, distance
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.seen import Epoch, FloatVerdict
from qexplorer.torchgraph.dtypes import tensor_of
from qexplorer.torchgraph.executor import GraphModule

__all__ = ["Lessons"]


class Lessons:
    """What is asked of a batch: the loss of its answers, beside labels and what the float network says of it."""

    def __init__(
        self,
        network: QuantizedNetwork,
        model: Model,
        loss: TaskLoss | None,
        options: TrainingOptions,
        axis: int | None,
        judge: Judge,
    ) -> None:
        self._network, self._model, self._loss = network, model, loss
        self._options, self._axis, self._judge = options, axis, judge
        self._places = network.inner_places(options.inner_layers) if options.inner > 0 else ()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._teacher = GraphModule(model.proto()).to(self.device)
        self._wanted: list[Tensor] = []

    @property
    def metric(self) -> Metric | None:
        """What the samples held back are judged by, beside the loss."""
        return self._judge.metric

    def teach(self, split: Split, judge: Array, progress: Callable[[str, float], None]) -> None:
        """Runs the float network once: over all samples, or over those held back where it does not teach."""
        teacher = self._teacher
        rows = np.arange(split.n) if self._share > 0 else np.sort(judge)
        found: list[tuple[Tensor, ...]] = []
        with torch.no_grad():
            for start in range(0, len(rows), self._options.batch):
                progress("running the float network once", 0.0)
                part = rows[start : start + self._options.batch]
                answers = teacher(*self._feeds(split, part, teacher.input_names))
                found.append(tuple(each[: len(part)] for each in answers))
        values = [torch.cat(parts) for parts in zip(*found, strict=True)]
        self._wanted = [each.new_zeros((split.n, *each.shape[1:])) for each in values]
        for all_rows, each in zip(self._wanted, values, strict=True):
            all_rows[self._on(rows)] = each

    @property
    def _share(self) -> float:
        return 1.0 if self._loss is None else self._options.distillation

    def value(self, split: Split, rows: Array) -> Tensor:
        """The mean loss on some samples."""
        feeds = self._feeds(split, rows, self._network.input_names)
        answers, inner = self._network.with_inner(feeds, self._places)
        value = self._of([each[: len(rows)] for each in answers], split, rows)
        if self._places:
            value = value + self._options.inner * self._of_inner(inner, split, rows)
        if self._options.damping > 0:
            value = value + self._options.damping * self._network.wavering()
        if not value.requires_grad:
            raise self._network.without_gradient(feeds)
        return value

    def _of_inner(self, inner: Mapping[str, Tensor], split: Split, rows: Array) -> Tensor:
        feeds = self._feeds(split, rows, self._teacher.input_names)
        with torch.no_grad():
            wanted = self._teacher.tensors(dict(zip(self._teacher.input_names, feeds, strict=True)), self._places)
        return inner_distance(inner, wanted, self._places)

    def _of(self, outputs: Sequence[Tensor], split: Split, rows: Array) -> Tensor:
        value = torch.zeros((), device=self.device)
        if self._loss is not None and split.labels is not None and self._share < 1:
            labels = self._on(np.asarray(split.labels[rows]))
            value = value + (1 - self._share) * self._loss(outputs, labels)
        if self._share > 0:
            wanted = [each[self._on(rows)] for each in self._wanted]
            temperature = self._options.temperature
            value = value + self._share * distance(outputs, wanted, axis=self._axis, temperature=temperature)
        return value

    def epoch(self, number: int, loss: float | None, split: Split, rows: Array) -> Epoch:
        """How the network does on samples that were held back."""
        parts: list[list[Tensor]] = []
        for start in range(0, len(rows), self._options.batch):
            part = rows[start : start + self._options.batch]
            with torch.no_grad():
                feeds = self._feeds(split, part, self._network.input_names)
                parts.append([each[: len(part)] for each in self._network(*feeds)])
        found = self._verdict([torch.cat(each) for each in zip(*parts, strict=True)], split, rows)
        return Epoch(number, loss, found.loss, found.metric, found.ci95)

    def of_float(self, split: Split, rows: Array) -> FloatVerdict:
        """How the float network does on samples that were held back."""
        return self._verdict([each[self._on(rows)] for each in self._wanted], split, rows)

    def _verdict(self, outputs: list[Tensor], split: Split, rows: Array) -> FloatVerdict:
        total = 0.0
        for start in range(0, len(rows), self._options.batch):
            part = rows[start : start + self._options.batch]
            answers = [each[start : start + len(part)] for each in outputs]
            total += float(self._of(answers, split, part)) * len(part)
        wanted = [each[self._on(rows)] for each in self._wanted]
        labels = None if split.labels is None else split.labels[rows]
        value, interval = self._judge.value(outputs, wanted, labels)
        return FloatVerdict(total / len(rows), value, interval)

    def _feeds(self, split: Split, rows: Array, names: Sequence[str]) -> list[Tensor]:
        """Inputs of some samples, filled up where the batch is fixed."""
        rows = np.resize(rows, self._model.fixed_batch) if self._model.fixed_batch else rows
        types = {info.name: info.dtype for info in self._model.inputs}
        given = {name or names[0]: values for name, values in split.inputs.items()}
        parts = [np.ascontiguousarray(given[name][rows].astype(types[name], copy=False)) for name in names]
        return [tensor_of(each).to(self.device) for each in parts]

    def _on(self, values: Array) -> Tensor:
        return torch.from_numpy(values).to(self.device)
