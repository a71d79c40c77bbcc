"""Steps for QLinearConv, QLinearMatMul, ConvInteger and MatMulInteger, which a graph may hold as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import KernelKind
from qexplorer.run.torch_integer.convolve import ConvWeight, conv_weight, convolve
from qexplorer.run.torch_integer.layers import geometry_of, shift_of
from qexplorer.run.torch_integer.matmul import Right, matmul_sums, right_hand
from qexplorer.run.torch_integer.products import signed
from qexplorer.run.torch_integer.quantized_graph import QuantizedGraph
from qexplorer.run.torch_integer.rounding import requantize
from qexplorer.run.torch_integer.step import Compute, ProgramStep
from qexplorer.torchgraph.dtypes import CODE_LIMITS, onnx_type
from qexplorer.torchgraph.node import Node

if TYPE_CHECKING:
    import onnx

__all__ = ["OPERATORS", "operator_step"]


def operator_step(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device) -> ProgramStep:
    """A step for one of :data:`OPERATORS`. Raises BackendError for codes that are not of 8 bits."""
    place = 3 if node.op_type.startswith("QLinear") else 1
    if any(view.types.get(node.input[i], 0) not in (0, 2, 3) for i in (0, place)):
        raise BackendError(f"{node.op_type} of other codes than int8 and uint8", where=node.name or node.op_type)
    settings = Node.of(node, view.graph.opset(node))
    compute = OPERATORS[node.op_type](view, node, settings, device)
    layers = (node.name,) if node.name else ()
    return ProgramStep(
        node.name, node.op_type, KernelKind.INTEGER, layers, tuple(node.input), tuple(node.output), compute
    )


def _zero(point: Tensor | None, codes: Tensor) -> Tensor:
    """A zero point as int32 on the grid that :func:`signed` makes of ``codes``."""
    if point is None:
        return torch.tensor(-shift_of(codes.dtype), dtype=torch.int32, device=codes.device)
    found = point.to(torch.int32) - shift_of(codes.dtype)
    return found.reshape(()) if found.numel() == 1 else found


def _known(view: QuantizedGraph, *names: str) -> bool:
    return all(name in view.constants for name in names if name)


def _conv_integer(view: QuantizedGraph, node: onnx.NodeProto, settings: Node, device: torch.device) -> Compute:
    sums = _conv_sums(view, node, settings, device, 1, 3)
    return lambda x, w, xz=None, wz=None: (sums(x, xz, w, wz),)


def _conv_sums(
    view: QuantizedGraph, node: onnx.NodeProto, settings: Node, device: torch.device, at: int, zero_at: int
) -> Callable[..., Tensor]:
    """A function of ``x``, its zero point, ``w`` (input ``at``) and its zero point (input ``zero_at``)."""
    zero_name = node.input[zero_at] if len(node.input) > zero_at else ""

    def laid_out(w: Tensor, point: Tensor | None) -> ConvWeight:
        return conv_weight(signed(w), _zero(point, w), settings.whole("group", 1))

    ready: ConvWeight | None = None
    if _known(view, node.input[at], zero_name):
        point = view.constants[zero_name].to(device) if zero_name else None
        ready = laid_out(view.constants[node.input[at]].to(device), point)

    def sums(x: Tensor, x_zero: Tensor | None, w: Tensor, w_zero: Tensor | None) -> Tensor:
        weight = ready if ready is not None else laid_out(w, w_zero)
        return convolve(signed(x), int(_zero(x_zero, x)), weight, geometry_of(settings, w.shape[2:]))

    return sums


def _matmul_integer(view: QuantizedGraph, node: onnx.NodeProto, settings: Node, device: torch.device) -> Compute:  # noqa: ARG001
    sums = _matmul_sums(view, node, device, 1)
    return lambda a, b, az=None, bz=None: (sums(a, az, b, bz),)


def _matmul_sums(view: QuantizedGraph, node: onnx.NodeProto, device: torch.device, at: int) -> Callable[..., Tensor]:
    ready: Right | None = None
    if _known(view, node.input[at]):
        ready = right_hand(signed(view.constants[node.input[at]]).to(device))

    def sums(a: Tensor, a_zero: Tensor | None, b: Tensor, b_zero: Tensor | None) -> Tensor:
        left = _zero(a_zero, a)
        left = left.reshape(-1, 1) if left.ndim == 1 else left
        return matmul_sums(signed(a), left, ready if ready is not None else right_hand(signed(b)), _zero(b_zero, b))

    return sums


def _qlinear_conv(view: QuantizedGraph, node: onnx.NodeProto, settings: Node, device: torch.device) -> Compute:
    sums = _conv_sums(view, node, settings, device, 3, 5)

    def compute(*inputs: Tensor | None) -> tuple[Tensor, ...]:
        x, xs, xz, w, ws, wz, ys, yz = cast("tuple[Tensor, ...]", inputs[:8])
        b = inputs[8] if len(inputs) > 8 else None
        total, column = sums(x, xz, w, wz), (-1, *[1] * (w.ndim - 2))
        total = total if b is None else total + b.reshape(column)
        multiplier = (xs.reshape(()) * ws.reshape(-1)) / ys.reshape(())
        return (_onto(total, multiplier.reshape(column), yz.reshape(())),)

    return compute


def _qlinear_matmul(view: QuantizedGraph, node: onnx.NodeProto, settings: Node, device: torch.device) -> Compute:  # noqa: ARG001
    sums = _matmul_sums(view, node, device, 3)

    def compute(
        a: Tensor, a_s: Tensor, az: Tensor, b: Tensor, bs: Tensor, bz: Tensor, ys: Tensor, yz: Tensor
    ) -> tuple[Tensor, ...]:
        left, right, out = (scale.to(torch.float32) for scale in (a_s, bs, ys))
        right = right.reshape(()) if right.numel() == 1 else right
        return (_onto(sums(a, az, b, bz), _row(left) * right / _row(out), _row(yz)),)

    return compute


def _row(values: Tensor) -> Tensor:
    """Values per row as a column; a single value stays single."""
    if values.numel() == 1:
        return values.reshape(())
    return values.reshape(-1, 1) if values.ndim == 1 else values


def _onto(total: Tensor, multiplier: Tensor, zero: Tensor) -> Tensor:
    low, high = CODE_LIMITS[onnx_type(zero.dtype)]
    return requantize(total, multiplier, zero.to(torch.float32), low, high, zero.dtype)


Build = Callable[[QuantizedGraph, "onnx.NodeProto", Node, torch.device], Compute]

OPERATORS: dict[str, Build] = {
    "ConvInteger": _conv_integer,
    "MatMulInteger": _matmul_integer,
    "QLinearConv": _qlinear_conv,
    "QLinearMatMul": _qlinear_matmul,
}
"""Integer operators of ONNX, and what makes their steps."""
