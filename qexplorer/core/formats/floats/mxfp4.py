"""MXFP4: 4-bit floats (E2M1) with a power-of-two scale for each block of 32.

OCP Microscaling Formats (MX) Specification 1.0, table 1; Rouhani et al. 2023, Microscaling data formats for deep
learning.
"""

from __future__ import annotations

from qexplorer.core.formats.floats.microscaled import ExponentScaled

__all__ = ["MXFP4"]

MXFP4 = ExponentScaled(
    name="mxfp4",
    exponent_bits=2,
    mantissa_bits=1,
    bias=1,
    last=0x7,
    carrier="uint4",
    recipes={"mxfp4": "4-bit float weights (E2M1) only, a power-of-two scale for each 32"},
)

ENTRIES = (MXFP4,)
