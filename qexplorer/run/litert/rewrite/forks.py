"""Parts of one tensor of which some are rounded and others stay in float.

The converter (litert-converter 0.5) moves a rounding in front of the Slice, Reshape or Transpose before it, past the
point where the tensor forks, so that it meets whatever else is cut from it: the cell state of a recurrent network, fed
in one tensor with its hidden state, was rounded onto the hidden state's grid. It moves roundings across a choice, too,
whose answers another branch reads in float.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.joins import CHOICES, MOVES

if TYPE_CHECKING:
    import onnx

__all__ = ["part_in_float"]

_Lists = dict[str, list["onnx.NodeProto"]]


def part_in_float(edit: GraphEdit) -> None:
    """Keeps a rounding apart from the moves in front of it, if something else that they move is not rounded alike."""
    made, readers = edit.makers(), edit.readers()
    for node in [node for node in edit.nodes if node.op_type == "Grid"]:
        if not all(_alike(edit, name, node, readers) for name in _beside(node, made)):
            edit.part_before(node)


def _beside(node: onnx.NodeProto, made: dict[str, onnx.NodeProto]) -> list[str]:
    """What is moved on the way to ``node``, and what else the moves make, or the choice that it rounds; nothing where
    that lies on a grid already."""
    found: list[str] = []
    maker = made.get(node.input[0])
    if maker is not None and maker.op_type in CHOICES:
        return [node.input[0]]
    while maker is not None and maker.op_type in MOVES and not maker.domain:
        found += [maker.input[0], *maker.output]
        maker = made.get(maker.input[0])
    on_grid = maker is not None and maker.op_type == "Grid"
    return [] if on_grid else [name for name in found if name != node.input[0]]


def _alike(edit: GraphEdit, name: str, node: onnx.NodeProto, readers: _Lists) -> bool:
    """Whether a tensor is rounded onto the grid of ``node`` wherever it is read, moved or not."""
    if name in edit.outputs or name not in readers:
        return False
    return all(
        sorted(map(str, reader.attribute)) == sorted(map(str, node.attribute))
        if reader.op_type == "Grid"
        else reader.op_type in MOVES
        and not reader.domain
        and all(_alike(edit, output, node, readers) for output in reader.output)
        for reader in readers[name]
    )
