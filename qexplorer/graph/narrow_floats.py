"""Which Cast of a graph rounds to 8-bit floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.formats import FORMATS, Format, Storage
from qexplorer.graph.attributes import number

if TYPE_CHECKING:
    import onnx

__all__ = ["float8_made"]


def float8_made(node: onnx.NodeProto) -> Format | None:
    """The format of 8-bit floats that a Cast makes; None for any other node."""
    import onnx

    if node.op_type != "Cast" or node.domain:
        return None
    kind = int(number(node, "to", 0))
    formats = [each for each in FORMATS if each.storage is Storage.FLOAT8 and each.default_block is None]
    return next((each for each in formats if onnx.TensorProto.DataType.Value(each.carrier.upper()) == kind), None)
