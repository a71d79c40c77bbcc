"""6-bit floats with 2 bits of exponent and 3 of mantissa, and a scale: up to 7.5, without infinities or NaN.

OCP Microscaling Formats (MX) Specification 1.0, section 5.3.2. ONNX has no type of 6 bits.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.small_float import SmallFloat

__all__ = ["FP6_E2M3"]

FP6_E2M3 = SmallFloat(
    name="fp6_e2m3",
    exponent_bits=2,
    mantissa_bits=3,
    bias=1,
    last=0x1F,
    carrier="uint8",
    recipes={"fp6e2m3": "6-bit float weights (E2M3) only, one scale for each channel"},
)

ENTRIES = (FP6_E2M3,)
