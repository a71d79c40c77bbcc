"""Where to clip: the error over the range of the grid, and where each way of choosing a range lands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.model import Model
from qexplorer.report.provenance import made_by
from qexplorer.report.tensor_charts.clip_curve import clip_curve_spec
from qexplorer.ui import calibrator_controls
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.distributions.controls import Settings

if TYPE_CHECKING:
    from qexplorer.observe.clip_curve import ClipCurve
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["draw_clipping"]


def draw_clipping(model: Model, stats: TensorStats, source: str, settings: Settings, view: GridView) -> None:
    """The curve, for one grid over the whole tensor, and in words where its least lies."""
    mirrored = settings.symmetric and get_format(settings.format).is_uniform
    curve = _curve(source, stats.name, settings.format, mirrored, stats)
    if not curve.best.error.mse:
        return  # some range loses nothing at all: there is no error to draw
    titles = {point.name: calibrator_controls.title_of(point.name) for point in curve.chosen}
    low, high = min(stats.histogram.minimum, 0.0), max(stats.histogram.maximum, 0.0)
    now = None
    if view.grid.axis is None and view.error.mse > 0:
        whole = 2 * max(-low, high) if mirrored else high - low
        now = ((view.high - view.low) / whole if whole else 1.0, view.error.mse)
    st.subheader("Where to clip", anchor=False)
    name = f"Error of {stats.name} over the clip range"
    kind = f"{settings.format}{', symmetric' if mirrored else ''}, one grid for all values"
    subtitle = f"{model.name}, {kind}, {made_by()}"
    spec = clip_curve_spec(curve, title=name, subtitle=subtitle, titles=titles, now=now)
    draw_chart(spec, key="clip_curve")
    best = curve.best
    st.caption(
        f"Least squared error: {best.low:.4g} to {best.high:.4g}, {best.error.sqnr_db:.1f} dB. Narrower ranges clip "
        "more, wider ones have coarser steps. Dots: what each way of choosing finds, with its usual options"
        + ("; the ring is the range in use." if now else ".")
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _curve(source: str, name: str, format: str, symmetric: bool, _stats: TensorStats) -> ClipCurve:  # noqa: ARG001
    from qexplorer.observe.clip_curve import clip_curve

    chosen = get_format(format)
    names = calibrator_controls.names_offered(chosen, Granularity.TENSOR, _stats.kind)
    return clip_curve(_stats, chosen, symmetric=symmetric, calibrators=names)
