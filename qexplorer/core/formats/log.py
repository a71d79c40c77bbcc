"""Logarithmic levels: powers of the square root of two with both signs, and zero.

Miyashita et al. 2016, Convolutional neural networks using logarithmic data representation, section 4.3, whose 5 bits
with base sqrt(2) these are: 2^0, 2^-0.5, ... down to 2^-7 times the scale. Twice as fine as powers of two (``pot``).
Values go to the nearest level, not to the nearest exponent.
"""

from __future__ import annotations

from qexplorer.core.formats.pot import mirrored
from qexplorer.core.formats.table import TableFormat

__all__ = ["LOG"]

LOG = TableFormat(
    name="log",
    values=mirrored(tuple(2.0 ** (exponent / 2) for exponent in range(-14, 1))),
    recipes={"log": "5-bit logarithmic weights (base sqrt 2) only, one scale for each channel"},
    of_activations=True,
)

ENTRIES = (LOG,)
