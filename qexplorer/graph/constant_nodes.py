"""What a Constant node holds. (ONNX Constant, opset 13: one attribute of several.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qexplorer.graph.walk import DEFAULT_DOMAINS

if TYPE_CHECKING:
    import onnx

__all__ = ["constant_value", "is_constant_node"]

_NUMBERS = {"value_float": "float32", "value_floats": "float32", "value_int": "int64", "value_ints": "int64"}


def is_constant_node(node: onnx.NodeProto) -> bool:
    """Whether ``node`` is ONNX's own Constant, whatever it holds."""
    return node.op_type == "Constant" and node.domain in DEFAULT_DOMAINS


def constant_value(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """The dense numbers of a Constant node, named as it is stored; None for text, sparse tensors and other nodes."""
    if not is_constant_node(node):
        return None
    for attribute in node.attribute:
        if attribute.name == "value":
            found: onnx.TensorProto = attribute.t
            return found
        if attribute.name in _NUMBERS:
            from onnx import helper, numpy_helper

            values = helper.get_attribute_value(attribute)
            return numpy_helper.from_array(np.asarray(values, dtype=_NUMBERS[attribute.name]))
    return None
