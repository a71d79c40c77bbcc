"""Folding what follows a layer into its weights, so that one integer layer does the work of two.

Rewrites, each only where everything involved is a float32 constant and nothing else reads the value between:

1. Conv, ConvTranspose, Gemm, MatMul followed by BatchNormalization, or by Mul, Add, Sub or Div with one constant for
   each output channel: folded into weight and bias. MatMul of a matrix becomes Gemm when it gains a bias.
2. Gemm with alpha or beta other than 1: folded into the weight and bias.
3. ReduceMean over all spatial axes: GlobalAveragePool, which has an integer kernel; Sum of two: Add, likewise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes.common import RemoveUnusedNodesPass

__all__ = ["fused"]

Floats = NDArray[np.float64]
_LINEAR = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class _Affine:
    """y = x * scale + shift per output channel; each of shape ``(1,)`` or ``(channels,)``."""

    scale: Floats
    shift: Floats


def fused(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the rewrites above; the same message if there is nothing to rewrite."""
    model = ir.from_proto(proto)
    made = [_rewritten(model.graph, node) for node in list(model.graph) if not node.domain]
    if not any(made):
        return proto
    RemoveUnusedNodesPass()(model)
    return ir.to_proto(model)


def _rewritten(graph: ir.Graph, node: ir.Node) -> bool:
    """Rewrites ``node`` if it is one of the above; whether it did."""
    if node.op_type == "Gemm":
        return _fold_factors(graph, node)
    if node.op_type == "Sum" and len(node.inputs) == 2:
        node.op_type = "Add"
        return True
    if node.op_type == "ReduceMean":
        return _pool_globally(graph, node)
    return node.op_type in ("BatchNormalization", "Mul", "Add", "Sub", "Div") and _fold_into_linear(graph, node)


def _constant(value: ir.Value | None) -> Floats | None:
    """A float32 initializer's values as float64; None for anything else."""
    if value is None or not value.is_initializer() or value.is_graph_input() or value.const_value is None:
        return None
    if value.const_value.dtype != ir.DataType.FLOAT:
        return None
    return value.const_value.numpy().astype(np.float64)


def _initializer(graph: ir.Graph, base: str, values: Floats) -> ir.Value:
    """A new float32 initializer with a free name that begins with ``base``."""
    name, count = base, 0
    while name in graph.initializers:
        count += 1
        name = f"{base}_{count}"
    array = values.astype(np.float32)
    value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    value.shape, value.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.FLOAT)
    graph.register_initializer(value)
    return value


def _only_reader(value: ir.Value) -> bool:
    return len(value.uses()) == 1 and not value.is_graph_output()


def _input(node: ir.Node, position: int) -> ir.Value | None:
    return node.inputs[position] if len(node.inputs) > position else None


def _attribute(node: ir.Node, name: str, default: float) -> float:
    found = node.attributes.get(name)
    return default if found is None else float(found.value)


def _name(value: ir.Value | None) -> str:
    return (value.name if value is not None else None) or "weight"


def _rank(value: ir.Value | None) -> int:
    """How many axes a value has; 0 where nothing is known."""
    return 0 if value is None or value.shape is None else len(value.shape)


def _fold_factors(graph: ir.Graph, node: ir.Node) -> bool:
    """Gemm's alpha into its weight, beta into its bias."""
    made = False
    alpha, beta = _attribute(node, "alpha", 1.0), _attribute(node, "beta", 1.0)
    weight, bias = _constant(_input(node, 1)), _constant(_input(node, 2))
    if alpha != 1.0 and weight is not None:
        node.replace_input_with(1, _initializer(graph, f"{_name(node.inputs[1])}_scaled", weight * alpha))
        del node.attributes["alpha"]
        made = True
    if beta != 1.0 and bias is not None:
        node.replace_input_with(2, _initializer(graph, f"{_name(node.inputs[2])}_scaled", bias * beta))
        del node.attributes["beta"]
        made = True
    return made


def _pool_globally(graph: ir.Graph, node: ir.Node) -> bool:
    """ReduceMean over every axis after the first two becomes GlobalAveragePool (and Flatten without keepdims)."""
    x, axes_input = node.inputs[0], _input(node, 1)
    if x is None or x.shape is None or len(x.shape) < 3 or x.dtype != ir.DataType.FLOAT:
        return False
    if axes_input is not None and axes_input.is_initializer() and axes_input.const_value is not None:
        axes = axes_input.const_value.numpy().tolist()
    elif "axes" in node.attributes:
        axes = list(node.attributes["axes"].value)
    else:
        return False
    rank = len(x.shape)
    if sorted(a % rank for a in axes) != list(range(2, rank)):
        return False
    keep = bool(_attribute(node, "keepdims", 1))
    pool = ir.node("GlobalAveragePool", [x], name=f"{node.name}_pool" if node.name else None)
    last = pool if keep else ir.node("Flatten", [pool.outputs[0]], attributes={"axis": 1})
    if not keep:
        pool.outputs[0].name = f"{node.outputs[0].name}_pooled"
    _take_place(graph, node, [pool] if keep else [pool, last], last.outputs[0])
    return True


def _take_place(graph: ir.Graph, old: ir.Node, new: list[ir.Node], result: ir.Value) -> None:
    """Puts ``new`` where ``old`` was; ``result`` takes over its output's name, type and readers."""
    output = old.outputs[0]
    result.name, result.type, result.shape = output.name, output.type, output.shape
    ir.convenience.replace_nodes_and_values(graph, old, [old], new, [output], [result])


def _fold_into_linear(graph: ir.Graph, node: ir.Node) -> bool:
    """Folds ``node`` into the layer that feeds it, if it is one and all conditions hold."""
    position = 0
    if node.op_type in ("Add", "Mul", "Sub") and _constant(node.inputs[0]) is not None:
        position = 1
    x = node.inputs[position]
    layer = x.producer() if x is not None and _only_reader(x) else None
    if layer is None or layer.domain or layer.op_type not in _LINEAR:
        return False
    if len(node.outputs) > 1 and any(output.uses() for output in node.outputs[1:]):
        return False
    channels = _channels(layer)
    affine = _affine(node, position, layer, channels) if channels else None
    if affine is None or not _apply(graph, layer, affine, channels or 0):
        return False
    output = node.outputs[0]
    final = layer.outputs[0]
    name = output.name
    graph_output = output.is_graph_output()
    ir.convenience.replace_all_uses_with(output, final, replace_graph_outputs=graph_output)
    graph.remove(node, safe=True)
    final.name = name if graph_output else final.name
    return True


def _channels(layer: ir.Node) -> int | None:
    """Output channels of a layer with a constant float weight (and bias, if it has one); None otherwise."""
    weight, bias = _constant(_input(layer, 1)), _input(layer, 2)
    if weight is None or weight.ndim < 2 or (bias is not None and _constant(bias) is None):
        return None
    if layer.op_type == "Gemm":
        if _attribute(layer, "alpha", 1.0) != 1.0 or (bias is not None and _attribute(layer, "beta", 1.0) != 1.0):
            return None
        return int(weight.shape[0 if _attribute(layer, "transB", 0) else 1])
    if layer.op_type == "ConvTranspose":
        return int(weight.shape[1]) * int(_attribute(layer, "group", 1))
    return int(weight.shape[-1 if layer.op_type == "MatMul" else 0])


def _affine(node: ir.Node, position: int, layer: ir.Node, channels: int) -> _Affine | None:
    """What ``node`` does to each channel; None if it is not one factor and one summand for each channel."""
    if node.op_type == "BatchNormalization":
        return _batch_norm(node, layer, channels)
    raw = _constant(node.inputs[1 - position])
    constant = None if raw is None else _per_channel(raw, layer, channels)
    if constant is None:
        return None
    one, none = np.ones(1), np.zeros(1)
    if node.op_type == "Mul":
        return _Affine(constant, none)
    if node.op_type == "Div":
        return _Affine(1 / constant, none) if position == 0 and np.all(constant != 0) else None
    if node.op_type == "Sub":
        return _Affine(one, -constant) if position == 0 else _Affine(-one, constant)
    return _Affine(one, constant)


def _batch_norm(node: ir.Node, layer: ir.Node, channels: int) -> _Affine | None:
    """BatchNormalization at inference (operator version 15): (x - mean) / sqrt(var + epsilon) * scale + bias."""
    if layer.op_type == "MatMul" and _rank(layer.inputs[0]) != 2:
        return None  # its channel axis is 1, not the last
    if _attribute(node, "training_mode", 0):
        return None
    parts = [_constant(_input(node, i)) for i in range(1, 5)]
    scale, bias, mean, variance = parts
    if scale is None or bias is None or mean is None or variance is None:
        return None
    if any(part.shape != (channels,) for part in (scale, bias, mean, variance)):
        return None
    factor = scale / np.sqrt(variance + _attribute(node, "epsilon", 1e-5))
    return _Affine(factor, bias - mean * factor) if np.isfinite(factor).all() else None


def _per_channel(constant: Floats, layer: ir.Node, channels: int) -> Floats | None:
    """``constant`` as one value for each output channel, if it broadcasts that way without enlarging the output."""
    weight_rank = _rank(layer.inputs[1])
    if constant.size == 1:
        return constant.reshape(1) if constant.ndim <= weight_rank else None
    convolution = layer.op_type in ("Conv", "ConvTranspose")
    rank = weight_rank if convolution or layer.op_type == "Gemm" else constant.ndim
    if constant.ndim > rank or (layer.op_type == "MatMul" and constant.ndim > 1 and _rank(layer.inputs[0]) != 2):
        return None
    axis = 1 if convolution else rank - 1
    shape = (1,) * (rank - constant.ndim) + constant.shape
    wanted = tuple(channels if i == axis else 1 for i in range(rank))
    return constant.reshape(channels) if shape == wanted and rank <= max(weight_rank, 2) else None


def _apply(graph: ir.Graph, layer: ir.Node, affine: _Affine, channels: int) -> bool:
    """Changes the layer's weight and bias; False if it has no place for the bias or the bias does not fit."""
    shifted = bool(np.any(affine.shift))
    if layer.op_type == "MatMul" and shifted and not (_rank(layer.inputs[0]) == 2 and _rank(layer.inputs[1]) == 2):
        return False
    bias_value = _input(layer, 2)
    old_bias = _constant(bias_value) if bias_value is not None else None
    if old_bias is not None and old_bias.size not in (1, channels):
        return False
    weight = _constant(layer.inputs[1])
    assert weight is not None
    new_weight = _scaled(layer, weight, np.broadcast_to(affine.scale, (channels,)))
    if not np.isfinite(new_weight).all():
        return False
    name = _name(layer.inputs[1])
    if np.any(affine.scale != 1):
        layer.replace_input_with(1, _initializer(graph, f"{name}_folded", new_weight))
    if old_bias is None and not shifted:
        return True
    bias = (np.zeros(channels) if old_bias is None else old_bias.reshape(-1)) * affine.scale + affine.shift
    fresh = _initializer(graph, f"{_name(bias_value) if bias_value else name}_bias", np.broadcast_to(bias, (channels,)))
    if layer.op_type == "MatMul":
        layer.op_type = "Gemm"
    layer.resize_inputs(3)
    layer.replace_input_with(2, fresh)
    return True


def _scaled(layer: ir.Node, weight: Floats, scale: Floats) -> Floats:
    """The weight with each output channel multiplied by its factor (``scale``: shape ``(channels,)``)."""
    if layer.op_type == "Conv":
        return weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    if (
        layer.op_type == "ConvTranspose"
    ):  # (inputs, outputs / group, ...): group g makes outputs g * (outputs / group) ...
        group = int(_attribute(layer, "group", 1))
        blocks = weight.reshape(group, weight.shape[0] // group, *weight.shape[1:])
        factors = scale.reshape(group, 1, weight.shape[1], *[1] * (weight.ndim - 2))
        return (blocks * factors).reshape(weight.shape)
    if layer.op_type == "Gemm" and _attribute(layer, "transB", 0):
        return weight * scale[:, None]
    return weight * scale
