"""8-bit floats with 5 bits of exponent and 2 of mantissa, and a scale: E5M2, up to 57344.

Micikevicius et al. 2022, FP8 formats for deep learning, table 1; FLOAT8E5M2 of ONNX (IR 9, opset 19). The upper half of
a half-precision float: infinities and NaN have the codes of the largest exponent, and no value gets them here.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.small_float import SmallFloat

__all__ = ["FP8_E5M2"]

FP8_E5M2 = SmallFloat(
    name="fp8_e5m2",
    exponent_bits=5,
    mantissa_bits=2,
    bias=15,
    last=0x7B,
    carrier="float8e5m2",
    recipes={"fp8e5m2": "8-bit float weights (E5M2) only, one scale for each channel"},
)

ENTRIES = (FP8_E5M2,)
