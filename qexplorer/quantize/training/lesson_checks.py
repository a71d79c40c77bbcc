"""Whether there is anything to learn from: one sentence for each way in which there is not."""

from __future__ import annotations

import numpy as np

from qexplorer.core.dataset import Split
from qexplorer.core.errors import DataError
from qexplorer.quantize.training.losses import TaskLoss
from qexplorer.quantize.training.options import TrainingOptions

__all__ = ["FEWEST", "check_lessons"]

FEWEST = 8
"""Samples that are learned from and judged by, at least."""


def check_lessons(split: Split, loss: TaskLoss | None, options: TrainingOptions, axis: int | None) -> None:
    """Raises DataError for too few samples, nothing to make small, labels of one class, and stages without epochs.

    Args:
        split: samples, and labels or None.
        loss: of the task on labels; None where it has none.
        options: how it is trained.
        axis: of scores of classes in the first output; None where there is none.
    """
    if split.n < FEWEST:
        samples = "1 sample is" if split.n == 1 else f"{split.n} samples are"
        raise DataError(f"{samples} too few to train on", allowed=f"{FEWEST} or more", do="give more calibration data")
    if options.distillation == 0 and (loss is None or split.labels is None):
        what = "there are no labels" if split.labels is None else "this task has no loss on labels"
        raise DataError(f"{what}, and distillation is 0, so that there is nothing to learn from", do="raise it")
    if axis is not None and options.distillation < 1 and loss is not None and split.labels is not None:
        kinds = np.unique(split.labels)
        if kinds.size == 1:
            raise DataError(
                f"all {split.n} calibration samples are of class {kinds[0]}, so that there is nothing to tell apart",
                do="give samples of every class, or set distillation to 1",
            )
    if options.epochs <= len(options.stages):
        what = f"{options.epochs} epochs are too few for {len(options.stages) + 1} stages"
        raise DataError(what, do="train longer, or name fewer widths")
