"""What is compared: one file with what has to be known to judge it, and the samples it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qexplorer.core.dataset import Array, DataSet
from qexplorer.core.errors import DataError, QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.metric import Metric
from qexplorer.core.results import Size
from qexplorer.core.tasks.choose import metrics_of, task_of
from qexplorer.graph.allowance import allowance
from qexplorer.load.outputs import threshold_of
from qexplorer.measure.effort import BATCHES, EVALUATION_BATCH, UNTRAINED_SAMPLES
from qexplorer.measure.metrics.predictions import Labels
from qexplorer.process.limits import BASE, Limits
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.run.batching import feeds_of

__all__ = ["Subject", "Variant", "float_variant", "quantized_variant", "subject_of"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One ONNX file. The float model's recipe is ``float`` and its digest the first 16 digits of its SHA-256.

    ``dynamic``: some of its ranges are found in every call, over the whole batch, so that answers depend on the batch.
    """

    recipe: str
    digest: str
    path: Path
    size: Size
    output_scales: dict[str, float]
    is_float: bool
    dynamic: bool = False

    def told(self, error: QExplorerError) -> str:
        """The error's sentence, with the recipe where it names this file: kept files are named by digests."""
        if error.where != self.path.name:
            return error.sentence
        where = "the float model" if self.is_float else self.recipe
        return QExplorerError(error.what, where=where, allowed=error.allowed, do=error.do).sentence


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The model and the evaluation samples that every variant is judged on.

    Attributes:
        model: the float model.
        inputs: samples by input name.
        labels: as the data's task keeps them, first axis the samples; None if it takes none.
        positions: shape ``(n,)``: where the samples stand in the evaluation split.
        n: samples.
        batches: batch sizes that are timed, latency's first.
        evaluation_batch: samples at a time when accuracy is measured, where answers do not depend on it.
        threshold: see ``predictions``; None where an answer is no class.
        metrics: what the data's task is judged by, the primary one first.
        classes: whether an answer can be a class, so that it can be said which answers changed.
    """

    model: Model
    inputs: dict[str, Array]
    labels: Array | None
    positions: Labels
    n: int
    batches: tuple[int, ...]
    evaluation_batch: int
    threshold: float | None
    metrics: tuple[Metric, ...] = ()
    classes: bool = True

    def allowed(self, base: Limits = BASE) -> Limits:
        """What running a variant on these samples may take, all else as in ``base``."""
        return allowance(self.model, batch=max(*self.batches, self.evaluation_batch), samples=self.n, base=base)

    def judged_at(self, variant: Variant) -> int:
        """Samples at a time when ``variant`` is judged: as many as are timed, where answers depend on it."""
        return self.batches[0] if variant.dynamic else self.evaluation_batch


def float_variant(model: Model) -> Variant:
    """The float model itself."""
    return Variant("float", model.sha256[:16], model.path, Size(model.file_bytes, model.weight_bytes), {}, True)


def quantized_variant(q: QuantizedModel, name: str | None = None) -> Variant:
    """A quantized model; its size counts packed weights, whatever type carries them in the file."""
    dynamic = any(layer.treatment == "dynamic" for layer in q.plan.layers)
    return Variant(name or q.recipe.name, q.digest, q.path, q.size, dict(q.output_scales), False, dynamic)


def subject_of(model: Model, data: DataSet, samples: int | None) -> Subject:
    """The evaluation samples of ``data``: all, or ``samples`` of them drawn once with a fixed seed.

    An untrained model is judged on a few only: its answers are checked against the simulation, but mean nothing.

    Raises:
        DataError: no sample is left, or the data's task takes labels and there are none.
        UnknownName: the data names a task that is not registered.
    """
    task = task_of(data)
    split = data.evaluation
    if split.n < 1 or (samples is not None and samples < 1):
        raise DataError("there is no sample to judge on", where=data.name, allowed="at least 1 evaluation sample")
    wanted = split.n if samples is None else min(samples, split.n)
    if model.untrained:
        wanted = min(wanted, UNTRAINED_SAMPLES)
    positions = np.arange(split.n)
    if wanted < split.n:
        positions = np.sort(np.random.default_rng(0).permutation(split.n)[:wanted])
        split = split.take(positions)
    if task.needs_labels and split.labels is None:
        allowed = f"labels for the task {task.name}: {task.takes}"
        raise DataError("there are no labels", where=data.name, allowed=allowed, do="choose the task similarity")
    fixed, classes = model.fixed_batch, task.classes(model.outputs)
    return Subject(
        model=model,
        inputs=feeds_of(split, model),
        labels=split.labels if task.needs_labels else None,
        positions=np.asarray(positions, np.int64),
        n=int(positions.size),
        batches=BATCHES if fixed is None else (fixed,),
        evaluation_batch=fixed or EVALUATION_BATCH,
        threshold=threshold_of(model) if classes else None,
        metrics=metrics_of(task, model.outputs),
        classes=classes,
    )
