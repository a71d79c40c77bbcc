"""Statistics of weights, straight from the file."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import UnknownName
from qexplorer.core.model import Layer, Model
from qexplorer.graph.index import index_at
from qexplorer.observe.collecting.accumulate import Accumulator, ChannelLayout
from qexplorer.observe.stats import TensorStats

__all__ = ["weight_array", "weight_stats", "weighted_layers"]


def weighted_layers(model: Model) -> dict[str, Layer]:
    """Weights of the quantizable layers: tensor name -> the first layer that uses it, in execution order."""
    found: dict[str, Layer] = {}
    for layer in model.quantizable_layers:
        if layer.weight is not None:
            found.setdefault(layer.weight, layer)
    return found


def weight_array(model: Model, name: str) -> NDArray[Any]:
    """The values of the initializer or constant ``name``, in its own type and shape; not to be written to.

    Raises:
        UnknownName: the model has no weight of that name.
    """
    return _array(str(model.path), name)


@lru_cache(maxsize=4)  # weights can be large
def _array(path: str, name: str) -> NDArray[Any]:
    index = index_at(path)
    found = index.value(name)
    if found is None:
        raise UnknownName.among("weight", name, index.initializers)
    return found


def weight_stats(model: Model, name: str) -> TensorStats:
    """Statistics of the weight ``name``; the channel axis is that of its layer's outputs. 25 million values: 15-40 ms.

    Raises:
        UnknownName: the model has no weight of that name.
    """
    array = weight_array(model, name)
    layer = next((layer for layer in model.layers if layer.weight == name), None)
    axis = None if layer is None or layer.weight_axis is None or not array.ndim else layer.weight_axis % array.ndim
    return array_stats(name, array, axis)


def array_stats(name: str, array: NDArray[Any], axis: int | None) -> TensorStats:
    """Statistics of one array whose channels run along ``axis``."""
    last = axis is not None and axis == array.ndim - 1 and array.ndim > 1
    layout = ChannelLayout(None if axis is None else -1 if last else 1)
    accumulator = Accumulator(layout)
    if axis is None or last:
        accumulator.add_values(array)
    else:
        accumulator.add_values(np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1, 1))
    histogram = accumulator.histogram()
    span = (histogram.minimum, histogram.maximum) if histogram.count else (0.0, 0.0)
    return TensorStats(name, "weight", array.shape, histogram, accumulator.channels(), axis, span, array)
