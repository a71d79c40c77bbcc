"""MXFP6: 6-bit floats (E2M3) with a power-of-two scale for each block of 32.

OCP Microscaling Formats (MX) Specification 1.0, table 1, which has E3M2 beside it. Of weights E2M3 keeps more: within
a block values are of one size, and a bit of mantissa is worth more than one of exponent.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.microscaled import ExponentScaled

__all__ = ["MXFP6"]

MXFP6 = ExponentScaled(
    name="mxfp6",
    exponent_bits=2,
    mantissa_bits=3,
    bias=1,
    last=0x1F,
    carrier="uint8",
    recipes={"mxfp6": "6-bit float weights (E2M3) only, a power-of-two scale for each 32"},
)

ENTRIES = (MXFP6,)
