"""Dynamic quantization as LiteRT's own: a layer with integer weights that reads floats quantizes its input itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.weights import WeightCodes, add_weight, codes_of

if TYPE_CHECKING:
    import onnx

__all__ = ["rewrite_dynamic"]

_DIFFERENCE = (
    "LiteRT finds the range of a dynamically quantized input row by row (fully connected) or image by image "
    "(convolution), the graph one range for the whole batch"
)


def rewrite_dynamic(edit: GraphEdit, differences: list[str]) -> tuple[str, ...]:
    """Replaces DynamicQuantizeLinear, MatMulInteger or ConvInteger, Cast and Mul by one layer on floats.

    Returns:
        Names of the weights whose layers are to quantize their inputs as they run.
    """
    weights = []
    for node in [node for node in edit.nodes if node.op_type in ("MatMulInteger", "ConvInteger")]:
        found = _layer(edit, node)
        if found is not None:
            weights.append(found)
    if weights:
        differences.append(_DIFFERENCE)
    return tuple(weights)


def _layer(edit: GraphEdit, node: onnx.NodeProto) -> str | None:
    made, readers = edit.makers(), edit.readers()
    ranges = made.get(node.input[0])
    codes = edit.array(node.input[1])
    zero = edit.array(node.input[3]) if len(node.input) > 3 else None
    cast = _only(readers, node.output[0], "Cast")
    product = _only(readers, cast.output[0], "Mul") if cast is not None else None
    if ranges is None or ranges.op_type != "DynamicQuantizeLinear" or codes is None or cast is None or product is None:
        return None
    if len(node.input) < 3 or node.input[2] != ranges.output[2]:
        return None
    scale = _weight_scale(edit, product, cast.output[0], ranges.output[1])
    if scale is None:
        return None
    convolution = node.op_type == "ConvInteger"
    axis = 0 if convolution else codes.ndim - 1
    weight = codes_of(codes, scale.reshape(-1), zero, axis)
    if weight is None:
        return None
    name = f"{product.output[0]}//weight"
    _write(edit, node, product, weight, name, ranges.input[0])
    return name


def _write(
    edit: GraphEdit, node: onnx.NodeProto, product: onnx.NodeProto, weight: WeightCodes, name: str, given: str
) -> None:
    """Puts the layer on floats in the place of the Mul that ends the integer one."""
    if node.op_type == "ConvInteger" or weight.values.ndim != 2:
        op = "Conv" if node.op_type == "ConvInteger" else "MatMul"
        layer = helper.make_node(op, [given, name], [product.output[0]], name=product.output[0])
        layer.attribute.extend(node.attribute)
        edit.replace(product, add_weight(edit, weight, name), layer)
        return
    turned = WeightCodes(weight.values.T, weight.scales, weight.axis if weight.axis < 0 else 0, weight.bits)
    layer = edit.node("FullyConnected", [given, name], product.output[0])
    edit.replace(product, add_weight(edit, turned, name), layer)


def _only(readers: dict[str, list[onnx.NodeProto]], name: str, op: str) -> onnx.NodeProto | None:
    found = readers.get(name, [])
    return found[0] if len(found) == 1 and found[0].op_type == op else None


def _weight_scale(edit: GraphEdit, product: onnx.NodeProto, sums: str, given: str) -> np.ndarray | None:
    """The weight's scale if ``product`` multiplies the sums with both scales, else None."""
    both = edit.makers().get(next((name for name in product.input if name != sums), ""))
    if both is None or both.op_type != "Mul" or given not in both.input:
        return None
    return edit.array(next((name for name in both.input if name != given), ""))
