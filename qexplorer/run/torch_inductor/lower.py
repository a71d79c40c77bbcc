"""A QDQ graph as a torch module in the words that inductor's int8 patterns understand, with the graph's own scales.

What PyTorch's own quantizer (PT2E) would write around a layer is written from the graph: ``quantized_decomposed``
operators for activations, per-channel int8 weights with the output channel first, a float bias. Everything else is the
differentiable executor's operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.ao.quantization.fx._decomposed
from torch import Tensor, nn

from qexplorer.core.errors import BackendError
from qexplorer.torchgraph.dtypes import tensor_from
from qexplorer.torchgraph.graph import Graph, missing_in
from qexplorer.torchgraph.host import HostNode, host_nodes
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import as_host, find

if TYPE_CHECKING:
    import onnx

__all__ = ["LoweredGraph"]

_LIMITS = {torch.int8: (-128, 127), torch.uint8: (0, 255)}
_LAYERS = ("Conv", "Gemm", "MatMul")
_AXES = {3: nn.functional.conv1d, 4: nn.functional.conv2d, 5: nn.functional.conv3d}

Run = Callable[[dict[str, Any]], tuple[Any, ...]]


class LoweredGraph(nn.Module):
    """A graph that ``torch.export`` can trace at fixed shapes.

    Args:
        graph: as torchgraph reads it.

    Raises:
        BackendError: an operator without a kernel, or values that torch cannot hold.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        missing = tuple(missing_in(graph))
        if missing:
            raise BackendError(f"PyTorch has no kernel here for {', '.join(missing)}", do="choose onnxruntime for it")
        self._graph = graph
        self._constants = {name: tensor_from(item) for name, item in graph.constants.items()}
        self._slots: dict[str, str] = {}
        on_host = host_nodes(graph)
        self._steps: list[tuple[onnx.NodeProto, Run]] = []
        for index, node in enumerate(graph.nodes):
            run = self._on_host(node) if index in on_host else self._lowered(node)
            self._steps.append((node, run))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the graph's order."""
        values: dict[str, Any] = dict(zip(self._graph.inputs, inputs, strict=True))
        for node, run in self._steps:
            values.update((n, v) for n, v in zip(node.output, run(values), strict=False) if n)
        found = [values[name] if name in values else self._constants[name] for name in self._graph.outputs]
        return tuple(_on_device(value) for value in found)

    # What each node becomes

    def _on_host(self, node: onnx.NodeProto) -> Run:
        call = HostNode(node, self._graph.opset(node))
        known = {name: self._constants[name].numpy() for name in node.input if name in self._constants}
        return lambda values: call(*(known[n] if n in known else values.get(n) for n in node.input))

    def _lowered(self, node: onnx.NodeProto) -> Run:
        found: Run | None = None
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            found = self._quantizer(node)
        elif node.op_type in _LAYERS and not node.domain:
            found = self._layer(node)
        return found or self._as_written(node)

    def _as_written(self, node: onnx.NodeProto) -> Run:
        entry = find(node.op_type, node.domain, self._graph.opset(node))
        assert entry is not None, node.op_type
        settings = Node.of(node, self._graph.opset(node), [self._graph.types.get(n, 0) for n in node.input])
        hosts = {n: as_host(self._constants[n]) for i, n in enumerate(node.input) if i in entry.host and self._known(n)}
        slots = {n: self._kept(n, self._constants[n]) for n in node.input if self._known(n) and n not in hosts}

        def run(values: dict[str, Any]) -> tuple[Any, ...]:
            arguments: list[Any] = []
            for index, name in enumerate(node.input):
                value = None if not name else hosts.get(name, values.get(name))
                value = getattr(self, slots[name]) if name in slots else value
                arguments.append(value if index in entry.host else _on_device(value))
            made = entry.kernel(settings, *arguments)
            return made if isinstance(made, tuple) else (made,)

        return run

    def _quantizer(self, node: onnx.NodeProto) -> Run | None:
        """A per-tensor pair of 8 bits in ``quantized_decomposed``; None for all others."""
        scale, zero = (self._constants.get(name) for name in node.input[1:3]) if len(node.input) > 2 else (None, None)
        if scale is None or zero is None or scale.numel() != 1 or scale.dtype != torch.float32:
            return None
        if self._graph.types.get(node.input[2]) not in (2, 3) or self._known(node.input[0]):
            return None
        library = torch.ops.quantized_decomposed
        call = library.quantize_per_tensor if node.op_type == "QuantizeLinear" else library.dequantize_per_tensor
        reads, makes = node.input[0], node.op_type == "QuantizeLinear"
        moved = self._may_shift(node.output[0] if makes else reads)
        up = zero.dtype == torch.int8 and (moved or not makes)
        kind = torch.uint8 if up else zero.dtype
        rest = (float(scale), int(zero) + 128 * up, *_LIMITS[kind], kind)
        if up and not moved:  # somebody else sees these codes: they are moved where they are read
            return lambda values: (call((_on_device(values[reads]).to(torch.int16) + 128).to(torch.uint8), *rest),)
        return lambda values: (call(_on_device(values[reads]), *rest),)

    def _may_shift(self, name: str) -> bool:
        """Whether int8 codes can be uint8 codes 128 higher, which oneDNN wants: if nobody sees them but quantizers."""
        maker = self._graph.index.maker(name)
        if maker is None or maker.op_type != "QuantizeLinear" or len(maker.input) < 3 or name in self._graph.outputs:
            return False
        readers = self._graph.index.readers(name)
        zero = self._constants.get(maker.input[2])
        return zero is not None and zero.dtype == torch.int8 and all(n.op_type == "DequantizeLinear" for n in readers)

    def _layer(self, node: onnx.NodeProto) -> Run | None:
        """A layer with a quantized weight, output channels first; None if it is to be run as written."""
        settings = Node.of(node, self._graph.opset(node))
        flips = node.op_type == "MatMul" or (node.op_type == "Gemm" and not settings.whole("transB", 0))
        plain = settings.number("alpha", 1.0) == settings.number("beta", 1.0) == 1.0 and not settings.whole("transA", 0)
        weight = self._weight(node.input[1], 1 if flips else 0)
        bias = self._bias(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        if weight is None or not plain or bias is False or self._known(node.input[0]):
            return None
        codes, scale = weight
        if flips and codes.ndim != 2:
            return None
        codes = codes.t().contiguous() if flips else codes
        read = self._as_plane(node, codes)
        codes = codes if read is None else codes.unsqueeze(2)
        call = self._conv(settings, codes, read is not None) if node.op_type == "Conv" else nn.functional.linear
        if call is None:
            return None
        channels = scale.expand(codes.shape[0]).contiguous()
        names = [
            self._kept(f"{node.output[0]} {part}", value)
            for part, value in zip(
                ("codes", "scale", "zero", "bias"),
                (codes, channels, torch.zeros_like(channels, dtype=torch.int64), bias),
                strict=True,
            )
            if value is not None
        ]

        def run(values: dict[str, Any]) -> tuple[Any, ...]:
            stored = [getattr(self, name) for name in names]
            dequantize = torch.ops.quantized_decomposed.dequantize_per_channel
            w = dequantize(stored[0], stored[1], stored[2], 0, -128, 127, torch.int8)
            bias = stored[3] if len(stored) > 3 else None
            if read is None:
                return (call(_on_device(values[node.input[0]]), w, bias),)
            return (call(read(values), w, bias).squeeze(2),)

        return run

    def _as_plane(self, node: onnx.NodeProto, codes: Tensor) -> Callable[[dict[str, Any]], Tensor] | None:
        """Reads the input of a convolution along one axis as a plane of height 1; None for other layers.

        PyTorch 2.13 takes the output of its integer kernel for such a one to be as long as with a window of one
        element, and refuses whatever reads it beside another tensor or takes it apart.
        """
        maker = self._graph.index.maker(node.input[0])
        one = node.op_type == "Conv" and codes.ndim == 3 and codes.shape[2] > 1
        if not one or maker is None or maker.op_type != "DequantizeLinear":
            return None
        dequantize = self._quantizer(maker)
        if dequantize is None:
            return None
        return lambda values: dequantize({maker.input[0]: values[maker.input[0]].unsqueeze(2)})[0]

    def _conv(self, settings: Node, codes: Tensor, plane: bool) -> Callable[..., Tensor] | None:
        """A convolution that torch pads by itself; None for others. ``plane``: of one axis, as a plane of height 1."""
        axes = codes.ndim - 2 - plane
        pads = settings.wholes("pads") or (0,) * (2 * axes)
        if (
            settings.text("auto_pad", "NOTSET") not in ("NOTSET", "")
            or pads[:axes] != pads[axes:]
            or axes not in (1, 2, 3)
        ):
            return None
        stride, gap = (settings.wholes(name) or (1,) * axes for name in ("strides", "dilations"))
        function, groups = _AXES[codes.ndim], settings.whole("group", 1)
        if plane:
            return lambda x, w, b: function(x, w, b, (1, *stride), (0, *pads[:1]), (1, *gap), groups)
        return lambda x, w, b: function(x, w, b, stride, pads[:axes], gap, groups)

    # Constants

    def _known(self, name: str) -> bool:
        return name in self._constants

    def _kept(self, name: str, value: Tensor) -> str:
        """Registers a constant and returns its attribute."""
        if name not in self._slots:
            self._slots[name] = f"constant_{len(self._slots)}"
            self.register_buffer(self._slots[name], value)
        return self._slots[name]

    def _weight(self, name: str, axis: int) -> tuple[Tensor, Tensor] | None:
        """int8 codes and float32 scales of a symmetric weight, per tensor or along ``axis``."""
        node = self._graph.index.maker(name)
        if (
            node is None
            or node.op_type != "DequantizeLinear"
            or any(a.name == "block_size" and a.i for a in node.attribute)
        ):
            return None
        codes, scale = (self._constants.get(n) for n in node.input[:2])
        zero = self._constants.get(node.input[2]) if len(node.input) > 2 else None
        if codes is None or scale is None or codes.dtype != torch.int8 or scale.dtype != torch.float32:
            return None
        given = next((int(a.i) for a in node.attribute if a.name == "axis"), 1) % codes.ndim
        fits = scale.numel() == 1 or (scale.ndim == 1 and given == axis)
        return (codes, scale.reshape(-1)) if fits and (zero is None or not bool(zero.any())) else None

    def _bias(self, name: str) -> Any:
        """A constant bias as float32, shape ``(channels,)``, on a grid without a zero point; False for any other."""
        node, values = self._graph.index.maker(name), self._constants.get(name)
        if values is None and node is not None and node.op_type == "DequantizeLinear":
            codes, scale, *zero = (self._constants.get(n) for n in node.input)
            if codes is not None and scale is not None and all(z is not None and not z.any() for z in zero):
                values = codes.to(torch.float32) * scale
        ok = values is not None and values.dtype == torch.float32 and values.ndim == 1
        return values if ok else False


def _on_device(value: Any) -> Any:
    """A value as a tensor: what was computed from shapes alone is NumPy's until then."""
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
