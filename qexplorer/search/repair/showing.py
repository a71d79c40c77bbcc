"""Evidence as bars: reaches of channels and of tensors, and values under their grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Grid
from qexplorer.observe.histogram import Histogram
from qexplorer.search.repair.repair_types import EvidenceBars

__all__ = ["channels_shown", "reaches_shown", "values_shown"]

_BARS, _CHANNELS = 80, 96


def channels_shown(name: str, reach: NDArray[np.float64], *marked: int) -> EvidenceBars:
    """How far each channel of a tensor reaches; the 96 that reach farthest where there are more."""
    places = np.sort(np.argsort(-reach, kind="stable")[:_CHANNELS])
    few = len(reach) > _CHANNELS
    title = f"Reach of {'the widest ' if few else ''}channels of {name}"
    names = tuple(str(place) for place in places)
    at = tuple(int(i) for i in np.flatnonzero(np.isin(places, marked)))
    return EvidenceBars(title, "channel", "largest magnitude", _floats(reach[places]), names=names, marked=at)


def reaches_shown(reaches: Mapping[str, float], marked: str) -> EvidenceBars:
    """How far each of some tensors reaches."""
    names = tuple(reaches)
    bars = tuple(float(reaches[name]) for name in names)
    return EvidenceBars(
        "Reach of the inputs", "input", "largest magnitude", bars, names=names, marked=(names.index(marked),)
    )


def values_shown(name: str, histogram: Histogram, grid: Grid | None) -> EvidenceBars:
    """A tensor's values, and the ends of its grid where it has one for all of it; bars beyond those are marked."""
    ends = () if grid is None or grid.axis is not None else (float(grid.low), float(grid.high))
    low, high = min(histogram.minimum, 0.0, *ends), max(histogram.maximum, 0.0, *ends)
    edges = np.linspace(low, high if high > low else low + 1.0, _BARS + 1)
    counts = np.diff(histogram.bins.below(edges), prepend=0.0)[1:]
    counts[0] += float(histogram.bins.below(edges[:1])[0])
    middles = (edges[1:] + edges[:-1]) / 2
    marked = tuple(i for i, middle in enumerate(middles) if ends and not ends[0] <= middle <= ends[1])
    return EvidenceBars(f"Values of {name}", name, "values", _floats(counts), _floats(edges), marked=marked, lines=ends)


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
