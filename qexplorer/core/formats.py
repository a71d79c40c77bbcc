"""Number formats as data: what each can hold, how ONNX stores it, how many bits it is counted as.

Integer formats exist at every width from 2 to 8 bits and at 16 bits, signed and unsigned. ONNX (opset 21) has
tensor types for 4, 8 and 16 bits only; the other widths are carried by the next wider type, clipped to their own
range, and counted at their own packed size.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from qexplorer.core.registry import Registry

__all__ = ["FORMATS", "Format", "Kind", "get_format"]


class Kind(StrEnum):
    """How a format spaces its levels."""

    INTEGER = "integer"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class Format:
    """One number format.

    Attributes:
        name: what a person types, such as ``int8``.
        kind: integer (uniform levels) or float.
        bits: bits of one packed value.
        signed: whether codes can be negative.
        qmin: smallest integer code (integer formats), inclusive.
        qmax: largest integer code (integer formats), inclusive.
        carrier: the ONNX tensor type that stores it: ``int8``, ``float16``, ...
    """

    name: str
    kind: Kind
    bits: int
    signed: bool
    qmin: int
    qmax: int
    carrier: str

    @property
    def is_integer(self) -> bool:
        """Whether codes are integers with a scale and a zero point."""
        return self.kind is Kind.INTEGER

    @property
    def clipped(self) -> bool:
        """Whether the carrier can hold codes that the format cannot, so that they must be clipped."""
        return self.is_integer and self.carrier != self.name

    @property
    def symmetric_range(self) -> tuple[int, int]:
        """Codes a symmetric grid uses: signed formats drop the most negative code, so that -x and x both exist."""
        return (-self.qmax, self.qmax) if self.signed else (self.qmin, self.qmax)


def _integer(bits: int, signed: bool) -> Format:
    carrier_bits = 4 if bits == 4 else 8 if bits <= 8 else 16
    prefix = "" if signed else "u"
    low = -(2 ** (bits - 1)) if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    return Format(f"{prefix}int{bits}", Kind.INTEGER, bits, signed, low, high, f"{prefix}int{carrier_bits}")


FORMATS: Registry[Format] = Registry("number format")
for _bits in (8, 4, 16, 2, 3, 5, 6, 7):
    for _signed in (True, False):
        FORMATS.add(_integer(_bits, _signed))
FORMATS.add(Format("fp16", Kind.FLOAT, 16, True, 0, 0, "float16"))
FORMATS.add(Format("bf16", Kind.FLOAT, 16, True, 0, 0, "bfloat16"))
FORMATS.add(Format("fp32", Kind.FLOAT, 32, True, 0, 0, "float32"))


def get_format(name: str) -> Format:
    """The format called ``name``; raises UnknownName with the known names."""
    return FORMATS.get(name)
