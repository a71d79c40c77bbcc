"""Additions of constants behind a layer, taken into the layer as its bias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.run.litert.graph_edit import GraphEdit
from qexplorer.run.litert.rewrite.floats import ends_on_grid

if TYPE_CHECKING:
    import onnx

__all__ = ["part_from_factors", "rewrite_bias"]

_INT32_MAX = 2**31 - 1
_OFF = 1e-6  # of a code: what float32 leaves of a bias that is on the grid
_LOWEST = float(np.finfo(np.float32).min)
_FACTORS = ("Rounded", "BatchNormalization", "HardSigmoid", "InstanceNormalization")
_CROSSED = (
    *("Add", "Sub", "Relu", "Bound", "Clip", "LeakyRelu", "PRelu", "Neg", "Abs", "Identity", "Flatten", "Reshape"),
    *("Transpose", "Squeeze", "Unsqueeze", "Concat", "Slice", "Split", "Pad", "MaxPool", "AveragePool", "Max", "Min"),
    *("GlobalAveragePool", "ReduceMean", "ReduceMax", "Dropout"),
)


def rewrite_bias(edit: GraphEdit) -> None:
    """Takes ``Conv + constant per channel`` and ``FullyConnected + constant vector`` together.

    The converter puts the bias of a layer on codes on int32 at ``scale_x * scale_w``. Where it does not fit, both stay.
    Where no codes follow, the layer computes in float and its bias would be rounded all the same, so they are kept
    apart by a bound that bounds nothing.
    """
    for add in [node for node in edit.nodes if node.op_type == "Add" and not node.domain]:
        made = edit.makers()
        for layer_name, constant in (add.input, reversed(add.input)):
            layer, values = made.get(layer_name), edit.array(constant)
            if layer is None or values is None or layer.op_type not in ("Conv", "FullyConnected"):
                continue
            alone = len(edit.readers()[layer_name]) == 1 and layer_name not in edit.outputs
            bias = _vector(edit, layer, values)
            if bias is None or len(layer.input) > 2:
                continue
            if alone and _rounded_in_vain(edit, add, layer, bias):
                _bound_between(edit, layer)
                break
            if not alone or not _fits(edit, layer, bias):
                continue
            layer.input.append(edit.constant(f"{add.output[0]}//bias", bias))
            layer.output[0] = add.output[0]
            edit.nodes = [node for node in edit.nodes if node is not add]
            break


def _vector(edit: GraphEdit, layer: onnx.NodeProto, values: np.ndarray) -> np.ndarray | None:
    """The bias with one value per output channel; None if it is no such thing."""
    channels = _channels(edit, layer)
    if channels is None or values.dtype != np.float32:
        return None
    if layer.op_type == "FullyConnected":
        return values.reshape(-1) if values.size == channels and values.shape[-1:] == (channels,) else None
    rank = _weight(edit, layer).ndim  # type: ignore[union-attr]  # it has channels, so it has a weight
    shape = (1,) * (rank - values.ndim) + values.shape
    return values.reshape(-1) if shape == (1, channels, *[1] * (rank - 2)) else None


def _weight(edit: GraphEdit, layer: onnx.NodeProto) -> np.ndarray | None:
    maker = edit.makers().get(layer.input[1])
    return edit.array(layer.input[1] if maker is None else maker.input[0])


def _channels(edit: GraphEdit, layer: onnx.NodeProto) -> int | None:
    weight = _weight(edit, layer)
    return None if weight is None or weight.ndim < 2 else int(weight.shape[0])


def _steps(edit: GraphEdit, layer: onnx.NodeProto) -> np.ndarray | None:
    """The step of each channel's sums; None for a layer that is not on codes."""
    grid, weight = (_settings(edit, name) for name in layer.input[:2])
    if "scale" not in grid or "scales" not in weight:
        return None
    return float(grid["scale"]) * np.asarray(weight["scales"], np.float64)


def _fits(edit: GraphEdit, layer: onnx.NodeProto, bias: np.ndarray) -> bool:
    steps = _steps(edit, layer)
    return steps is None or bool((np.abs(bias) / steps).max(initial=0) <= _INT32_MAX)


def _rounded_in_vain(edit: GraphEdit, add: onnx.NodeProto, layer: onnx.NodeProto, bias: np.ndarray) -> bool:
    """Whether int32 would change the bias of a layer that no codes follow."""
    steps = _steps(edit, layer)
    if steps is None or ends_on_grid(add.output[0], edit.readers()):
        return False
    codes = bias.astype(np.float64) / steps
    return bool((np.abs(codes - np.rint(codes)) > _OFF * np.maximum(np.abs(codes), 1)).any())


def _bound_between(edit: GraphEdit, layer: onnx.NodeProto) -> None:
    """Puts a bound that bounds nothing behind ``layer``."""
    output, layer.output[0] = layer.output[0], f"{layer.output[0]}//joined"
    edit.add_after(layer, edit.node("Bound", [layer.output[0]], output, low=_LOWEST))


def _settings(edit: GraphEdit, name: str) -> dict[str, Any]:
    from onnx import helper

    maker = edit.makers().get(name)
    return {} if maker is None else {a.name: helper.get_attribute_value(a) for a in maker.attribute}


def part_from_factors(edit: GraphEdit) -> None:
    """Puts a bound that bounds nothing between a float layer on integer weights and a constant factor beside it.

    The converter (litert-converter 0.5) folds such a factor into the scales of integer weights, and gets it wrong:
    digits_cnn with 16-bit activations was off by half of its range. Across a MAXIMUM it moves nothing.
    """
    for layer in [node for node in edit.nodes if node.op_type in ("Conv", "FullyConnected", "ConvTranspose", "MatMul")]:
        made = edit.makers()
        weight, reads = made.get(layer.input[1]), made.get(layer.input[0])
        if weight is None or weight.op_type != "Weight" or (reads is not None and reads.op_type == "Grid"):
            continue
        if reads is not None and _is_factor(edit, reads):
            before = f"{layer.output[0]}//apart"
            edit.replace(layer, edit.node("Bound", [layer.input[0]], before, low=_LOWEST), layer)
            layer.input[0] = before
        if _scaled(edit, layer.output[0]):
            _bound_between(edit, layer)


def _is_factor(edit: GraphEdit, node: onnx.NodeProto) -> bool:
    constant = any(edit.array(each) is not None for each in node.input)
    return node.op_type in _FACTORS or (node.op_type in ("Mul", "Div") and constant)


def _scaled(edit: GraphEdit, name: str) -> bool:
    """Whether a constant factor comes behind ``name``, with nothing in between that a factor cannot be moved across."""
    readers, waiting, seen = edit.readers(), [name], {name}
    while waiting:
        for node in readers.get(waiting.pop(), ()):
            if _is_factor(edit, node):
                return True
            if node.op_type in _CROSSED:
                waiting += [each for each in node.output if each not in seen]
                seen.update(node.output)
    return False
