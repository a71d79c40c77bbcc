"""Weights in training: which constants they are, and how they go back into the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Grid, quantize
from qexplorer.torchgraph.dtypes import CODE_LIMITS, tensor_from
from qexplorer.torchgraph.graph import Graph
from qexplorer.torchgraph.host import host_nodes
from qexplorer.torchgraph.kernels.quantization import dequantize_linear, quantize_dequantize
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.plan import Step
from qexplorer.torchgraph.registry import find

if TYPE_CHECKING:
    import onnx

__all__ = ["CodeWeight", "code_weights", "float_weights", "store"]

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_BITS: dict[int, int] = {TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.INT2: 2, TensorProto.UINT2: 2}
_NOT_WEIGHTS: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "DequantizeLinear": (1, 2),
    "QuantizeLinear": (1, 2),
}
"""Positions of inputs that are statistics, bounds and grids: found by observing, not by following a gradient."""


@dataclass(frozen=True, slots=True)
class CodeWeight:
    """A weight that the file stores as codes, and that training sees as float values rounded to their grid.

    Attributes:
        codes: name of the initializer with the codes.
        scale: name of its scale.
        zero: name of its zero point; empty if it has none.
        outputs: what the DequantizeLinear nodes that read it make.
        node: their settings.
        limits: smallest and largest code that training may use. A carrier of 8 bits may hold a format of fewer, which
            the file does not say: the range is the narrowest signed or unsigned format's that all codes are in, without
            its most negative code if no weight has it.
        tensors: the codes, the scale and the zero point.
    """

    codes: str
    scale: str
    zero: str
    outputs: tuple[str, ...]
    node: Node
    limits: tuple[int, int]
    tensors: tuple[Tensor, Tensor, Tensor | None]

    @property
    def parameter(self) -> str:
        """What the float values are called."""
        return f"{self.outputs[0]}/trained"

    def initial(self) -> Tensor:
        """The values of the codes."""
        return dequantize_linear(self.node, *self.tensors)

    def steps(self) -> Iterator[tuple[str, Step]]:
        """What stands for each DequantizeLinear: rounding the parameter, with a gradient."""
        limits = self.limits

        def rounded(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
            return quantize_dequantize(node, x, scale, zero, limits)

        for output in self.outputs:
            yield output, Step(self.node, rounded, (self.parameter, self.scale, self.zero), (output,), ())

    def rounded(self, values: Tensor) -> Tensor:
        """Codes of trained ``values``, by ``core.grid.quantize``; values that were not changed keep their code."""
        codes, scale, zero = self.tensors
        block, axis = self.node.whole("block_size", 0), self.node.whole("axis", 1)
        shared = scale.numel() == 1 and not block
        steps = scale.to(torch.float32).numpy()
        offset = np.zeros(steps.shape, np.int32) if zero is None else zero.to(torch.int32).numpy()
        if shared:
            steps, offset = steps.reshape(()), offset.reshape(())
        low, high = self.limits
        kind = UniformFormat("codes", 32, signed=True, carrier="int32")
        grid = Grid(kind, steps, offset, None if shared else axis % codes.dim(), block or None, low, high)
        now = values.detach().cpu()
        found = torch.from_numpy(quantize(now.to(torch.float32).numpy(), grid)).to(codes.dtype)
        return torch.where(now == self.initial(), codes, found)


def code_weights(graph: Graph) -> dict[str, CodeWeight]:
    """Weights stored as codes, by the name of the codes. Codes that are read on two grids stay as they are."""
    found = {}
    for name in (name for name in graph.index.read_at if name in graph.initializers):
        nodes = graph.index.readers(name)
        settings = {(tuple(n.input), tuple(sorted((a.name, a.i) for a in n.attribute))) for n in nodes}
        if len(settings) == 1 and _trainable(graph, nodes[0], name):
            found[name] = _code_weight(graph, nodes)
    return found


def _trainable(graph: Graph, node: onnx.NodeProto, name: str) -> bool:
    if node.op_type != "DequantizeLinear" or node.input[0] != name or graph.types[name] not in CODE_LIMITS:
        return False
    constant = all(item in graph.constants for item in node.input if item)
    return constant and not any(attribute.name == "output_dtype" for attribute in node.attribute)


def _code_weight(graph: Graph, nodes: Sequence[onnx.NodeProto]) -> CodeWeight:
    names = [*nodes[0].input, ""][:3]
    codes, scale = tensor_from(graph.constants[names[0]]), tensor_from(graph.constants[names[1]])
    zero = tensor_from(graph.constants[names[2]]) if names[2] else None
    settings = Node.of(nodes[0], graph.opset(nodes[0]), [graph.types[name] if name else 0 for name in names])
    outputs = tuple(node.output[0] for node in nodes)
    limits = _limits(codes, graph.types[names[0]])
    return CodeWeight(names[0], names[1], names[2], outputs, settings, limits, (codes, scale, zero))


def _limits(codes: Tensor, kind: int) -> tuple[int, int]:
    low, high = CODE_LIMITS[kind]
    if kind == TensorProto.INT32 or not codes.numel():
        return low, high
    least, most = int(codes.to(torch.int32).min()), int(codes.to(torch.int32).max())
    if low == 0:
        return 0, next(top for bits in range(2, 17) if (top := 2**bits - 1) >= most)
    half = next(half for bits in range(2, 17) if (half := 2 ** (bits - 1)) > most and half >= -least)
    return (-half if least == -half else 1 - half), half - 1


def float_weights(graph: Graph) -> tuple[str, ...]:
    """Float initializers with at least one dimension that operators read as weights, in the order they are read."""
    on_host, found, refused = host_nodes(graph), dict[str, None](), set()
    for index, node in enumerate(graph.nodes):
        entry = find(node.op_type, node.domain, graph.opset(node))
        other = (*_NOT_WEIGHTS.get(node.op_type, ()), *(entry.host if entry else ()))
        for position, name in enumerate(node.input):
            item = graph.constants.get(name)
            if item is None or name not in graph.initializers or item.data_type not in _FLOATS or not item.dims:
                continue
            if index in on_host or position in other:
                refused.add(name)
            found[name] = None
    return tuple(name for name in found if name not in refused)


def store(model: onnx.ModelProto, floats: Mapping[str, Tensor], codes: Mapping[str, tuple[CodeWeight, Tensor]]) -> None:
    """Puts trained values into the initializers of ``model``; one whose values are the same is not touched."""
    for item in model.graph.initializer:
        if item.name in floats:
            now = floats[item.name].detach().cpu().to(tensor_from(item).dtype)
            if not torch.equal(now, tensor_from(item)):
                _write(item, now)
        elif item.name in codes:
            weight, values = codes[item.name]
            rounded = weight.rounded(values)
            if not torch.equal(rounded, weight.tensors[0]):
                _write(item, rounded)


def _write(item: onnx.TensorProto, values: Tensor) -> None:
    """Replaces an initializer's values, keeping its name, type and dimensions."""
    raw = _packed(values, item.data_type)
    for field in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "external_data"):
        item.ClearField(field)
    item.ClearField("data_location")
    item.raw_data = raw


def _packed(values: Tensor, kind: int) -> bytes:
    """Bytes as ONNX stores them: little-endian; 4- and 2-bit integers several to a byte, the first in the low bits."""
    data = values.contiguous().reshape(-1).view(torch.uint8).numpy()
    if kind not in _BITS:
        return bytes(data.tobytes())
    bits = _BITS[kind]
    each = 8 // bits
    padded = np.concatenate([data, np.zeros(-len(data) % each, np.uint8)]).reshape(-1, each) & (2**bits - 1)
    shifts = np.arange(each, dtype=np.uint8) * bits
    return bytes(np.bitwise_or.reduce(padded << shifts, axis=1).astype(np.uint8).tobytes())
