"""What the browser sends of an editor, checked: the range, the value looked at, and how far out the outliers are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qexplorer.core.errors import InputError

__all__ = ["MOST_TIMES", "EditorState", "read_state"]

MOST_TIMES = 20.0
"""Farthest outlier, in times of the largest magnitude."""

_MOST = 3.4e38  # float32


@dataclass(frozen=True, slots=True)
class EditorState:
    """One state of an editor.

    Attributes:
        seq: number of the state; Python sends it back, so that the browser knows which answer is to its last one.
        clip: the range, ``low <= 0 <= high``, not both zero.
        value: the value whose arithmetic is shown; None for none.
        outlier: how far out outliers are, 1 for none.
    """

    seq: int
    clip: tuple[float, float]
    value: float | None = None
    outlier: float = 1.0


def read_state(given: Any) -> EditorState:
    """The state in what came from a browser.

    Raises:
        InputError: something is missing or no such number.
    """
    if not isinstance(given, dict):
        raise InputError("the grid editor sent no state", do="move a handle once more")
    clip, seq = given.get("clip"), given.get("seq")
    if not (isinstance(clip, list | tuple) and len(clip) == 2):
        raise InputError("the clip range has no two ends", allowed="two finite numbers, the lower one first")
    low, high = _number(clip[0], "the clip range"), _number(clip[1], "the clip range")
    if low > high:
        raise InputError(f"the clip range from {low:.4g} to {high:.4g} is upside down", allowed="the lower end first")
    if low > 0 or high < 0 or low == high:
        what = f"the clip range from {low:.4g} to {high:.4g} does not reach over zero"
        raise InputError(what, allowed="low <= 0 <= high, not both zero")
    value = given.get("value")
    times = _number(given.get("outlier", 1.0), "how far outliers are")
    if not 1.0 <= times <= MOST_TIMES:
        raise InputError(f"outliers cannot be at {times:.4g} times the largest value", allowed=f"1 to {MOST_TIMES:g}")
    number = seq if isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq < 2**53 else 0
    return EditorState(number, (low, high), None if value is None else _number(value, "the value looked at"), times)


def _number(given: Any, what: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given) or abs(given) > _MOST:
        raise InputError(f"{what} is no number", allowed="finite numbers of float32's range")
    return float(given)
