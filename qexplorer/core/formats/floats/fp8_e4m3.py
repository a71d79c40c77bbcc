"""8-bit floats with 4 bits of exponent and 3 of mantissa, and a scale: E4M3FN, without infinities, up to 448.

Micikevicius et al. 2022, FP8 formats for deep learning, table 1; FLOAT8E4M3FN of ONNX (IR 9, opset 19).
"""

from __future__ import annotations

from qexplorer.core.formats.floats.small_float import SmallFloat

__all__ = ["FP8_E4M3"]

FP8_E4M3 = SmallFloat(
    name="fp8_e4m3",
    exponent_bits=4,
    mantissa_bits=3,
    bias=7,
    last=0x7E,
    carrier="float8e4m3fn",
    recipes={"fp8": "8-bit float weights (E4M3) only, one scale for each channel"},
)

ENTRIES = (FP8_E4M3,)
