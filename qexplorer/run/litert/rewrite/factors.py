"""Constant factors in front of a layer with integer weights, moved into the scales of those weights.

The converter (litert-converter 0.5) multiplies the weights themselves, before it rounds them onto the old scales: with
the half of a GELU in front, codes of 8 bits had 7 left. In the scales a factor costs no bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from qexplorer.run.litert.graph_edit import GraphEdit

if TYPE_CHECKING:
    import onnx

__all__ = ["absorb_factors"]

_LAYERS = ("FullyConnected", "Conv")


def absorb_factors(edit: GraphEdit) -> None:
    """Takes ``x * c`` and ``x / c`` in front of a layer off, and puts the factor into its weight's scales."""
    for layer in [node for node in edit.nodes if node.op_type in _LAYERS]:
        made = edit.makers()
        weight, product = made.get(layer.input[1]), made.get(layer.input[0])
        if weight is None or weight.op_type != "Weight" or product is None or layer.input[0] in edit.outputs:
            continue
        found = _factor(edit, product)
        if found is None or len(edit.readers()[layer.input[0]]) > 1:
            continue
        layer.input[0], factor = found
        _scale(edit, layer, weight, factor)


def _factor(edit: GraphEdit, node: onnx.NodeProto) -> tuple[str, float] | None:
    """What the node multiplies, and by which positive constant; None if it does something else."""
    if node.op_type not in ("Mul", "Div") or node.domain:
        return None
    pairs = [(node.input[0], node.input[1])] + [(node.input[1], node.input[0])] * (node.op_type == "Mul")
    for data, constant in pairs:
        value = edit.array(constant)
        if value is None or value.size != 1 or value.ndim > 1 or edit.array(data) is not None:
            continue
        number = float(value.reshape(-1)[0])
        if number > 0 and np.isfinite(number):
            return data, number if node.op_type == "Mul" else 1 / number
    return None


def _scale(edit: GraphEdit, layer: onnx.NodeProto, weight: onnx.NodeProto, factor: float) -> None:
    """Gives the layer a weight of its own, on the same codes with other scales."""
    settings = {each.name: helper.get_attribute_value(each) for each in weight.attribute}
    values = edit.array(weight.input[0])
    assert values is not None
    settings["scales"] = [float(step) for step in np.asarray(settings["scales"], np.float32) * np.float32(factor)]
    name = f"{layer.output[0]}//scaled"
    kept = edit.constant(f"{name}//values", (values * np.float32(factor)).astype(np.float32))
    scaled = edit.node("Weight", [kept], name, **settings)
    edit.replace(layer, scaled, layer)
    layer.input[1] = name
