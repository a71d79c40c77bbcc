"""From the kept statistics and the controls to what the charts show. Nothing is counted again when a control moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from qexplorer.core.grid import Granularity, Grid
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR, options_among
from qexplorer.ui.distributions.controls import BY_HAND, Settings

if TYPE_CHECKING:
    from qexplorer.observe.histogram import Histogram
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["Drawn", "drawn", "view_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What the histogram shows.

    Attributes:
        histogram: of all values, or of the chosen channel's.
        grid: the per-tensor grid drawn over it; None where each channel or block has its own and none is chosen.
        span: smallest and largest value of all grids, drawn where ``grid`` is None.
        channel: the chosen channel; None for all values.
    """

    histogram: Histogram
    grid: Grid | None
    span: tuple[float, float]
    channel: int | None


@st.cache_resource(max_entries=64, show_spinner="Choosing the ranges: up to a second for a large weight.")
def view_of(source: str, name: str, settings: Settings, _stats: TensorStats) -> GridView:  # noqa: ARG001
    """The tensor under the grid that ``settings`` asks for.

    Args:
        source: digest of what the statistics were made of; with ``name`` and ``settings`` the key of the cache.
        name: the tensor.
        settings: the controls.
        _stats: the tensor's statistics.
    """
    from qexplorer.observe.tensor_grid import grid_view

    calibrator = settings.calibrator if settings.calibrator != BY_HAND else DEFAULT_CALIBRATOR
    return grid_view(
        _stats,
        format=settings.grid_format,
        symmetric=settings.symmetric,
        granularity=Granularity(settings.granularity),
        calibrator=calibrator,
        options=options_among(calibrator, dict(settings.options)),
        clip=settings.clip,
        block=settings.block,
    )


def drawn(source: str, stats: TensorStats, view: GridView, channel: int | None) -> Drawn:
    """The histogram and grid to draw, for one channel or for all values."""
    span = (view.low, view.high)
    whole = view.grid if view.grid.axis is None else None
    if channel is None or stats.array is None:
        return Drawn(stats.histogram, whole, span, None)
    own = view.grid.channel(channel) if view.grid.granularity is Granularity.CHANNEL else whole
    return Drawn(_channel_histogram(source, stats.name, channel, stats), own, span, channel)


@st.cache_resource(max_entries=64, show_spinner=False)
def _channel_histogram(source: str, name: str, channel: int, _stats: TensorStats) -> Histogram:  # noqa: ARG001
    from qexplorer.observe.collecting.accumulate import histogram_of

    assert _stats.array is not None
    assert _stats.axis is not None
    return histogram_of(np.take(_stats.array, channel, axis=_stats.axis))
