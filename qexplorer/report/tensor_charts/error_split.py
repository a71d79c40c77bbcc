"""The error of a grid in two parts, and in words which dominates and what would help."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qexplorer.observe.advice import Advice, ClipDirection
from qexplorer.observe.error import EXACT_DB

__all__ = ["ErrorSplitInfo", "error_split_info", "sqnr_text"]


EXACT = "exact"


@dataclass(frozen=True, slots=True)
class ErrorSplitInfo:
    """What is said of a grid: both mean squared errors, their shares of the sum, the sentence, and the
    part of it behind the numbers."""

    rounding_mse: float
    clipping_mse: float
    rounding_share: float
    clipping_share: float
    verdict: str
    remark: str = ""


def error_split_info(
    rounding_mse: float,
    clipping_mse: float,
    sqnr_db: float,
    clipped_fraction: float,
    advice: Advice | None = None,
    lost: tuple[int, int] = (0, 0),
) -> ErrorSplitInfo:
    """The two parts of the mean squared error, which of them dominates, and what would help.

    Args:
        rounding_mse: part of the mean squared error made within the grid's range.
        clipping_mse: part of it made beyond.
        sqnr_db: signal to error.
        clipped_fraction: part of the values beyond the range.
        advice: what trying other clip lines found; None where there is no one pair of lines to move.
        lost: channels of which nothing is left, and all channels.
    """
    whole = rounding_mse + clipping_mse
    if whole == 0 or sqnr_db >= EXACT_DB:
        verdict = "Every value lies on the grid: there is no error" + (" but float32's own." if whole else ".")
        share, whole = 0.0, 0.0
    else:
        share = rounding_mse / whole
        most = "Rounding dominates" if share >= 0.9 else "Clipping dominates" if share <= 0.1 else None
        verdict = f"{most or 'Rounding and clipping are of one order'}{_advised(advice)}."
    ratio = sqnr_text(sqnr_db)
    text = "Exact" if ratio == EXACT else f"Signal to quantization noise {ratio}"
    text = f"{text}; {_percent(clipped_fraction)} of the values clipped."
    remark = f"{_lost(*lost)} {verdict}".strip()
    return ErrorSplitInfo(
        rounding_mse, clipping_mse, share, 1 - share if whole > 0 else 0.0, f"{text} {remark}", remark
    )


def sqnr_text(sqnr_db: float) -> str:
    """Decibels; ``exact`` where what is left is float32's own rounding, a word where there is no signal."""
    if math.isnan(sqnr_db):
        return "no signal"
    return EXACT if sqnr_db >= EXACT_DB else f"{sqnr_db:.1f} dB"


def _advised(advice: Advice | None) -> str:
    if advice is None:
        return ""
    if advice.direction is ClipDirection.NOWHERE:
        return ": neither narrower nor wider clip lines would be better, more bits or finer scales would"
    gain = "make it exact" if math.isinf(advice.gain_db) else f"gain {advice.gain_db:.1f} dB"
    return f": {advice.direction} clip lines would {gain}, at {advice.low:.3g} to {advice.high:.3g}"


def _lost(lost: int, channels: int) -> str:
    if not lost:
        return ""
    who = (
        f"{lost:,} of {channels:,} channels round to nothing"
        if lost > 1
        else f"1 of {channels:,} channels rounds to nothing"
    )
    return f"{who}, which one figure for the whole tensor hides: their values all become 0."


def _percent(fraction: float) -> str:
    if fraction == 0:
        return "none"
    return "less than 0.001 %" if fraction < 1e-5 else f"{100 * fraction:.3g} %"
