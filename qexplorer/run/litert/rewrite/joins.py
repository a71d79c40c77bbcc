"""Branches that are not all on one grid and are joined in float.

Where something that is joined lies on a grid, the converter (litert-converter 0.5) joins codes, and rounds the rest
onto the first one's grid for it. With a grid behind the join that is right, because that grid is taken; without one it
is a rounding that the graph does not have: the scores of a face detector's small faces were off by a step of its large
ones, and another detector's softmax, joined with its boxes, was put on their grid, with which the file does not load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["MOVES", "join_in_float"]

_JOINS = ("Concat", "Max", "Min", "Where")
MOVES = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Identity", "Split", "Gather", "Expand")


def join_in_float(edit: GraphEdit) -> None:
    """Keeps branches on grids apart from a join that nothing rounds, if not all of it is on one grid."""
    made, readers = edit.makers(), edit.readers()
    for node in [node for node in edit.nodes if node.op_type in _JOINS and not node.domain]:
        if len({_grid_of(name, made) for name in _joined(node)}) < 2 or _rounded_behind(edit, node, readers):
            continue
        for place, name in enumerate(node.input):
            if _grid_of(name, made) is not None:
                apart = f"{node.output[0]}//apart_{place}"
                edit.replace(node, edit.node("Apart", [name], apart), node)
                node.input[place] = apart


def _joined(node: onnx.NodeProto) -> list[str]:
    """The branches; what Where chooses by is none."""
    return list(node.input[node.op_type == "Where" :])


def _grid_of(name: str, made: dict[str, onnx.NodeProto]) -> bytes | None:
    """The grid that a tensor's values lie on, moved or not; None if it has none."""
    maker = made.get(name)
    while maker is not None and maker.op_type in MOVES and not maker.domain:
        maker = made.get(maker.input[0])
    if maker is None or maker.op_type != "Grid":
        return None
    return b"".join(each.SerializeToString() for each in sorted(maker.attribute, key=lambda each: each.name))


def _rounded_behind(edit: GraphEdit, node: onnx.NodeProto, readers: dict[str, list[onnx.NodeProto]]) -> bool:
    """Whether whatever reads the join rounds it at once."""
    behind = readers.get(node.output[0], [])
    return node.output[0] not in edit.outputs and bool(behind) and all(each.op_type == "Grid" for each in behind)
