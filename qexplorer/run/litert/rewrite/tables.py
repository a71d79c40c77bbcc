"""Weights that are looked up in a table, as the float values that they are: LiteRT has no such look-up of constants.

The codes are Cast to int32, Gather takes levels by them, and Mul brings the scale (and a 1 behind a DequantizeLinear,
see ``quantize.emit.decoded``). Everything that hangs on such a Gather of constants and on constants alone is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from qexplorer.core.dataset import Array
from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["rewrite_tables"]

_BYTES_OF = {TensorProto.INT4: TensorProto.INT8, TensorProto.UINT4: TensorProto.UINT8}
_CODES = (TensorProto.UINT4, TensorProto.UINT8, TensorProto.UINT16)


def rewrite_tables(edit: GraphEdit, differences: list[str]) -> None:
    """Replaces every look-up of constants by its values."""
    for node in list(edit.nodes):
        found = _value(edit, node)
        if found is None:
            continue
        if node.op_type == "Cast" and found.dtype == np.int32 and found.ndim > 1:
            differences.append(f"'{node.input[0]}' is looked up in a table: stored as float32")
        edit.nodes = [each for each in edit.nodes if each is not node]
        edit.constant(node.output[0], found)


def _value(edit: GraphEdit, node: onnx.NodeProto) -> Array | None:
    """What the node makes of constants, if it is part of a look-up; None otherwise."""
    arrays: list[Any] = [edit.array(name) for name in node.input]
    if node.domain not in ("", "ai.onnx") or not arrays or any(array is None for array in arrays):
        return None
    first, *rest = (array for array in arrays if array is not None)
    settings = {item.name: item.i for item in node.attribute}
    match node.op_type:
        case "Cast" if settings["to"] == TensorProto.INT32 and edit.constants[node.input[0]].data_type in _CODES:
            return np.asarray(first, np.int32)
        case "Cast" if edit.constants[node.input[0]].data_type in _BYTES_OF:  # packed codes of which rows are taken
            return first if settings["to"] == _BYTES_OF[edit.constants[node.input[0]].data_type] else None
        case "Gather" if first.dtype == np.float32 and rest[0].dtype == np.int32:
            return np.asarray(np.take(first, rest[0], axis=settings.get("axis", 0)))
        case "Mul" if first.dtype == np.float32:
            return np.asarray(first * rest[0])
        case "DequantizeLinear" if first.ndim == 0 and len(rest) == 1:
            return np.asarray(first.astype(np.float32) * rest[0])
    return None
