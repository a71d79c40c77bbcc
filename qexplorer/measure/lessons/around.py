"""What surrounds a layer, for a lesson: some of its inputs, the range of their channels, the weights that make them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, Int32
from qexplorer.graph.index import GraphIndex
from qexplorer.measure.lessons.lesson import Around
from qexplorer.quantize.layerwise.chains import pairs_of
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from qexplorer.quantize.outliers.sampled_inputs import LayerInputs

__all__ = ["around_of"]

_PLACES = 256
_FRONT = 1024
"""Weights of a channel in front that are kept, at most: those that are largest in any channel."""


def around_of(
    view: GraphIndex, layer: str, matrix: LayerMatrix, inputs: LayerInputs, columns: NDArray[np.intp], groups: int
) -> Around:
    """What a lesson keeps of it.

    Args:
        view: the float graph.
        layer: whose surroundings they are.
        matrix: how it becomes a matrix.
        inputs: what it was fed.
        columns: the inputs of a row that the lesson looks at.
        groups: how many of its groups the lesson has.
    """
    own = matrix.shape[1] if matrix.op == "Conv" else matrix.columns  # channels of one group
    size = matrix.columns // own
    channel = np.arange(groups)[:, None] * own + columns[None] // size
    kept, places = np.unique(channel, return_inverse=True)
    rows = inputs.rows[:groups][:, columns]
    chosen = np.linspace(0, rows.shape[-1] - 1, min(rows.shape[-1], _PLACES)).astype(np.intp)
    name, front = _front(view, layer, kept)
    return Around(
        feeds=np.ascontiguousarray(rows[..., chosen].swapaxes(1, 2)),
        channel=np.asarray(places.reshape(channel.shape), np.int32),
        low=inputs.low[kept],
        high=inputs.high[kept],
        front=front,
        front_layer=name,
    )


def _front(view: GraphIndex, layer: str, kept: Int32 | NDArray[np.intp]) -> tuple[str, Float32]:
    """The layer that makes these channels, and its weights; an empty name where none can be scaled."""
    pair = next((each for each in pairs_of(view) if each.second == layer and each.repeat == 1), None)
    matrix = "" if pair is None else matrix_of(view.nodes[pair.first], view)
    if pair is None or isinstance(matrix, str):
        return "", np.zeros((len(kept), 0), np.float32)
    weight = view.array(view.nodes[pair.first].input[1])
    rows = matrix.rows(weight).reshape(pair.channels, -1)[kept]
    if rows.shape[1] > _FRONT:
        rows = rows[:, np.sort(np.argsort(-np.abs(rows).max(0), kind="stable")[:_FRONT])]
    return pair.first, np.ascontiguousarray(rows, np.float32)
