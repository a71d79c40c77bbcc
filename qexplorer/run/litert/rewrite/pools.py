"""Averages over windows whose answers are not on the grid of what they are taken of.

LiteRT's AVERAGE_POOL_2D has one grid for both, so the converter (litert-converter 0.5) takes the average on one of the
two: on the input's, where the mean of an image, a tenth of its range, kept a tenth of its codes, or on the answer's,
whose range cuts the input off. MEAN, which global averages become, has two grids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.joins import grid_of

if TYPE_CHECKING:
    import onnx

__all__ = ["average_in_float"]


def average_in_float(edit: GraphEdit, differences: list[str]) -> None:
    """Keeps codes on both sides apart from an AveragePool, unless all are on one grid."""
    made, readers = edit.makers(), edit.readers()
    for node in [node for node in edit.nodes if node.op_type == "AveragePool" and not node.domain]:
        before = grid_of(node.input[0], made)
        behind = _grids_behind(edit, node, readers, made)
        if behind == {before}:
            continue
        if before is not None:
            edit.part_before(node)
        if behind != {None}:
            edit.part_behind(node)
        if before is not None and None not in behind:
            name = node.output[0].removesuffix("//joined")
            differences.append(f"'{name}' is computed in float: LiteRT's AveragePool on codes cannot do its grid")


def _grids_behind(
    edit: GraphEdit, node: onnx.NodeProto, readers: dict[str, list[onnx.NodeProto]], made: dict[str, onnx.NodeProto]
) -> set[bytes | None]:
    """The grids that the answers are rounded to at once; None for whatever reads them in float."""
    name = node.output[0]
    found = {grid_of(each.output[0], made) if each.op_type == "Grid" else None for each in readers.get(name, ())}
    return found | {None} if name in edit.outputs or not found else found
