"""6-bit floats with 3 bits of exponent and 2 of mantissa, and a scale: up to 28, without infinities or NaN.

OCP Microscaling Formats (MX) Specification 1.0, section 5.3.2. ONNX has no type of 6 bits.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.small_float import SmallFloat

__all__ = ["FP6_E3M2"]

FP6_E3M2 = SmallFloat(
    name="fp6_e3m2",
    exponent_bits=3,
    mantissa_bits=2,
    bias=3,
    last=0x1F,
    carrier="uint8",
    recipes={"fp6": "6-bit float weights (E3M2) only, one scale for each channel"},
)

ENTRIES = (FP6_E3M2,)
