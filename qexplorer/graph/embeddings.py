"""Which look-ups take rows of a weight: embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex

if TYPE_CHECKING:
    import onnx

__all__ = ["SHORTEST_ROW", "embedding_table"]

SHORTEST_ROW = 8
"""Rows of fewer values are not worth a scale of their own."""


def embedding_table(node: onnx.NodeProto, view: GraphIndex) -> str | None:
    """The float32 matrix of which a Gather takes whole rows by ids, or None if it is no such look-up.

    Ids come from integer inputs or from shapes; places that were computed from floats, as in trees, are none.
    """
    if node.op_type != "Gather" or node.domain or number(node, "axis", 0) != 0:
        return None
    table = node.input[0]
    stored = view.initializers.get(table)
    if stored is None or not view.is_float(table) or len(stored.dims) != 2 or stored.dims[1] < SHORTEST_ROW:
        return None
    return table if node.input[1] in view.whole else None
