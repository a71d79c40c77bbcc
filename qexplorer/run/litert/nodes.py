"""LiteRT's quantized tensors as nodes of an ONNX graph, and how torch and the converter see them.

``Grid``: an activation that is rounded to a grid and back. For the converter it is the pair of quantize and dequantize
operators that PyTorch's own quantization writes; where LiteRT has a kernel on codes for what lies between such pairs,
the converter fuses them.

``Weight``: a constant that lies on a symmetric grid. In torch it is the constant itself; for the converter a constant
of 8-bit codes with its scales (those of 4 bits are packed later, see ``tflite_edit.py``).

``Rounded``: an activation on a grid that LiteRT has none for, rounded by float operators.

``Bound``: a Clip with constant bounds.

``Apart``: a float tensor that codes do not cross: the least normal number is added, which changes nothing but a zero.

``FloatDiv``, ``FloatSoftmax``: in a form that the converter does not put on codes.

``FullyConnected``: a MatMul or Gemm with a constant weight laid out as LiteRT wants it, outputs first.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qexplorer.run.litert.graph_edit import DOMAIN
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["lower_weights"]

_LIMITS = {"int8": (-128, 127, torch.int8), "int16": (-32768, 32767, torch.int16)}


@operator("Grid", domain=DOMAIN)
def _grid(node: Node, x: Tensor) -> Tensor:
    import_module("torch.ao.quantization.fx._decomposed")  # registers the two operators
    pair: Any = torch.ops.quantized_decomposed
    low, high, kind = _LIMITS[node.text("type", "int8")]
    grid = (node.number("scale", 1.0), node.whole("zero_point", 0), low, high, kind)
    found: Tensor = pair.dequantize_per_tensor(pair.quantize_per_tensor(x, *grid), *grid)
    return found


@operator("Rounded", domain=DOMAIN)
def _rounded(node: Node, x: Tensor) -> Tensor:
    scale, zero = node.number("scale", 1.0), node.whole("zero_point", 0)
    codes = torch.clamp(torch.round(x / scale) + zero, node.whole("low", 0), node.whole("high", 0))
    return (codes - zero) * scale


@operator("Bound", domain=DOMAIN)
def _bound(node: Node, x: Tensor) -> Tensor:
    if not node.has("low") and not node.has("high"):
        return x
    if not node.has("high") and node.number("low", 0.0) == 0:
        return torch.relu(x)
    low = node.number("low", 0.0) if node.has("low") else None
    high = node.number("high", 0.0) if node.has("high") else None
    return torch.clamp(x, low, high)


@operator("Apart", domain=DOMAIN)
def _apart(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    return x + torch.finfo(torch.float32).tiny  # zero itself, or a factor of one, the converter would leave out


@operator("FloatDiv", domain=DOMAIN)
def _float_div(node: Node, a: Tensor, b: Tensor) -> Tensor:  # noqa: ARG001
    return a * torch.reciprocal(b)


@operator("FloatSoftmax", domain=DOMAIN)
def _float_softmax(node: Node, x: Tensor) -> Tensor:
    axis = node.whole("axis", -1)
    powers = torch.exp(x - torch.amax(x, axis, keepdim=True))
    return powers * torch.reciprocal(torch.sum(powers, axis, keepdim=True))  # a quotient would be made a SOFTMAX


@operator("FullyConnected", domain=DOMAIN)
def _fully_connected(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: ARG001
    found: Tensor = torch.nn.functional.linear(x, weight, bias)
    return found


@operator("Weight", domain=DOMAIN)
def _weight(node: Node, values: Tensor) -> Tensor:
    scales = np.asarray(node.attributes["scales"], np.float32).tobytes().hex()
    found: Tensor = _on_grid(values, scales, node.whole("axis", -1))
    return found


@torch.library.custom_op("qexplorer_litert::weight", mutates_args=())
def _on_grid(values: Tensor, scales: str, axis: int) -> Tensor:  # noqa: ARG001
    """``scales`` is float32 in hexadecimal: torch writes its graphs out as text dozens of times, and lists are slow."""
    return values.clone()


@_on_grid.register_fake
def _like(values: Tensor, scales: str, axis: int) -> Tensor:  # noqa: ARG001
    return torch.empty_like(values)


def lower_weights() -> None:
    """Tells the converter what a ``Weight`` is. Imports the converter."""
    from litert_converter.mlir import ir
    from litert_converter.mlir.dialects import stablehlo
    from litert_torch.backend.lowerings import registry

    def lowering(lctx: Any, values: Any, scales: str, axis: int) -> Any:  # noqa: ARG001
        plain = ir.RankedTensorType(values.type)
        steps = [f"{float(step)!r}:0" for step in np.frombuffer(bytes.fromhex(scales), np.float32)]
        axis_or_step = f":{axis},{{{','.join(steps)}}}" if axis >= 0 else f",{steps[0]}"
        grid = ir.Type.parse(f"!quant.uniform<i8<-128:127>:f32{axis_or_step}>")
        codes = ir.StringAttr.get(str(ir.RankedTensorType.get(plain.shape, grid)))
        rounded = stablehlo.custom_call(
            call_target_name="odml_torch.uniform_quantize", inputs=[values], result=[plain], backend_config=codes
        )
        return stablehlo.custom_call(call_target_name="odml_torch.uniform_dequantize", inputs=[rounded], result=[plain])

    registry.lower(torch.ops.qexplorer_litert.weight.default)(lowering)
