"""MXFP8: 8-bit floats (E4M3) with a power-of-two scale for each block of 32.

OCP Microscaling Formats (MX) Specification 1.0, table 1, which has E5M2 beside it.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.microscaled import ExponentScaled

__all__ = ["MXFP8"]

MXFP8 = ExponentScaled(
    name="mxfp8",
    exponent_bits=4,
    mantissa_bits=3,
    bias=7,
    last=0x7E,
    carrier="float8e4m3fn",
    recipes={"mxfp8": "8-bit float weights (E4M3) only, a power-of-two scale for each 32"},
)

ENTRIES = (MXFP8,)
