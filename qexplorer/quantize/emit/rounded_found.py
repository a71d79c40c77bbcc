"""Finds again in a graph what ``rounded.py`` writes: places at which float operators round to levels.

Whoever judges a backend asks for them, because a value next to a border may rightly go to either neighbour there, as it
may at a QuantizeLinear. What a file holds decides, not how it was made, so that files of other programs count too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.formats.levels import LevelTable
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex
from qexplorer.graph.narrow_floats import float8_made

if TYPE_CHECKING:
    import onnx

__all__ = ["LevelsMade", "levels_made"]

_FLOAT = 1  # onnx.TensorProto


@dataclass(frozen=True, slots=True, eq=False)
class LevelsMade:
    """A rounding to levels.

    Attributes:
        source: the tensor that is rounded.
        scale: what it is divided by first.
        table: all levels at scale 1.
    """

    source: str
    scale: float
    table: LevelTable


def levels_made(node: onnx.NodeProto, index: GraphIndex) -> LevelsMade | None:
    """What ``node`` rounds, if its output is the tensor of levels at scale 1; None for any other node.

    It is the Cast from an 8-bit float back to float32, or the Gather that takes a level from the tree of borders.
    """
    if node.domain or not node.input:
        return None
    match node.op_type:
        case "Cast":
            return _cast(node, index)
        case "Gather":
            return _searched(node, index)
    return None


def _cast(node: onnx.NodeProto, index: GraphIndex) -> LevelsMade | None:
    narrow = index.maker(node.input[0])
    made = None if narrow is None or int(number(node, "to", 0)) != _FLOAT else float8_made(narrow)
    if narrow is None or made is None or made.table is None or index.is_constant(narrow.input[0]):
        return None
    clip = index.maker(narrow.input[0])
    bounded = clip is not None and clip.op_type == "Clip" and all(name in index.constants for name in clip.input[1:])
    return _divided(clip.input[0] if clip is not None and bounded else narrow.input[0], made.table, index)


def _searched(node: onnx.NodeProto, index: GraphIndex) -> LevelsMade | None:
    """A Gather from a full binary tree of floats, by the number of a node that comparisons lead to."""
    tree, place = index.value(node.input[0]), index.maker(node.input[1])
    if tree is None or tree.ndim != 1 or tree.dtype.kind != "f" or place is None or place.op_type != "Add":
        return None
    leaves = (len(tree) + 1) // 2
    right = index.maker(place.input[1])
    above = index.maker(right.input[0]) if right is not None and right.op_type == "Cast" else None
    last = above is not None and above.op_type == "Greater" and not _feeds_search(node, index)
    if above is None or not last or 2 * leaves - 1 != len(tree) or leaves & (leaves - 1):
        return None
    levels = np.unique(tree[-leaves:].astype(np.float32))
    if len(levels) < 2:
        return None
    table = LevelTable.of(levels, np.arange(len(levels), dtype=np.int32), np.zeros(len(levels) - 1, np.bool_))
    return _divided(above.input[0], table, index)


def _feeds_search(node: onnx.NodeProto, index: GraphIndex) -> bool:
    """Whether what ``node`` takes from the tree is a border that a value is compared with."""
    return any(reader.op_type == "Greater" for reader in index.readers(node.output[0]))


def _divided(quotient: str, table: LevelTable, index: GraphIndex) -> LevelsMade:
    """The rounding of ``quotient``, told of what was divided."""
    node = index.maker(quotient)
    scale = index.value(node.input[1]) if node is not None and node.op_type == "Div" else None
    if node is None or scale is None or scale.size != 1:
        return LevelsMade(quotient, 1.0, table)
    return LevelsMade(node.input[0], float(scale.reshape(())), table)
