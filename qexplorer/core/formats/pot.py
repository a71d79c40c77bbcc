"""Powers of two with both signs, and zero: a product with one is a shift.

Miyashita et al. 2016, Convolutional neural networks using logarithmic data representation, section 3; Li et al. 2020,
Additive powers-of-two quantization, equation 3. Of 4 bits one is the sign: 2^0 down to 2^-6 times the scale, and zero.
Values go to the nearest level, not to the nearest exponent.
"""

from __future__ import annotations

from qexplorer.core.formats.table import TableFormat

__all__ = ["POT", "mirrored"]


def mirrored(magnitudes: tuple[float, ...]) -> tuple[float, ...]:
    """Zero, and rising ``magnitudes`` above it with both signs."""
    return (*(-each for each in reversed(magnitudes)), 0.0, *magnitudes)


POT = TableFormat(
    name="pot",
    values=mirrored(tuple(2.0**exponent for exponent in range(-6, 1))),
    recipes={"pot": "4-bit power-of-two weights only, one scale for each channel"},
    of_activations=True,
)

ENTRIES = (POT,)
