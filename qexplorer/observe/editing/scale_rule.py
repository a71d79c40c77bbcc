"""How the scale of a format follows from the range, as a rule of few numbers that was tried on ranges of many kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qexplorer.core.formats import Format
from qexplorer.core.formats.uniform import has_signs

__all__ = ["PowersOfTwo", "ScaleRule", "scale_rule"]

Float64 = NDArray[np.float64]
_TRIED = tuple((-a, b) for a in (0.0, 0.3, 1.0, 1.7, 40.0) for b in (0.0, 0.011, 1.0, 1.41, 27.0) if a or b)


@dataclass(frozen=True, slots=True)
class PowersOfTwo:
    """Scales that are ``unit * 2**k``.

    Attributes:
        unit: the scale of a range of magnitude 1.
        reach: what the widest range with that scale asks for.
        open: whether that range itself has the next scale already.
    """

    unit: float
    reach: float
    open: bool

    def octaves(self, wanted: Float64) -> tuple[Float64, Float64]:
        """``k`` for scales that are asked for, and how many octaves each is above the widest of its ``k``: -1 to 0."""
        with np.errstate(divide="ignore"):
            above = np.log2(wanted / self.reach)
        k = np.floor(above) + 1 if self.open else np.ceil(above)
        return k, above - k


@dataclass(frozen=True, slots=True)
class ScaleRule:
    """The scale that a range asks for: ``(high - low) / steps``, or the larger of ``-low * below``, ``high * above``.

    Attributes:
        steps: from end to end of an asymmetric grid; None for others.
        below: scale for each unit below zero.
        above: scale for each unit above zero.
        series: what is made of it where scales are powers of two; None where the scale is what is asked for.
    """

    steps: int | None
    below: float
    above: float
    series: PowersOfTwo | None = None

    def wanted(self, low: ArrayLike, high: ArrayLike) -> Float64:
        """The scale that each range asks for."""
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        if self.steps is not None:
            return np.asarray((high - low) / self.steps)
        return np.maximum(-low * self.below, high * self.above)

    def scales(self, low: ArrayLike, high: ArrayLike) -> Float64:
        """The scale that each range gets; 1 for ranges of one point."""
        wanted = self.wanted(low, high)
        if self.series is not None:
            some = np.where(wanted > 0, wanted, self.series.reach)
            wanted = np.where(wanted > 0, self.series.unit * np.exp2(self.series.octaves(some)[0]), 0.0)
        return np.where(wanted > 0, wanted, 1.0)


def scale_rule(format: Format, *, symmetric: bool) -> ScaleRule | None:
    """The rule of a format's scales, one for itself (a block beside others may have them coarser).

    Args:
        format: a format with a scale.
        symmetric: zero point in the middle; formats without a zero point are so anyway.

    Returns:
        None for a format that follows no such rule.
    """
    symmetric = symmetric or not format.has_zero_point
    plain = _plain(format, symmetric)
    if plain is None or _agrees(format, plain, symmetric):
        return plain
    series = _series(format, plain, symmetric)
    found = None if series is None else replace(plain, series=series)
    return found if found is not None and _agrees(format, found, symmetric) else None


def _plain(format: Format, symmetric: bool) -> ScaleRule | None:
    if not format.is_uniform:
        if format.table is None:
            return None
        first, last = float(format.table.levels[0]), float(format.table.levels[-1])
        return ScaleRule(None, -1 / first if first < 0 else 0.0, 1 / last if last > 0 else 0.0)
    whole = format.fit(np.asarray(-1.0), np.asarray(1.0), symmetric=symmetric)
    if not symmetric:
        return ScaleRule(whole.highest - whole.lowest, 0.0, 0.0)
    farthest = -whole.lowest if has_signs(format) else whole.highest - int(whole.zero_point)
    return ScaleRule(None, 1 / farthest, 1 / farthest)


def _fitted(format: Format, low: float, high: float, symmetric: bool) -> float:
    return float(format.fit(np.asarray(low), np.asarray(high), symmetric=symmetric).scale)


def _agrees(format: Format, rule: ScaleRule, symmetric: bool) -> bool:
    found = rule.scales(*np.transpose(_TRIED))
    own = [_fitted(format, *ends, symmetric) for ends in _TRIED]
    return bool(np.allclose(found, own, rtol=1e-6, atol=0.0))


def _series(format: Format, rule: ScaleRule, symmetric: bool) -> PowersOfTwo | None:
    """From the scale that a range of magnitude 1 gets, and the widest that gets it too."""
    low = -1.0 if symmetric else 0.0
    unit = _fitted(format, low, 1.0, symmetric)
    near, far = 1.0, 4.0
    if _fitted(format, far * low, far, symmetric) == unit:
        return None
    for _ in range(60):
        middle = (near + far) / 2
        same = _fitted(format, middle * low, middle, symmetric) == unit
        near, far = (middle, far) if same else (near, middle)
    is_open = far == float(np.float32(far))  # of the two neighbours the border is the short number
    reach = far if is_open else near
    return PowersOfTwo(unit, float(rule.wanted(reach * low, reach)), is_open)
