"""One tensor of a model, batch by batch, as samples stream past."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array, Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.graph.allowance import allowance
from qexplorer.observe.collecting.tap import Tap
from qexplorer.process.child import allow

__all__ = ["BATCH", "batches", "cores", "stream", "without_filling"]

BATCH = 16


def stream(model: Model, split: Split, name: str, *, threads: int | None = None) -> Iterator[tuple[NDArray[Any], int]]:
    """The tensor ``name`` (an input, or a tensor inside the graph) for all samples of ``split``.

    Args:
        model: the float model; one with a fixed batch gets that batch, and what fills up its last one is cut off.
        split: the samples, one array per model input (the key ``""`` stands for the only input).
        name: a float tensor.
        threads: of inference; None: one.

    Yields:
        The tensor for some samples, and how many samples are done.

    Raises:
        BackendError: ONNX Runtime cannot run the model, or has no float tensor of this name.
    """
    allow(allowance(model, batch=BATCH))
    tap = Tap(model, [name], threads=threads or 1, blocked=False)
    inputs = {info.name for info in model.inputs}
    if name not in inputs and not tap.tensors:
        raise BackendError(f"there is no float tensor called '{name}'", where=model.name)
    done = 0
    for feeds, samples in batches(model, split):
        found = np.asarray(feeds[name] if name in inputs else tap.run(feeds)[0])
        done += samples
        yield without_filling(found, feeds, samples), done


def batches(model: Model, split: Split, size: int = BATCH) -> Iterator[tuple[dict[str, Array], int]]:
    """What a session of ``model`` is fed, batch by batch; a model with a fixed batch gets that one, filled up.

    Yields:
        One array per input, and how many of its samples are real.
    """
    given = {name or model.inputs[0].name: values for name, values in split.inputs.items()}
    size = model.fixed_batch or size
    for start in range(0, split.n, size):
        rows = np.arange(start, min(start + size, split.n))
        fed = np.resize(rows, size) if model.fixed_batch else rows
        yield {info.name: given[info.name][fed].astype(info.dtype, copy=False) for info in model.inputs}, len(rows)


def without_filling(found: NDArray[Any], feeds: Mapping[str, Array], samples: int) -> NDArray[Any]:
    """``found`` without the samples that filled a fixed batch up, where its first axis is the batch."""
    fed = len(next(iter(feeds.values())))
    return found[:samples] if found.ndim > 0 and found.shape[0] == fed else found


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
