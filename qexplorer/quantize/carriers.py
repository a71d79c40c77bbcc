"""The ONNX type that stores codes: the format's own, or a wider one that has integer kernels."""

from __future__ import annotations

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.recipe import ActivationSpec, WeightSpec

__all__ = ["activation_carrier", "weight_carrier"]


def activation_carrier(spec: ActivationSpec) -> str:
    """Activations are carried by 8 or 16 bits: no backend has kernels for narrower ones."""
    wanted = get_format(spec.format)
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
        linear: whether the layer is a MatMul or Gemm.
    """
    wanted = get_format(spec.format)
    if integer and wanted.bits < 8 and spec.granularity is not Granularity.BLOCK:
        return "int8" if wanted.signed else "uint8"
    if linear and wanted.bits < 4:
        return "int4" if wanted.signed else "uint4"
    return wanted.carrier
