"""Element types that quantized tensors have in ONNX: their NumPy types, ranges and numbers in the protocol buffer.

NumPy itself has none below 8 bits; ``ml_dtypes`` brings those and the small floats.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from qexplorer.core.formats.uniform import UniformFormat

__all__ = ["code_format", "code_type", "is_float_code", "largest"]

_INTEGERS: dict[str, int] = {f"{sign}int{bits}": bits for bits in (2, 4, 8, 16, 32) for sign in ("", "u")}
_SMALL_FLOATS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float4_e2m1fn")

# TensorProto.DataType, as the attribute output_dtype gives it
_NUMBERS: dict[int, str] = {
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4_e2m1fn",
    25: "uint2",
    26: "int2",
}


def code_type(number: int) -> np.dtype[Any]:
    """NumPy type for the value ``number`` of TensorProto.DataType; raises ValueError for one that codes cannot have."""
    if number not in _NUMBERS:
        raise ValueError(f"codes cannot have element type {number}")
    return np.dtype(getattr(ml_dtypes, _NUMBERS[number], None) or _NUMBERS[number])


def is_float_code(dtype: np.dtype[Any]) -> bool:
    """Whether codes of this type are small floats, which have a scale but no zero point."""
    return dtype.name in _SMALL_FLOATS


def code_format(dtype: np.dtype[Any]) -> UniformFormat:
    """The integer format whose codes fill ``dtype``, from end to end; raises ValueError for other types."""
    bits = _INTEGERS.get(dtype.name)
    if bits is None:
        raise ValueError(f"{dtype.name} is not a type of integer codes")
    return UniformFormat(dtype.name, bits, not dtype.name.startswith("u"), dtype.name)


def largest(dtype: np.dtype[Any]) -> float:
    """The largest finite value of a float type, small or not."""
    info: Any = ml_dtypes.finfo
    return float(info(dtype).max)
