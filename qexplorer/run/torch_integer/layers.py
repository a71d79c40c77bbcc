"""Steps for Conv, Gemm and MatMul between quantizers: int32 sums, then one rescaling."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qexplorer.run.protocol import KernelKind
from qexplorer.run.torch_integer.convolve import WindowGeometry, conv_weight, convolve
from qexplorer.run.torch_integer.floats import quantized_ends
from qexplorer.run.torch_integer.matmul import matmul_sums, right_hand
from qexplorer.run.torch_integer.products import signed
from qexplorer.run.torch_integer.quantized_graph import CodeTensor, Ending, QuantizedGraph, TensorGrid
from qexplorer.run.torch_integer.rounding import requantize
from qexplorer.run.torch_integer.step import Compute, Finish, ProgramStep
from qexplorer.torchgraph.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["BOUNDS", "geometry_of", "product_step", "shift_of"]

BOUNDS = ("Relu", "Clip")
"""Operators that bound codes: rounding first and bounding then gives the same codes."""


def product_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep | None:
    """The integer step for a Conv, Gemm or MatMul; None if its inputs are not codes of 8 bits that it can sum."""
    build = {"Conv": _conv, "Gemm": _gemm, "MatMul": _matmul}[node.op_type]
    settings = Node.of(node, view.graph.opset(node))
    left, right = view.codes(node.input[0]), view.codes(node.input[1])
    if left is None or right is None or left.grid is None:
        return None
    made = build(view, settings, left, right, device)
    if made is None:
        return None
    scale = np.asarray(left.grid.scale * right.scale.reshape(-1), np.float32)
    bias = _bias(view, node, scale, made.outputs)
    if bias is False:
        return None
    ending = view.ending(node.output[0], BOUNDS)
    finish = _finish(view, ending, scale, bias, made.axes, device)
    name = node.name or node.output[0]
    layers = (name, *(each.name for each in ending.chain)) if ending else (name,)
    writes = ending.quantizer.output[0] if ending else node.output[0]
    add = bias.codes if isinstance(bias, _Bias) else None
    compute = made.compute if add is None else _with_bias(made.compute, add, made.axes, device)
    return ProgramStep(name, node.op_type, KernelKind.INTEGER, layers, made.reads, (writes,), compute, finish)


@dataclass(frozen=True, slots=True)
class _Made:
    """The sums of a layer: what it reads, and how many axes lie behind that of the output channels."""

    reads: tuple[str, ...]
    compute: Compute
    outputs: int
    axes: int


@dataclass(frozen=True, slots=True)
class _Bias:
    """A constant bias: int32 codes in steps of the sums, or float values that are added behind the scale."""

    codes: NDArray[np.int32] | None
    values: NDArray[np.float32] | None


def shift_of(dtype: torch.dtype) -> int:
    """How far :func:`signed` moves codes down."""
    return 128 if dtype == torch.uint8 else 0


def geometry_of(settings: Node, kernel: Sequence[int]) -> WindowGeometry:
    """The attributes of a Conv or a pool over ``kernel``."""
    axes = len(kernel)
    return WindowGeometry(
        tuple(kernel),
        settings.wholes("strides") or (1,) * axes,
        settings.wholes("dilations") or (1,) * axes,
        settings.wholes("pads") or (0,) * (2 * axes),
        settings.text("auto_pad", "NOTSET"),
    )


def _conv(
    view: QuantizedGraph, settings: Node, left: CodeTensor, right: CodeTensor, device: torch.device
) -> _Made | None:
    codes = view.constants.get(right.name)
    if codes is None or left.grid is None or (right.scale.size > 1 and right.axis % codes.ndim != 0):
        return None
    geometry = geometry_of(settings, codes.shape[2:])
    zero = torch.from_numpy(right.zero_point) - shift_of(codes.dtype)
    weight = conv_weight(signed(codes).to(device), zero.to(device), settings.whole("group", 1))
    start = left.grid.zero_point - shift_of(left.grid.dtype)

    def compute(x: Tensor) -> tuple[Tensor, ...]:
        return (convolve(signed(x), start, weight, geometry),)

    return _Made((left.name,), compute, weight.outputs, codes.ndim - 2)


def _gemm(
    view: QuantizedGraph, settings: Node, left: CodeTensor, right: CodeTensor, device: torch.device
) -> _Made | None:
    codes, transposed = view.constants.get(right.name), bool(settings.whole("transB", 0))
    plain = not settings.whole("transA", 0) and settings.number("alpha", 1.0) == settings.number("beta", 1.0) == 1.0
    if codes is None or not plain or (right.scale.size > 1 and right.axis % 2 != (0 if transposed else 1)):
        return None
    return _linear(codes.t() if transposed else codes, left, right, device)


def _matmul(
    view: QuantizedGraph,
    settings: Node,  # noqa: ARG001  (MatMul has none)
    left: CodeTensor,
    right: CodeTensor,
    device: torch.device,
) -> _Made | None:
    codes = view.constants.get(right.name)
    if codes is not None and codes.ndim >= 2 and (right.scale.size == 1 or right.axis % codes.ndim == codes.ndim - 1):
        return _linear(codes, left, right, device)
    if codes is not None or left.grid is None or right.grid is None:
        return None
    zeros = [torch.tensor(g.zero_point - shift_of(g.dtype), dtype=torch.int32) for g in (left.grid, right.grid)]
    start, other = (zero.to(device) for zero in zeros)

    def compute(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        if y.ndim == 1:
            return (matmul_sums(signed(x), start, right_hand(signed(y).unsqueeze(-1)), other).squeeze(-1),)
        return (matmul_sums(signed(x), start, right_hand(signed(y)), other),)

    return _Made((left.name, right.name), compute, 0, 0)


def _linear(codes: Tensor, left: CodeTensor, right: CodeTensor, device: torch.device) -> _Made:
    """``left @ codes``, the weight of shape ``(..., K, N)`` being constant."""
    assert left.grid is not None
    prepared = right_hand(signed(codes).to(device))
    moved = (torch.from_numpy(right.zero_point) - shift_of(codes.dtype)).to(torch.int32)
    zero = moved.to(device) if bool(moved.any()) else None
    start = torch.tensor(left.grid.zero_point - shift_of(left.grid.dtype), dtype=torch.int32, device=device)

    def compute(x: Tensor) -> tuple[Tensor, ...]:
        return (matmul_sums(signed(x), start, prepared, zero),)

    return _Made((left.name,), compute, codes.shape[-1], 0)


def _bias(view: QuantizedGraph, node: onnx.NodeProto, scale: NDArray[np.float32], outputs: int) -> Any:
    """The layer's bias, None if it has none, False if it is of a kind that cannot be added here."""
    if len(node.input) < 3 or not node.input[2]:
        return None
    found = view.bias(node.input[2])
    if found is not None and found[0].size in (1, outputs):
        known = found[1].size in (1, scale.size)
        near = known and np.allclose(found[1].reshape(-1), scale, rtol=1e-6, atol=0)
        return _Bias(found[0].reshape(-1), None) if near else False
    values = view.array(node.input[2])
    if values is None or values.dtype != np.float32 or values.size not in (1, outputs):
        return False
    return _Bias(None, values.reshape(-1))


def _with_bias(compute: Compute, bias: NDArray[np.int32], axes: int, device: torch.device) -> Compute:
    """Sums with an int32 bias per output channel, modulo 2**32."""
    added = torch.from_numpy(bias).to(device).reshape(-1, *[1] * axes)

    def sums(*inputs: Tensor) -> tuple[Tensor, ...]:
        return (compute(*inputs)[0] + added,)

    return sums


def _finish(
    view: QuantizedGraph,
    ending: Ending | None,
    scale: NDArray[np.float32],
    bias: _Bias | None,
    axes: int,
    device: torch.device,
) -> Finish:
    """From sums to codes; to float32 where the layer's result stays float or its bias is."""
    floats = None if bias is None else bias.values
    if ending is None or floats is not None:
        return functools.partial(_to_float, scale=_column(scale, axes, device), bias=_column(floats, axes, device))
    grid: TensorGrid = ending.grid
    low, high = quantized_ends(view, ending)
    multiplier = _column(np.asarray(scale / grid.scale, np.float32), axes, device)
    point = torch.tensor(grid.zero_point, dtype=torch.float32, device=device)
    return functools.partial(requantize, multiplier=multiplier, zero_point=point, low=low, high=high, dtype=grid.dtype)


def _to_float(total: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    values = total.to(torch.float32) * scale
    return values if bias is None else values + bias


def _column(values: Any, axes: int, device: torch.device) -> Any:
    """Values per output channel in a shape that broadcasts; None stays."""
    if values is None:
        return None
    flat = torch.from_numpy(np.ascontiguousarray(values)).reshape(-1)
    return (flat.reshape(()) if flat.numel() == 1 else flat.reshape(-1, *[1] * axes)).to(device)
