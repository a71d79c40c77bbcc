"""Numbers as text, once: as many digits as they carry, no exponent where people would write none, no minus zero."""

from __future__ import annotations

import math

__all__ = ["NONE", "about_text", "fixed_text", "number_text"]

NONE = "–"  # noqa: RUF001 - an en dash is what an empty cell shows
_LEAST, _MOST = -6, 15  # powers of ten that are written out
_WORDS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def number_text(value: float | None, digits: int = 3) -> str:
    """``1234.5`` as ``1,230``, ``0.12345`` as ``0.123``; a dash for what is missing or no number."""
    if value is None or not math.isfinite(value):
        return NONE
    rounded = float(f"{value:.{digits - 1}e}")
    if rounded == 0:
        return "0"
    power = math.floor(math.log10(abs(rounded)))
    if not _LEAST <= power < _MOST:
        return f"{rounded:.{digits}g}"
    text = f"{rounded:,.{max(0, digits - 1 - power)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def fixed_text(value: float, form: str) -> str:
    """``value`` by a format such as ``+.1f``, without the sign of a zero."""
    text = format(value, form)
    return text if any(digit in text for digit in "123456789") or not text.startswith("-") else text[1:]


def about_text(value: float, digits: int = 1) -> str:
    """What is known to one digit, in words: ``52409681`` as ``about 50 million``."""
    rounded = float(f"{value:.{digits - 1}e}")
    for size, word in _WORDS:
        if abs(rounded) >= size:
            return f"about {number_text(rounded / size, max(digits, 3))} {word}"
    return f"about {number_text(rounded, digits)}"
