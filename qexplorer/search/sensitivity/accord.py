"""Whether the foretold ranking of layers is that of the evaluated losses, and what parts them where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qexplorer.search.sensitivity.sensitivity_types import Accord, Evaluated, Foretold, LayerSensitivity

__all__ = ["ENOUGH", "accord_of", "spearman"]

ENOUGH = 0.8
"""Rank correlation from which the foretold ranking is taken for the evaluated one."""

_FAR = 4.0
"""Times by which a loss may differ from what was foretold before the second order is said not to describe it."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Pair:
    name: str
    foretold: Foretold
    evaluated: Evaluated


def accord_of(layers: Sequence[LayerSensitivity], rounded: str = "both") -> Accord | None:
    """How far both rankings agree on the layers that have both; None where no layer has.

    Args:
        layers: of a report.
        rounded: what of them is rounded.
    """
    pairs = [
        _Pair(layer.name, foretold, evaluated)
        for layer in layers
        if (foretold := layer.gradient(rounded)) is not None and (evaluated := layer.exact(rounded)) is not None
    ]
    if not pairs:
        return None
    told, seen = ([getattr(pair, part).loss for pair in pairs] for part in ("foretold", "evaluated"))
    correlation = spearman(told, seen)
    worst = pairs[int(np.argmax(seen))].name
    found = worst in {pairs[i].name for i in np.argsort(told)[::-1][:3]}
    holds = found and (correlation is None or correlation >= ENOUGH)
    return Accord(correlation, len(pairs), found, holds, "" if holds else _why(pairs, correlation))


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation, equal values sharing their mean rank; None with fewer than three values or without
    any difference among them."""
    if len(one) < 3:
        return None
    a, b = (_ranks(np.asarray(each, np.float64)) for each in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else None


def _ranks(values: Float64) -> Float64:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place], np.float64)


def _why(pairs: Sequence[_Pair], correlation: float | None) -> str:
    """The first cause that accounts for it."""
    apart = [pair for pair in pairs if _ratio(pair) > _FAR or _ratio(pair) < 1 / _FAR]
    if apart:
        worst = max(apart, key=lambda pair: abs(math.log(_ratio(pair))))
        ratio = _ratio(worst)
        times = f"{ratio:.3g} times" if ratio >= 1 else f"1/{1 / ratio:.3g} of"
        return (
            f"the loss of {len(apart)} of {len(pairs)} layers is over {_FAR:g} times off, most of all that of "
            f"'{worst.name}' ({times} what was foretold): errors there are too large, or hang together too much, for "
            "second derivatives value by value"
        )
    close = _undecided(pairs)
    if close > 0.5:
        return (
            f"{close:.0%} of neighbours in the evaluated ranking lie within each other's interval, so that their order "
            "is open"
        )
    return (
        "losses lie close together: every layer is within "
        f"{_FAR:g} times of what was foretold, which is no less than layers differ among each other"
        if correlation is None or correlation < ENOUGH
        else "the worst layers lie close together"
    )


def _ratio(pair: _Pair) -> float:
    return max(pair.evaluated.loss, 1e-300) / max(pair.foretold.loss, 1e-300)


def _undecided(pairs: Sequence[_Pair]) -> float:
    """Share of neighbours in the evaluated ranking of which one lies in the other's interval."""
    ordered = sorted(pairs, key=lambda pair: pair.evaluated.loss)
    open_ = 0
    for low, high in pairwise(ordered):
        below, above = low.evaluated.ci95, high.evaluated.ci95
        if below is None or above is None or below[1] >= high.evaluated.loss or above[0] <= low.evaluated.loss:
            open_ += 1
    return open_ / max(len(ordered) - 1, 1)
