"""The ONNX type that stores codes: the format's own, or a wider one that has integer kernels. And what a type takes."""

from __future__ import annotations

from qexplorer.core.formats import Storage, get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.recipe import ActivationSpec, WeightSpec

__all__ = ["activation_carrier", "carrier_bits", "carrier_opset", "weight_carrier"]

_BITS = {"int4": 4, "uint4": 4, "int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32}
_BITS |= {"float8e4m3fn": 8, "float8e5m2": 8, "float32": 32}
_OPSETS = {4: 21, 8: 13, 16: 21, 32: 13}


def carrier_bits(carrier: str) -> int:
    """Bits that one code takes in a file; raises KeyError for a type that carries no codes."""
    return _BITS[carrier]


def carrier_opset(carrier: str, storage: Storage) -> int:
    """The first operator set in which codes of this type can be decoded."""
    return 19 if storage is Storage.FLOAT8 else _OPSETS[carrier_bits(carrier)]


def activation_carrier(spec: ActivationSpec) -> str:
    """Integers are carried by 8 or 16 bits: no backend has kernels for narrower ones. Others are rounded in float32."""
    wanted = get_format(spec.format)
    if wanted.storage is not Storage.INTEGER:
        return "float32"
    return ("" if wanted.signed else "u") + ("int16" if wanted.bits > 8 else "int8")


def weight_carrier(spec: WeightSpec, *, integer: bool, linear: bool = False) -> str:
    """Type for weights.

    Integer kernels take 8-bit weights with a scale per tensor or channel, so that narrower weights are widened for
    them. Where the layer computes in float, real 4-bit types make the file smaller, and linear layers have a kernel
    that reads them packed (MatMulNBits). That goes for 2 and 3 bits too: 1024 x 1024, one row, ONNX Runtime 1.31 on a
    VNNI machine: 0.08 ms carried by int4, 1.3 by int8, 1.9 by ONNX's own int2 (opset 25).

    Args:
        spec: what the recipe asks.
        integer: whether the layer's activations are codes too.
        linear: whether the layer is a MatMul, a Gemm or a look-up (``constants.PACKED``).
    """
    wanted = get_format(spec.format)
    match wanted.storage:
        case Storage.INTEGER:
            pass
        case Storage.TABLE | Storage.FLOAT8:
            return wanted.carrier
        case Storage.CAST:
            raise ValueError(f"{wanted.name} has no codes that a type could carry")
    if integer and wanted.bits < 8 and spec.granularity is not Granularity.BLOCK:
        return "int8" if wanted.signed else "uint8"
    if linear and wanted.bits < 4:
        return "int4" if wanted.signed else "uint4"
    return wanted.carrier
