"""ONNX element types and what carries them in torch.

Integers of fewer than 8 bits are carried by int8 or uint8 with the same values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.helper
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

__all__ = ["CODE_LIMITS", "onnx_type", "tensor_from", "tensor_of", "torch_dtype"]

CODE_LIMITS: dict[int, tuple[int, int]] = {
    TensorProto.INT8: (-128, 127),
    TensorProto.UINT8: (0, 255),
    TensorProto.INT16: (-32768, 32767),
    TensorProto.UINT16: (0, 65535),
    TensorProto.INT32: (-(2**31), 2**31 - 1),
    TensorProto.INT4: (-8, 7),
    TensorProto.UINT4: (0, 15),
    TensorProto.INT2: (-2, 1),
    TensorProto.UINT2: (0, 3),
}
"""Smallest and largest code of every integer type that QuantizeLinear or DequantizeLinear takes."""

_TORCH: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.FLOAT8E4M3FN: torch.float8_e4m3fn,
    TensorProto.FLOAT8E4M3FNUZ: torch.float8_e4m3fnuz,
    TensorProto.FLOAT8E5M2: torch.float8_e5m2,
    TensorProto.FLOAT8E5M2FNUZ: torch.float8_e5m2fnuz,
    TensorProto.BOOL: torch.bool,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8,
    TensorProto.UINT16: torch.uint16,
    TensorProto.UINT32: torch.uint32,
    TensorProto.UINT64: torch.uint64,
    TensorProto.COMPLEX64: torch.complex64,
    TensorProto.COMPLEX128: torch.complex128,
    TensorProto.INT4: torch.int8,
    TensorProto.INT2: torch.int8,
    TensorProto.UINT4: torch.uint8,
    TensorProto.UINT2: torch.uint8,
}
_FLOAT8 = {
    TensorProto.FLOAT8E4M3FN: torch.float8_e4m3fn,
    TensorProto.FLOAT8E4M3FNUZ: torch.float8_e4m3fnuz,
    TensorProto.FLOAT8E5M2: torch.float8_e5m2,
    TensorProto.FLOAT8E5M2FNUZ: torch.float8_e5m2fnuz,
}
_NARROW = (TensorProto.INT4, TensorProto.INT2, TensorProto.UINT4, TensorProto.UINT2)


def torch_dtype(element_type: int) -> torch.dtype:
    """The dtype that carries an ONNX element type. ValueError for those that torch cannot hold (text, float4)."""
    found = _TORCH.get(element_type)
    if found is None:
        raise ValueError(f"torch has no tensors of {TensorProto.DataType.Name(element_type)}")
    return found


def onnx_type(dtype: torch.dtype) -> int:
    """The ONNX element type of a dtype; int8 and uint8 stand for themselves."""
    return next(kind for kind, found in _TORCH.items() if found is dtype)


def tensor_from(proto: onnx.TensorProto) -> torch.Tensor:
    """An initializer's values as a tensor of its own memory."""
    return tensor_of(numpy_helper.to_array(proto), proto.data_type)


def tensor_of(values: NDArray[Any], kind: int = 0) -> torch.Tensor:
    """A NumPy array, ``ml_dtypes`` among them, as a tensor of its own memory.

    Args:
        values: any shape.
        kind: its ONNX element type, found from its dtype if 0.
    """
    kind = kind or onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
    dtype = torch_dtype(kind)
    if kind == TensorProto.BFLOAT16:
        return torch.from_numpy(values.view(np.int16).copy()).view(torch.bfloat16)
    if kind in _FLOAT8:
        return torch.from_numpy(values.view(np.uint8).copy()).view(dtype)
    if kind in _NARROW:
        values = values.astype(np.int8 if dtype is torch.int8 else np.uint8)
    return torch.from_numpy(np.array(values))
