"""Additive powers of two: each magnitude is a sum of two powers of two, so that a product is two shifts and a sum.

Li et al. 2020, Additive powers-of-two quantization: an efficient non-uniform discretization for neural networks,
section 2.2. Of 4 bits one is the sign, two choose 0, 1/2, 1/4 or 1/16, and one 0 or 1/8; the sums are divided by the
largest. Evenly spaced in the middle of the magnitudes, finer near zero, without the gap that powers of two leave under
the largest.
"""

from __future__ import annotations

from qexplorer.core.formats.pot import mirrored
from qexplorer.core.formats.table import TableFormat

__all__ = ["APOT"]

_FIRST = (0.0, 2.0**-4, 2.0**-2, 2.0**-1)
_SECOND = (0.0, 2.0**-3)
_SUMS = tuple(sorted(a + b for a in _FIRST for b in _SECOND if a + b))

APOT = TableFormat(
    name="apot",
    values=mirrored(tuple(each / _SUMS[-1] for each in _SUMS)),
    recipes={"apot": "4-bit additive power-of-two weights only, one scale for each channel"},
)

ENTRIES = (APOT,)
