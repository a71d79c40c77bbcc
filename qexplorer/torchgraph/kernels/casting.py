"""From one element type to another."""

from __future__ import annotations

import torch
from onnx import TensorProto
from torch import Tensor

from qexplorer.torchgraph.dtypes import CODE_LIMITS, onnx_type, torch_dtype
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["cast", "converted", "saturated_float8"]

_NARROW = (TensorProto.INT4, TensorProto.INT2, TensorProto.UINT4, TensorProto.UINT2)
_FLOAT8 = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)
_E4M3FN_END = 464.0  # half way from the largest number, 448, to what would be the next one


def saturated_float8(x: Tensor, dtype: torch.dtype) -> Tensor:
    """``x`` with everything beyond the largest number of a float8 type, infinity too, brought back to it."""
    largest = torch.finfo(dtype).max
    return x.clamp(-largest, largest)


def converted(x: Tensor, kind: int, *, saturate: bool = True) -> Tensor:
    """``x`` as ONNX element type ``kind``.

    Args:
        x: any type.
        kind: an ONNX element type.
        saturate: whether numbers beyond the end of a float8 type become its largest, or what the type has for them
            (infinity or NaN).
    """
    dtype = torch_dtype(kind)
    if kind in _NARROW:
        low, high = CODE_LIMITS[kind]
        return (torch.remainder(x.to(torch.int64) - low, high - low + 1) + low).to(dtype)
    if dtype in _FLOAT8:
        wide = x.to(torch.float32)
        if saturate:
            wide = saturated_float8(wide, dtype)
        elif dtype is torch.float8_e4m3fn:
            wide = torch.where(wide.abs() > _E4M3FN_END, torch.nan, wide)
        return wide.to(dtype)
    return x.to(dtype)


@operator("Cast", since=1)
def cast_named(node: Node, x: Tensor) -> Tensor:
    """Another element type, named in words."""
    return converted(x, TensorProto.DataType.Value(node.text("to", "FLOAT")))


@operator("Cast", since=6)
def cast(node: Node, x: Tensor) -> Tensor:
    """Another element type."""
    return converted(x, node.whole("to", 1), saturate=bool(node.whole("saturate", 1)))


@operator("CastLike", since=15)
def cast_like(node: Node, x: Tensor, like: Tensor) -> Tensor:
    """The element type of another tensor."""
    return converted(x, node.type_of(1) or onnx_type(like.dtype), saturate=bool(node.whole("saturate", 1)))


@operator("BitCast", since=26)
def bit_cast(node: Node, x: Tensor) -> Tensor:
    """The same bits, read as another type of the same width."""
    return x.view(torch_dtype(node.whole("to", 1)))
