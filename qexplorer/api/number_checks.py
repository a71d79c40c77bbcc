"""Numbers that a person gives, held to what they can be before any work is done."""

from __future__ import annotations

import math
from numbers import Integral

from qexplorer.core.errors import InputError

__all__ = ["check_real", "check_whole"]


def check_whole(what: str, value: object, least: int, most: int | None = None) -> None:
    """Raises InputError unless ``value`` is a whole number from ``least`` to ``most`` (None: no limit)."""
    whole = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if whole is None or whole < least or (most is not None and whole > most):
        allowed = f"{least} or more" if most is None else f"{least} to {most}"
        raise InputError(f"{what} cannot be {value}", allowed=f"a whole number, {allowed}")


def check_real(what: str, value: float, *, zero: bool = True, instead: str = "") -> None:
    """Raises InputError unless ``value`` is a finite number of 0 or more, or above 0.

    Args:
        what: the number's name, as the sentence begins.
        value: the number.
        zero: whether it may be 0.
        instead: what to do where no limit is meant.
    """
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        allowed = "a number of 0 or more" if zero else "a number above 0"
        raise InputError(f"{what} cannot be {value}", allowed=allowed, do=instead or None)
