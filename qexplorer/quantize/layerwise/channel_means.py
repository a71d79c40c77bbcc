"""Means of tensors, channel by channel, over calibration samples and positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.quantize.layerwise.streams import Part, summed

if TYPE_CHECKING:
    import onnx

__all__ = ["Means", "channel_means"]

Means = dict[str, NDArray[np.float64]]


def channel_means(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    axes: Mapping[str, int],
    progress: Callable[[float], None],
) -> Means:
    """Runs ``proto`` on all samples.

    Args:
        proto: a graph with the inputs of ``model`` in which the wanted tensors are.
        model: says how samples are fed.
        split: the samples.
        axes: the axis of the channels by name of the tensor.
        progress: told the share that is done after each batch.

    Returns:
        Float64 ``(channels,)`` by name: means over samples and positions.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """

    def sums(found: Sequence[NDArray[Any]], _: int) -> list[Part]:
        return [_sums(values, axis) for values, axis in zip(found, axes.values(), strict=True)]

    totals = summed(proto, model, split, list(axes), sums, progress)
    return {name: total / count for name, (total, count) in zip(axes, totals, strict=True)}


def _sums(values: NDArray[Any], axis: int) -> Part:
    """The sum of each channel, and how many values of each it is of."""
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    return rows.sum(1, dtype=np.float64), rows.shape[1]
