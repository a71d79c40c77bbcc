"""Branches that are not all on one grid and are joined in float.

Where something that is joined lies on a grid, the converter (litert-converter 0.5) joins codes, and rounds the rest
onto the first one's grid for it. With a grid behind a Concat that is right, because that grid is taken; without one it
is a rounding that the graph does not have: the scores of a face detector's small faces were off by a step of its large
ones, and another detector's softmax, joined with its boxes, was put on their grid, with which the file does not load.
Max, Min and Where of several grids it does not convert at all, whatever follows.

An activation that the converter writes as a choice between its input and what is computed of it is such a join as well,
and there the input's grid is taken even where another one follows: PRelu, whose negative side is small, lost its codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["CHOICES", "MOVES", "choose_in_float", "grid_of", "join_in_float"]

_JOINS = ("Concat", "Max", "Min", "Where")
CHOICES = ("PRelu", "LeakyRelu", "Elu", "Selu", "Celu", "Softplus", "Mish")
MOVES = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Identity", "Split", "Gather", "Expand")


def join_in_float(edit: GraphEdit) -> None:
    """Keeps branches on grids apart from a join, if not all is on one grid and it is no Concat that is rounded."""
    made, readers = edit.makers(), edit.readers()
    for node in [node for node in edit.nodes if node.op_type in _JOINS and not node.domain]:
        several = len({grid_of(name, made) for name in _joined(node)}) > 1
        if not several or (node.op_type == "Concat" and _rounded_behind(edit, node, readers)):
            continue
        for place, name in enumerate(node.input):
            if grid_of(name, made) is not None:
                edit.part_before(node, place)


def choose_in_float(edit: GraphEdit) -> None:
    """Keeps the codes of its input apart from an activation that is written as a choice."""
    made = edit.makers()
    for node in [node for node in edit.nodes if node.op_type in CHOICES and not node.domain]:
        if grid_of(node.input[0], made) is not None:
            edit.part_before(node)


def _joined(node: onnx.NodeProto) -> list[str]:
    """The branches; what Where chooses by is none."""
    return list(node.input[node.op_type == "Where" :])


def grid_of(name: str, made: dict[str, onnx.NodeProto]) -> bytes | None:
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
