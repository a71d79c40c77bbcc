"""The written file of a training on the samples that it was judged by: whether training said what is true of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet
from qexplorer.core.tasks.choose import task_of
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.training.judging import Judge
from qexplorer.quantize.training.parts import held_back_rows
from qexplorer.run.batching import feeds_of, run_in_batches
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import BACKENDS, reference

__all__ = ["metric_of_file"]

_BATCH = 32


def metric_of_file(quantized: QuantizedModel, data: DataSet, *, backend: str | None = None) -> float | None:
    """The task's first metric of the file on the samples held back, by integer kernels; None where it has no value.

    It runs the file in this process.

    Args:
        quantized: what a training gave.
        data: what it was trained on, fitted to the model.
        backend: a backend's name; by default the reference.

    Raises:
        BackendError: the backend refuses the file.
    """
    rows: NDArray[np.integer] = np.sort(held_back_rows(quantized.recipe, data)).astype(np.int64)
    split = data.calibration.take(rows)
    found, model = reference() if backend is None else BACKENDS.get(backend), quantized.model
    inputs = feeds_of(split, model)
    answers, floats = (
        run_in_batches(found.load(path, SessionOptions()), inputs, batch=_BATCH, fixed_batch=model.fixed_batch)
        for path in (quantized.path, model.path)
    )
    return Judge.of(task_of(data), model).of_arrays(answers, floats, split.labels)[0]
