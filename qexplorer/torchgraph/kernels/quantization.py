"""QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, rounding as ``core.grid`` does."""

from __future__ import annotations

import torch
from onnx import TensorProto
from torch import Tensor

from qexplorer.torchgraph.dtypes import CODE_LIMITS, onnx_type, torch_dtype
from qexplorer.torchgraph.fake_quantize import broadcast_grid, codes_of, fake_quantize
from qexplorer.torchgraph.kernels.casting import converted
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["code_type", "dequantize_linear", "quantize_dequantize", "quantize_linear"]


def code_type(node: Node, zero: Tensor | None) -> int:
    """The ONNX type of the codes that a QuantizeLinear makes: its zero point's, ``output_dtype``, or uint8."""
    if zero is None:
        return node.whole("output_dtype", 0) or int(TensorProto.UINT8)
    return node.type_of(2) or onnx_type(zero.dtype)


def _grid(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scale and zero point that broadcast against ``x``, in the float type that is computed in."""
    axis, block = node.whole("axis", 1), node.whole("block_size", 0)
    wide = torch.promote_types(scale.dtype, torch.float32)
    steps = broadcast_grid(scale, x.shape, axis, block).to(wide)
    if zero is None:
        return steps, torch.zeros((), dtype=wide, device=x.device)
    return steps, broadcast_grid(zero, x.shape, axis, block).to(wide)


@operator("QuantizeLinear", since=10)
def quantize_linear(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """Codes of ``x``."""
    kind = code_type(node, zero)
    steps, offset = _grid(node, x, scale, zero)
    if kind not in CODE_LIMITS:
        return converted(x.to(steps.dtype) / steps, kind, saturate=bool(node.whole("saturate", 1)))
    return codes_of(x.to(steps.dtype), steps, offset, *CODE_LIMITS[kind]).to(torch.int32).to(torch_dtype(kind))


@operator("DequantizeLinear", since=10)
def dequantize_linear(node: Node, codes: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """Values of ``codes``."""
    axis, block = node.whole("axis", 1), node.whole("block_size", 0)
    kind = torch_dtype(node.whole("output_dtype", 0) or onnx_type(scale.dtype))
    steps = broadcast_grid(scale, codes.shape, axis, block)
    if codes.dtype.is_floating_point:
        return (codes.to(torch.float32) * steps.to(torch.float32)).to(kind)
    values = codes.to(torch.int32)
    if zero is not None:
        values = values - broadcast_grid(zero.to(torch.int32), codes.shape, axis, block)
    return (values.to(torch.promote_types(scale.dtype, torch.float32)) * steps).to(kind)


def quantize_dequantize(
    node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None, limits: tuple[int, int] | None = None
) -> Tensor:
    """A QuantizeLinear and the DequantizeLinear behind it in one step, with the gradient of ``fake_quantize``.

    Args:
        node: the QuantizeLinear.
        x: float values of any shape.
        scale: per tensor, channel or block, as the node says.
        zero: zero points, 0 if None.
        limits: smallest and largest code, if not those of the type of ``zero``.

    Returns:
        Values of the type of ``scale``, as DequantizeLinear makes them.
    """
    steps, offset = _grid(node, x, scale, zero)
    low, high = CODE_LIMITS[code_type(node, zero)] if limits is None else limits
    return fake_quantize(x.to(steps.dtype), steps, offset, low, high).to(scale.dtype)


@operator("DynamicQuantizeLinear", since=11)
def dynamic_quantize_linear(node: Node, x: Tensor) -> tuple[Tensor, ...]:  # noqa: ARG001
    """Codes in uint8, and the scale and zero point found from the smallest and largest value, zero among them."""
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    steps = torch.tensor([255.0, 0.0], dtype=x.dtype, device=x.device)
    scale = (high - low) / steps[0]
    zero = torch.where(scale > 0, torch.round((-low) / scale), steps[1]).clamp(0, 255)
    codes = codes_of(x, torch.where(scale > 0, scale, torch.ones_like(scale)), zero, 0, 255)
    return codes.to(torch.uint8), scale, zero.to(torch.uint8)
