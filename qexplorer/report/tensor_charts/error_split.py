"""The error of a grid in two parts, as a bar of two colours with the numbers beside it (HTML; both themes)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qexplorer.report.palette import CLIPPING, ROUNDING

__all__ = ["ErrorSplitInfo", "error_split_html", "error_split_info"]


@dataclass(frozen=True, slots=True)
class ErrorSplitInfo:
    """What the bar shows: both mean squared errors, their shares of the sum, and the sentence under it."""

    rounding_mse: float
    clipping_mse: float
    rounding_share: float
    clipping_share: float
    verdict: str


def error_split_info(
    rounding_mse: float, clipping_mse: float, sqnr_db: float, clipped_fraction: float
) -> ErrorSplitInfo:
    """The two parts of the mean squared error and which of them dominates."""
    whole = rounding_mse + clipping_mse
    share = rounding_mse / whole if whole > 0 else 0.0
    if whole == 0:
        verdict = "Every value lies on the grid: there is no error."
    elif share >= 0.9:
        verdict = "Rounding dominates: narrower clip lines or more bits would help."
    elif share <= 0.1:
        verdict = "Clipping dominates: the grid is too narrow for these values."
    else:
        verdict = "Rounding and clipping are of one order: the range is about right for this number of bits."
    sqnr = "without limit" if math.isinf(sqnr_db) else f"{sqnr_db:.1f} dB"
    text = f"Signal to quantization noise {sqnr}; {_percent(clipped_fraction)} of the values clipped. {verdict}"
    return ErrorSplitInfo(rounding_mse, clipping_mse, share, 1 - share if whole > 0 else 0.0, text)


def _percent(fraction: float) -> str:
    if fraction == 0:
        return "none"
    return "less than 0.001 %" if fraction < 1e-5 else f"{100 * fraction:.3g} %"


def error_split_html(info: ErrorSplitInfo) -> str:
    """The bar: rounding error left, clipping error right, each in its own colour and named."""
    parts = (
        ("rounding", info.rounding_mse, info.rounding_share, ROUNDING),
        ("clipping", info.clipping_mse, info.clipping_share, CLIPPING),
    )
    bar = "".join(
        f'<span style="flex:{share:.6f} 0 0;background:{colour}" title="{name} {100 * share:.1f} %"></span>'
        for name, _, share, colour in parts
    )
    keys = "".join(
        f'<span><i style="background:{colour}"></i>{name} error <b>{mse:.3g}</b> ({100 * share:.1f} %)</span>'
        for name, mse, share, colour in parts
    )
    return (
        f'<div class="qx-split" role="img" aria-label="{info.verdict}"><div class="qx-bar">{bar}</div>'
        f'<div class="qx-keys">{keys}</div></div>'
    )
