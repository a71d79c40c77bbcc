"""Pairs of layers between which a channel can be scaled: divided behind the first, multiplied in front of the second.

Between them may stand what commutes with a positive factor of a channel: Relu and its kin, pooling, padding with zeros,
Flatten. Nothing else may read what lies between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex, label_of

if TYPE_CHECKING:
    import onnx

__all__ = ["Pair", "bias_constant", "channel_sizes", "pairs_of", "scaled_in", "scaled_out", "why_alone"]

_COMMUTES = frozenset(
    {"Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Identity", "Dropout"}
)
"""Operators with ``f(s x) = s f(x)`` for ``s > 0``, channel by channel."""

_WEIGHTED = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two layers and what stands between them.

    Attributes:
        first: the layer whose output channels are divided.
        second: the layer whose input channels are multiplied.
        channels: their number.
        repeat: inputs of ``second`` that belong to one channel, side by side (a Flatten of several positions).
        clips: Clip nodes with an upper bound that stand between, by label.
    """

    first: str
    second: str
    channels: int
    repeat: int = 1
    clips: tuple[str, ...] = field(default=())


def pairs_of(view: GraphIndex) -> list[Pair]:
    """All pairs of a graph, in execution order."""
    return [pair for label in view.nodes for pair in _pair(label, view)]


def why_alone(view: GraphIndex) -> dict[str, str]:
    """Why layers with a constant weight are the first of no pair, as a clause by label."""
    first = {pair.first for pair in pairs_of(view)}
    return {
        label: _why_alone(node, view)
        for label, node in view.nodes.items()
        if node.op_type in (*_WEIGHTED, "ConvTranspose") and view.is_constant(node.input[1]) and label not in first
    }


def _why_alone(node: onnx.NodeProto, view: GraphIndex) -> str:
    if node.op_type not in _WEIGHTED:
        return f"the operator {node.op_type} is not taken"
    if not _weight_of_its_own(node, view):
        return "its weight is read elsewhere too, or is no matrix"
    return "none follows by operators that keep a factor"


def _pair(label: str, view: GraphIndex) -> list[Pair]:
    first = view.nodes[label]
    if first.op_type not in _WEIGHTED or not _weight_of_its_own(first, view):
        return []
    channels = _outputs(first, view)
    if len(first.input) > 2 and first.input[2] and not _is_bias(first.input[2], channels, view):
        return []
    found = _followed(first, channels, view)
    if found is None:
        return []
    second, clips, flat = found
    if not _weight_of_its_own(second, view) or (second.op_type == "Conv") == flat or channels == 0:
        return []
    repeat, left = divmod(_inputs(second, view), channels)
    if left or repeat == 0 or (repeat > 1 and first.op_type != "Conv"):
        return []
    return [Pair(label, label_of(second), channels, repeat, clips)]


def bias_constant(node: onnx.NodeProto, view: GraphIndex) -> tuple[str, int] | None:
    """The node that adds a bias to what ``node`` makes, itself or the Add behind a MatMul, and which input it is."""
    if node.op_type != "MatMul":
        return (label_of(node), 2) if len(node.input) > 2 and node.input[2] else None
    reader = view.only_reader(node.output[0])
    if reader is None or view.nodes[reader].op_type != "Add":
        return None
    at = 1 if view.nodes[reader].input[0] == node.output[0] else 0
    held = _is_bias(view.nodes[reader].input[at], _outputs(node, view), view)
    return (reader, at) if held else None


def _followed(
    first: onnx.NodeProto, channels: int, view: GraphIndex
) -> tuple[onnx.NodeProto, tuple[str, ...], bool] | None:
    """The next layer behind what a factor passes through, the clips on the way, and whether channels lie flat there."""
    at, clips, flat = first.output[0], list[str](), first.op_type != "Conv"
    while (reader := view.only_reader(at)) is not None:
        node = view.nodes[reader]
        if node.op_type in _WEIGHTED:
            return (node, tuple(clips), flat) if node.input[0] == at else None
        if node.op_type == "Flatten" and not flat and number(node, "axis", 1) == 1:
            flat = True
        elif node.op_type == "Clip" and _from_zero(node, view):
            clips.append(reader)
        elif node.op_type == "Add" and first.op_type == "MatMul" and at == first.output[0]:
            if not _is_bias(node.input[1] if node.input[0] == at else node.input[0], channels, view):
                return None
        elif node.op_type not in _COMMUTES and not _pads_with_zero(node, view):
            return None
        at = node.output[0]
    return None


def _own(name: str, view: GraphIndex) -> bool:
    """A float constant that one node reads alone."""
    return view.is_constant(name) and view.is_float(name) and view.only_reader(name) is not None


def _weight_of_its_own(node: onnx.NodeProto, view: GraphIndex) -> bool:
    if len(node.input) < 2 or not _own(node.input[1], view):
        return False
    rank = len(view.initializers[node.input[1]].dims)
    if node.op_type == "Gemm" and (number(node, "transA", 0) or number(node, "beta", 1.0) == 0):
        return False
    return rank >= 3 if node.op_type == "Conv" else rank == 2


def _from_zero(node: onnx.NodeProto, view: GraphIndex) -> bool:
    """A Clip whose lower bound is 0 and whose upper bound, if any, is a constant."""
    bounds = [view.value(name) if name else None for name in (*node.input[1:], "", "")[:2]]
    given = [name for name in node.input[1:] if name]
    known = all(view.value(name) is not None for name in given)
    return known and bounds[0] is not None and float(bounds[0].reshape(-1)[0]) == 0


def _is_bias(name: str, channels: int, view: GraphIndex) -> bool:
    """A constant of its own with one value for each channel, or one for all."""
    if not _own(name, view):
        return False
    dims = tuple(view.initializers[name].dims)
    return int(np.prod(dims)) == 1 or dims in ((channels,), (1, channels))


def _pads_with_zero(node: onnx.NodeProto, view: GraphIndex) -> bool:
    """Zeros put on at positions, not in front of or behind the channels."""
    if node.op_type != "Pad" or any(item.name == "mode" and item.s != b"constant" for item in node.attribute):
        return False
    value = view.value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(1)
    pads = view.value(node.input[1])
    if value is None or pads is None or np.any(value != 0) or (len(node.input) > 3 and node.input[3]):
        return False
    rank = len(pads) // 2
    return rank > 2 and not np.any(pads[[0, 1, rank, rank + 1]])


def _outputs(node: onnx.NodeProto, view: GraphIndex) -> int:
    dims = view.initializers[node.input[1]].dims
    if node.op_type == "Conv" or (node.op_type == "Gemm" and number(node, "transB", 0)):
        return int(dims[0])
    return int(dims[1])


def _inputs(node: onnx.NodeProto, view: GraphIndex) -> int:
    dims = view.initializers[node.input[1]].dims
    if node.op_type == "Conv":
        return int(dims[1]) * int(number(node, "group", 1))
    return int(dims[1]) if node.op_type == "Gemm" and number(node, "transB", 0) else int(dims[0])


def channel_sizes(
    node: onnx.NodeProto, weight: NDArray[np.floating], *, inputs: bool, repeat: int = 1
) -> NDArray[np.float64]:
    """The largest magnitude of a weight in each channel of its outputs, or of its inputs."""
    rows = _by_channel(node, np.abs(weight), inputs=inputs)
    return np.asarray(rows.reshape(len(rows) // repeat, -1).max(1), np.float64)


def scaled_out(node: onnx.NodeProto, weight: NDArray[np.float32], factor: NDArray[np.float64]) -> NDArray[np.float32]:
    """The weight with each output channel multiplied."""
    turned = node.op_type == "MatMul" or (node.op_type == "Gemm" and not number(node, "transB", 0))
    shape = (1, -1) if turned else (-1, *[1] * (weight.ndim - 1))
    return np.asarray(weight * factor.reshape(shape), np.float32)


def scaled_in(node: onnx.NodeProto, weight: NDArray[np.float32], factor: NDArray[np.float64]) -> NDArray[np.float32]:
    """The weight with each input channel multiplied; ``factor`` has one value for each channel, or repeats too."""
    if node.op_type != "Conv":
        turned = node.op_type == "MatMul" or not number(node, "transB", 0)
        return np.asarray(weight * factor.reshape((-1, 1) if turned else (1, -1)), np.float32)
    groups = int(number(node, "group", 1))
    parts = weight.reshape(groups, -1, weight.shape[1], int(np.prod(weight.shape[2:])))
    return np.asarray(parts * factor.reshape(groups, 1, -1, 1), np.float32).reshape(weight.shape)


def _by_channel(node: onnx.NodeProto, weight: NDArray[np.floating], *, inputs: bool) -> NDArray[np.floating]:
    """A row for each channel."""
    if node.op_type != "Conv":
        turned = node.op_type == "MatMul" or not number(node, "transB", 0)
        return weight if turned == inputs else weight.T
    if not inputs:
        return weight.reshape(len(weight), -1)
    groups = int(number(node, "group", 1))
    parts = weight.reshape(groups, -1, *weight.shape[1:])
    return np.swapaxes(parts, 1, 2).reshape(groups * weight.shape[1], -1)
