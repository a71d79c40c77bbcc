"""Small floats with a scale: codes are the bits of a sign, an exponent and a mantissa.

Floats of 8 bits have a type in ONNX, which DequantizeLinear decodes. Those of 4 to 7 bits have none at opset 21 that a
runtime reads: their codes stand in uint4 or uint8 and are looked up in the table of all their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.formats.protocol import Float32, Int32, Role, Storage
from qexplorer.core.formats.scaled import Scaled

__all__ = ["SmallFloat"]


@dataclass(frozen=True, slots=True)
class SmallFloat(Scaled):
    """A float of 4 to 8 bits. Halves go to the even mantissa, values beyond the end to the end.

    Attributes:
        name: what a person types.
        exponent_bits: width of the exponent.
        mantissa_bits: width of the mantissa.
        bias: what is taken off the exponent.
        last: code of the largest finite value; the codes above it are NaN or infinite.
        carrier: its ONNX tensor type.
        recipes: short names with their meanings; the first is the stem.
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    last: int
    carrier: str
    recipes: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        wide = 4 <= self.bits <= 8 and self.exponent_bits >= 1 and self.mantissa_bits >= 0
        if not wide or not 0 < self.last < self.sign:
            raise ValueError(f"the small float '{self.name}' needs a sign, an exponent and a mantissa in 4 to 8 bits")

    @property
    def bits(self) -> int:
        """Sign, exponent and mantissa."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def sign(self) -> int:
        """The bit of the sign: the code of the negative zero."""
        return 1 << (self.bits - 1)

    @property
    def roles(self) -> frozenset[Role]:  # type: ignore[override]
        """Weights; of 8 bits activations too, which Cast rounds while a model runs."""
        return frozenset({"weight", "activation"}) if self.bits == 8 and self.default_block is None else Scaled.roles

    @property
    def storage(self) -> Storage:
        """As 8-bit floats; narrower ones as codes that are looked up."""
        return Storage.FLOAT8 if self.bits == 8 else Storage.TABLE

    @property
    def table(self) -> LevelTable:
        """All finite values, zero once."""
        return _table(self)

    def codes(self, lowest: int, highest: int) -> Int32:
        """The codes between two values, in their order."""
        table = self.table
        first, last = (int(np.flatnonzero(table.codes == code)[0]) for code in (lowest, highest))
        return table.codes[first : last + 1]

    def encode(self, x: Float32, scale: Float32, zero_point: Int32, lowest: int, highest: int) -> Int32:  # noqa: ARG002
        """The bits of ``x / scale``, rounded half to even and saturated. (QuantizeLinear, opset 19)

        Negative values that round to zero are the negative zero. Unlike there NaN becomes the lowest code.
        """
        table = self.table
        with np.errstate(over="ignore", invalid="ignore"):
            quotient = np.asarray(x / scale, np.float32)
        places = table.nearest(quotient)
        first, last = np.flatnonzero((table.codes == lowest) | (table.codes == highest))[[0, -1]]
        codes = table.codes[np.clip(places, first, last)]
        return np.asarray(np.where((codes == 0) & np.signbit(quotient), self.sign, codes), np.int32)

    def decode(self, codes: Int32, scale: Float32, zero_point: Int32) -> Float32:  # noqa: ARG002 - the protocol's
        """``value * scale`` in float32. (DequantizeLinear, opset 19)"""
        return np.asarray(_values(self)[codes] * scale, np.float32)


@lru_cache(maxsize=32)
def _values(format: SmallFloat) -> Float32:
    """The value of every code; NaN where a code has no finite one."""
    code = np.arange(format.sign)
    exponent, mantissa = code >> format.mantissa_bits, code & (2**format.mantissa_bits - 1)
    fraction = mantissa / 2**format.mantissa_bits
    normal = (1 + fraction) * 2.0 ** (exponent - format.bias)
    values = np.where(exponent == 0, fraction * 2.0 ** (1 - format.bias), normal)
    values[code > format.last] = np.nan
    both = np.concatenate([values, -values]).astype(np.float32)
    both.setflags(write=False)
    return both


@lru_cache(maxsize=32)
def _table(format: SmallFloat) -> LevelTable:
    sign = format.sign
    codes = np.concatenate([np.arange(sign + format.last, sign, -1), np.arange(format.last + 1)])
    levels = _values(format)[codes]
    even = codes[1:] % 2 == 0  # neighbours' codes differ by one, and the mantissa's last bit is the code's
    return LevelTable.of(levels, codes.astype(np.int32), even)
