"""A Resize that names its axes, written with one scale for each axis.

ONNX Runtime 1.31 cannot load a Resize with ``axes`` (opset 18) beside integer convolutions with all its optimizations:
it turns the axes for their layout and forgets the sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.graph.index import GraphIndex

if TYPE_CHECKING:
    import onnx

__all__ = ["full_scales", "without_axes"]


def full_scales(node: onnx.NodeProto, view: GraphIndex) -> NDArray[np.float32] | None:
    """One scale for each axis of a Resize with ``axes``; None if they are not known before it runs."""
    rank = view.ranks.get(node.input[0])
    axes = next((list(item.ints) for item in node.attribute if item.name == "axes"), None)
    if rank is None or axes is None or any(item.name == "keep_aspect_ratio_policy" for item in node.attribute):
        return None
    given = [view.value(node.input[i]) if len(node.input) > i and node.input[i] else None for i in (2, 3)]
    scales = np.ones(rank, np.float32)
    if given[0] is not None and given[0].size == len(axes):
        scales[axes] = given[0]
        return scales
    lengths = _lengths(node.input[0], view)
    if given[1] is None or given[1].size != len(axes) or any(not lengths[axis] for axis in axes):
        return None
    known = np.array([lengths[axis] for axis in axes], np.float32)
    scales[axes] = given[1].astype(np.float32) / known
    return scales if np.array_equal(np.floor(known * scales[axes]), given[1]) else None


def without_axes(proto: onnx.ModelProto, view: GraphIndex) -> None:
    """Writes every Resize with ``axes`` in the full form where its scales are known; changes ``proto``."""
    from onnx import numpy_helper

    for node in proto.graph.node:
        if node.op_type != "Resize" or not any(item.name == "axes" for item in node.attribute):
            continue
        scales = full_scales(node, view)
        if scales is None:
            continue
        name = f"{node.name}/all_scales"
        proto.graph.initializer.append(numpy_helper.from_array(scales, name))
        roi = "" if len(node.input) < 2 else node.input[1]
        node.input[:] = [node.input[0], roi, name]
        node.attribute.remove(next(item for item in node.attribute if item.name == "axes"))


def _lengths(tensor: str, view: GraphIndex) -> list[int]:
    """Length of each axis of ``tensor``, 0 where it is free."""
    for value in (*view.graph.value_info, *view.graph.input, *view.graph.output):
        if value.name == tensor:
            return [int(dim.dim_value) for dim in value.type.tensor_type.shape.dim]
    return [0] * view.ranks.get(tensor, 0)
