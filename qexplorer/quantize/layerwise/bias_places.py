"""Where a layer's bias is, or could be put, so that a correction of its output costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex
from qexplorer.load.operators import QUANTIZABLE, OperatorKind
from qexplorer.quantize.constants import bias_vector, output_channels
from qexplorer.quantize.plan_types import LayerPlan, Plan

if TYPE_CHECKING:
    import onnx

__all__ = ["BiasPlace", "bias_places"]


@dataclass(frozen=True, slots=True)
class BiasPlace:
    """The bias of one layer with a quantized weight.

    Attributes:
        layer: the layer.
        output: the tensor it makes.
        axis: of the output channels in ``output``.
        channels: their number.
        holder: layer that adds the bias: itself, or the addition behind it.
        position: input of ``holder`` that is the bias.
        factor: what the bias is multiplied with before it is added (Gemm's ``beta``).
    """

    layer: str
    output: str
    axis: int
    channels: int
    holder: str
    position: int
    factor: float = 1.0


def bias_places(plan: Plan, view: GraphIndex) -> tuple[list[BiasPlace], dict[str, str]]:
    """The biases that can be corrected, in execution order, and why others cannot, by layer.

    Layers that stay in float, and those that have no weight, are in neither.
    """
    treatments = {layer.name: layer.treatment for layer in plan.layers}
    places, reasons = [], {}
    for layer in plan.layers:
        rule = QUANTIZABLE.get(layer.op)
        weighted = rule is not None and rule.kind is OperatorKind.WEIGHTED and layer.name in view.nodes
        if not weighted or layer.treatment == "float":
            continue
        found = _place(layer, plan, view, treatments)
        if isinstance(found, BiasPlace):
            places.append(found)
        else:
            reasons[layer.name] = found
    return places, reasons


def _place(layer: LayerPlan, plan: Plan, view: GraphIndex, treatments: Mapping[str, str]) -> BiasPlace | str:
    """One layer's bias, or why there is none to correct."""
    node, rule = view.nodes[layer.name], QUANTIZABLE[layer.op]
    if layer.treatment == "half":
        return "only weights that become codes are corrected"
    if rule.weight_input not in plan.constants.get(layer.name, {}):
        return "its weight is not quantized"
    if len(view.initializers[node.input[1]].dims) < 2:
        return "its weight is a vector, so that its output has no channels"
    axis = 1 if layer.op in ("Conv", "ConvTranspose") else -1
    channels = _channels(node, view)
    if rule.bias_input is None:
        holder = _addition(node, channels, view)
        if holder is None and treatments[layer.name] == "quantized":
            return "it has no bias, and integer kernels of products add nothing before they round"
        name, position = holder or (layer.name, len(node.input))
        return BiasPlace(layer.name, node.output[0], axis, channels, name, position)
    given = node.input[rule.bias_input] if len(node.input) > rule.bias_input else ""
    if given and not (view.is_constant(given) and view.is_float(given)):
        return "its bias is computed while the model runs"
    factor = number(node, "beta", 1.0) if layer.op == "Gemm" else 1.0
    if factor == 0:
        return "its bias is multiplied with 0"
    return BiasPlace(layer.name, node.output[0], axis, channels, layer.name, rule.bias_input, factor)


def _channels(node: onnx.NodeProto, view: GraphIndex) -> int:
    """Channels of the output: those of the weight, for each group of a transposed convolution."""
    groups = int(number(node, "group", 1)) if node.op_type == "ConvTranspose" else 1
    return output_channels(node, 1, view) * groups


def _addition(node: onnx.NodeProto, channels: int, view: GraphIndex) -> tuple[str, int] | None:
    """The layer that adds a constant to what ``node`` makes and is its only reader, and the constant's position."""
    name = view.only_reader(node.output[0])
    if name is None or view.nodes[name].op_type != "Add":
        return None
    for position, tensor in enumerate(view.nodes[name].input):
        constant = tensor != node.output[0] and view.is_constant(tensor) and view.is_float(tensor)
        if constant and bias_vector(view.array(tensor), channels) is not None:
            return name, position
    return None
