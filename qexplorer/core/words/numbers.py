"""Numbers as text, once: as many digits as they carry, no exponent where people would write none, no minus zero."""

from __future__ import annotations

import math

__all__ = ["NONE", "about_text", "fixed_text", "number_text", "numbers_text", "percent_text"]

NONE = "–"  # noqa: RUF001 - an en dash is what an empty cell shows
_LEAST, _MOST = -6, 15  # powers of ten that are written out
_WORDS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def number_text(value: float | None, digits: int = 3) -> str:
    """``1234.5`` as ``1,230``, ``2.0`` as ``2.00``: as many digits as are known, zeros too; what was counted (an int)
    has no decimals. A dash for what is missing or no number."""
    return numbers_text(value, digits=digits)[0]


def numbers_text(value: float | None, *beside: float | None, digits: int = 3) -> tuple[str, ...]:
    """``value`` as :func:`number_text` writes it, and what stands beside it, such as its interval, to the same place:
    ``100``, ``96`` and ``104``."""
    if value is None or not math.isfinite(value):
        return tuple(NONE for _ in (value, *beside))
    power = _power(value, digits)
    if value and not _LEAST <= power < _MOST:
        return tuple(NONE if each is None else f"{each:.{digits - 1}e}" for each in (value, *beside))
    places = digits - 1 - power if value else 0
    if isinstance(value, int):
        places = min(places, 0)
    return tuple(_written(each, places) for each in (value, *beside))


def percent_text(share: float, decimals: int = 0) -> str:
    """``0.974`` as ``97 %``; with one decimal ``97.4 %``."""
    return f"{fixed_text(100 * share, f'.{decimals}f')} %"


def _power(value: float, digits: int) -> int:
    """The power of ten of the first digit, after rounding: 1 for 9.996 with three digits."""
    rounded = abs(float(f"{value:.{digits - 1}e}"))
    return math.floor(math.log10(rounded)) if rounded else 0


def _written(value: float | None, places: int) -> str:
    if value is None or not math.isfinite(value):
        return NONE
    return fixed_text(round(value, places), f",.{max(places, 0)}f")


def fixed_text(value: float, form: str) -> str:
    """``value`` by a format such as ``+.1f``, without the sign of a zero."""
    text = format(value, form)
    return text if any(digit in text for digit in "123456789") or not text.startswith("-") else text[1:]


def about_text(value: float, digits: int = 1) -> str:
    """What is known to one digit, in words: ``52409681`` as ``about 50 million``."""
    rounded = float(f"{value:.{digits - 1}e}")
    for size, word in _WORDS:
        if abs(rounded) >= size:
            return f"about {number_text(rounded / size, digits)} {word}"
    return f"about {number_text(rounded, digits)}"
