"""How many bytes the constants of a quantized model take: packed, and as the file stores them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.formats import FORMATS, Storage, get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import grid_from_range
from qexplorer.core.model import Model, read_proto
from qexplorer.core.recipe import ActivationSpec
from qexplorer.graph.index import index_of
from qexplorer.load.operators import QUANTIZABLE
from qexplorer.quantize.carriers import activation_carrier, carrier_bits
from qexplorer.quantize.constants import takes_int32_bias
from qexplorer.quantize.emit.dynamic import dynamic_kernel
from qexplorer.quantize.plan_types import LayerPlan, Plan, TensorPlan

if TYPE_CHECKING:
    import onnx

__all__ = ["WeightSize", "foretold_bytes", "weight_size"]

_FLOAT = 4


@dataclass(frozen=True, slots=True)
class WeightSize:
    """Bytes of the constants of a quantized file.

    Attributes:
        packed: codes counted at the width of their format.
        stored: as the file has them; it may carry codes in a wider type (3-bit codes in int8).
        carried: which formats in which types, such as ``int4 codes in int8``; None where nothing is wider.
    """

    packed: int
    stored: int
    carried: str | None = None


def weight_size(model: Model, path: Path, plan: Plan) -> WeightSize:
    """What the constants of the file at ``path`` take, packed and as they are stored."""
    packed = stored = sum(_stored_bytes(item) for item in read_proto(str(path)).graph.initializer)
    view = index_of(model)
    carried: dict[str, None] = {}
    changed = {constant.name: constant.values.size for constant in plan.changed}
    for tensor in plan.tensors.values():
        other = plan.tensors.get(view.tied.get(tensor.name, ""))
        if other is not None and tensor.turns(other):
            continue  # stored with the table that it is turned over
        if tensor.kind == "weight" and tensor.grid.format.bits < carrier_bits(tensor.carrier):
            carried[f"{tensor.grid.format.name} codes in {tensor.carrier}"] = None
            values = changed.get(tensor.name) or math.prod(view.initializers[tensor.name].dims)
            packed -= _bytes(values, carrier_bits(tensor.carrier)) - _bytes(values, tensor.grid.format.bits)
        scales = tensor.grid.scale.size
        if tensor.kind == "weight" and (narrow := tensor.grid.format.scale_bytes(scales)) < _FLOAT * scales:
            carried[f"{tensor.grid.format.name} scales in float32"] = None
            packed -= _FLOAT * scales - narrow
    return WeightSize(packed, stored, ", ".join(carried) or None)


def _bytes(values: int, bits: int) -> int:
    return -(-values * bits // 8)


def _stored_bytes(item: onnx.TensorProto) -> int:
    from onnx import TensorProto, helper

    if item.data_type in (TensorProto.INT4, TensorProto.UINT4):
        return _bytes(math.prod(item.dims), 4)
    if item.data_type == TensorProto.STRING:
        return sum(map(len, item.string_data))
    return int(math.prod(item.dims)) * int(helper.tensor_dtype_to_np_dtype(item.data_type).itemsize)


def foretold_bytes(model: Model, plan: Plan) -> int:
    """What :attr:`WeightSize.packed` will be, before there is a file: all but constants that turn out to be equal.

    Weights as the plan counts them, and what a file has beside them: scales and zero points of int32 biases and of
    activations, zero points at the width of their carrier, biases of half-precision layers.
    """
    view = index_of(model)
    layers = {layer.name: layer for layer in plan.layers if layer.weight_bytes}
    total = sum(layer.weight_bytes for layer in layers.values())
    total += max(model.weight_bytes - sum(_FLOAT * layer.parameters for layer in layers.values()), 0)
    for layer in plan.layers:
        node, rule = view.nodes.get(layer.name), QUANTIZABLE.get(layer.op)
        if node is None:  # it stands in the body of a loop or a condition, and stays as it is
            continue
        position = None if rule is None else rule.bias_input
        bias = node.input[position] if position is not None and len(node.input) > position else ""
        values = math.prod(view.initializers[bias].dims) if bias in view.initializers else 0
        keys = plan.constants.get(layer.name, {})
        weights = [t for t in (plan.tensors[key] for key in keys.values()) if t.kind == "weight"]
        if layer.name in layers:
            total += sum(_beside(weight, layer, node) for weight in weights)
        if layer.treatment == "quantized":
            total += _FLOAT + 1  # of what it makes
            activation = _activation(layer)
            if weights and values and activation and takes_int32_bias(node, weights[0], activation):
                total += 2 * _FLOAT * int(weights[0].grid.scale.size)
        elif layer.treatment == "half":
            total -= values * _FLOAT // 2
    return total


def _beside(weight: TensorPlan, layer: LayerPlan, node: onnx.NodeProto) -> int:
    """Bytes of zero points beyond what the packed size has of them; dynamic convolutions have one for all, and scales
    of either sign none."""
    stored = weight.grid.format
    if stored.storage is not Storage.INTEGER or (isinstance(stored, UniformFormat) and stored.either_sign):
        return 0
    points, bits = int(weight.grid.scale.size), weight.grid.format.bits
    if layer.treatment == "dynamic" and dynamic_kernel(layer.op, weight, node) == "ConvInteger":
        return -_bytes(points, bits)
    return _bytes(points, carrier_bits(weight.carrier)) - _bytes(points, bits)


def _activation(layer: LayerPlan) -> TensorPlan | None:
    """A grid such as the layer's activations will have; None if they are on none."""
    name = (layer.activations or "").split(" ", 1)[0].rstrip(",")
    if name not in FORMATS:
        return None
    spec = ActivationSpec(format=name)
    return TensorPlan(
        "",
        "activation",
        grid_from_range(-1.0, 1.0, get_format(name), symmetric=spec.symmetric),
        "",
        activation_carrier(spec),
    )
