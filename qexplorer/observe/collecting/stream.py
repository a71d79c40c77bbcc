"""One tensor of a model, batch by batch, as samples stream past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model
from qexplorer.observe.collecting.tap import Tap

__all__ = ["stream"]

_BATCH = 16


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
    tap = Tap(model, [name], threads=threads or 1, blocked=False)
    given = {name or model.inputs[0].name: values for name, values in split.inputs.items()}
    types = {info.name: info.dtype for info in model.inputs}
    if name not in types and not tap.tensors:
        raise BackendError(f"there is no float tensor called '{name}'", where=model.name)
    size = model.fixed_batch or _BATCH
    for start in range(0, split.n, size):
        rows = np.arange(start, min(start + size, split.n))
        fed = np.resize(rows, size) if model.fixed_batch else rows
        feeds = {key: given[key][fed].astype(dtype, copy=False) for key, dtype in types.items()}
        found = np.asarray(feeds[name] if name in types else tap.run(feeds)[0])
        whole = found.ndim > 0 and found.shape[0] == len(fed)
        yield (found[: len(rows)] if whole else found), int(rows[-1]) + 1
