"""QLinearConv and QLinearMatMul as what they mean: the layer between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["rewrite_qlinear"]


def rewrite_qlinear(edit: GraphEdit) -> None:
    """Replaces every QLinearConv and QLinearMatMul."""
    for node in [node for node in edit.nodes if node.op_type in ("QLinearConv", "QLinearMatMul")]:
        convolution = node.op_type == "QLinearConv"
        output = node.output[0]
        x, w = f"{output}//x", f"{output}//w"
        nodes = [
            _node("DequantizeLinear", node.input[:3], x, axis=0),
            _node("DequantizeLinear", node.input[3:6], w, axis=0 if convolution else 1),
        ]
        inputs = [x, w]
        if len(node.input) > 8 and node.input[8]:
            inputs.append(_bias(edit, node, nodes))
        layer = _node("Conv" if convolution else "MatMul", inputs, f"{output}//unrounded")
        layer.attribute.extend(node.attribute)
        rounded = _node("QuantizeLinear", [layer.output[0], *node.input[6:8]], output, axis=0)
        edit.replace(node, *nodes, layer, rounded)


def _bias(edit: GraphEdit, node: onnx.NodeProto, nodes: list[onnx.NodeProto]) -> str:
    """The dequantized bias, its scale ``scale_x * scale_w``."""
    output = node.output[0]
    scale, scales = edit.array(node.input[1]), edit.array(node.input[4])
    name = f"{output}//bias_scale"
    if scale is not None and scales is not None:
        edit.constant(name, np.multiply(scale.reshape(-1), scales.reshape(-1)).reshape(scales.shape))
    else:
        nodes.append(_node("Mul", [node.input[1], node.input[4]], name))
    nodes.append(_node("DequantizeLinear", [node.input[8], name], f"{output}//bias", axis=0))
    return f"{output}//bias"


def _node(op: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [output], name=output, **attributes)
