"""Whether there is anything to learn: one sentence for each way in which there is not. It imports no torch, so that a
page asks before anybody waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError, InputError
from qexplorer.core.model import Model, TensorInfo
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.core.tasks.protocol import Task
from qexplorer.graph.index import index_of
from qexplorer.quantize.training.cut_off import gradients_end
from qexplorer.quantize.training.recipes import asked_of, widths

__all__ = ["FEWEST", "check_lessons", "class_axis", "refused"]

FEWEST = 8
"""Samples that are learned from and judged by, at least."""


def refused(model: Model, recipe: Recipe, data: DataSet) -> InputError | None:
    """Why a training cannot be, before anything runs; None: nothing is known against it.

    Args:
        model: the float model.
        recipe: one that trains.
        data: fitted to the model.
    """
    asked = asked_of(recipe)
    if asked is None:
        return None
    view, task = index_of(model), task_of(data)
    weights = [layer.weight for layer in model.quantizable_layers if layer.weight is not None]
    cut = gradients_end(view, weights) if weights else None
    if cut is not None:
        return cut
    try:
        check_lessons(
            data.calibration,
            has_loss=task.loss is not None,
            distillation=float(asked.options["distillation"]),
            epochs=int(asked.options["epochs"]),
            stages=widths(str(asked.options["stages"])),
            axis=class_axis(task, model.outputs),
        )
    except DataError as error:
        return error
    return None


def check_lessons(
    split: Split, *, has_loss: bool, distillation: float, epochs: int, stages: Sequence[int], axis: int | None
) -> None:
    """Raises DataError for too few samples, nothing to make small, labels of one class, and stages without epochs.

    Args:
        split: samples, and labels or None.
        has_loss: whether the task has a loss on labels.
        distillation: weight of the distance to the float network's answers.
        epochs: in all.
        stages: widths on the way to the grids' own.
        axis: of scores of classes in the first output; None where there is none.
    """
    if split.n < FEWEST:
        samples = "1 sample is" if split.n == 1 else f"{split.n} samples are"
        raise DataError(f"{samples} too few to train on", allowed=f"{FEWEST} or more", do="give more calibration data")
    if distillation == 0 and (not has_loss or split.labels is None):
        what = "there are no labels" if split.labels is None else "this task has no loss on labels"
        raise DataError(f"{what}, and distillation is 0, so that there is nothing to learn from", do="raise it")
    if axis is not None and distillation < 1 and has_loss and split.labels is not None:
        kinds = np.unique(split.labels)
        if kinds.size == 1:
            raise DataError(
                f"all {split.n} calibration samples are of class {kinds[0]}, so that there is nothing to tell apart",
                do="give samples of every class, or set distillation to 1",
            )
    if epochs <= len(stages):
        what = f"{epochs} epochs are too few for {len(stages) + 1} stages"
        raise DataError(what, do="train longer, or name fewer widths")


def class_axis(task: Task, outputs: Sequence[TensorInfo]) -> int | None:
    """The axis of scores of classes in the first output, for each sample, place or pixel; None where there is none."""
    rank = len(outputs[0].shape) if outputs else 0
    if task.classes(outputs):
        return 1 if rank >= 2 else None
    if task.loss != "cross_entropy":
        return None
    return {3: 2, 4: 1}.get(rank)
