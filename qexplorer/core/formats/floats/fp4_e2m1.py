"""4-bit floats with 2 bits of exponent and 1 of mantissa, and a scale: 0, 0.5, 1, 1.5, 2, 3, 4 and 6 with both signs.

OCP Microscaling Formats (MX) Specification 1.0, section 5.3.3; FLOAT4E2M1 of ONNX (opset 23), which no runtime here
reads: codes are the bits of the float in uint4.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.small_float import SmallFloat

__all__ = ["FP4_E2M1"]

FP4_E2M1 = SmallFloat(
    name="fp4_e2m1",
    exponent_bits=2,
    mantissa_bits=1,
    bias=1,
    last=0x7,
    carrier="uint4",
    recipes={"fp4": "4-bit float weights (E2M1) only, one scale for each channel"},
)

ENTRIES = (FP4_E2M1,)
