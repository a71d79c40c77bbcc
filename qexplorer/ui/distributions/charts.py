"""The files of what the grid editor shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.grid import Granularity
from qexplorer.core.model import Model
from qexplorer.report.chart_frame import with_settings
from qexplorer.report.provenance import made_by
from qexplorer.report.tensor_charts.clip_curve import clip_curve_spec
from qexplorer.report.tensor_charts.histogram import HistogramInfo, bar_edges, histogram_info, histogram_rows
from qexplorer.report.tensor_charts.histogram_plot import histogram_spec
from qexplorer.ui import calibrator_controls
from qexplorer.ui.charts import draw_saving_later
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.drawn_grid import Drawn
from qexplorer.ui.distributions.editor import Tried, mirrored

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["clip_curve_chart", "draw_files"]

_BARS = (40, 200)  # fewer for a tensor of few values: empty bars say nothing
_BEND = 1000.0  # a bent axis shows values down to a thousandth of the largest apart


def draw_files(model: Model, judged: Tried, settings: Settings, shown: Drawn, *, log: bool, bent: bool) -> None:
    """What saves the histogram under its grid and the curve of error over the clip range; made when asked for."""

    def histogram() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        info = _histogram_info(model, judged.stats, shown, log=log, bent=bent)
        return with_settings(histogram_spec(info), _grid_text(settings, shown, info)), histogram_rows(info)

    def curve() -> tuple[dict[str, Any], None]:
        return clip_curve_chart(model, judged, settings), None

    name = judged.stats.name
    draw_saving_later(histogram, f"{name} of {model.name}", key="histogram", label="Save histogram")
    if shown.channel is None and settings.granularity == "tensor":
        draw_saving_later(curve, f"Error of {name} over the clip range", key="clip_curve", label="Save curve")


def clip_curve_chart(model: Model, judged: Tried, settings: Settings) -> dict[str, Any]:
    """The curve for a file: the error of one grid over the whole tensor, with what each calibrator chooses."""
    from qexplorer.observe.clip_curve import clip_curve

    stats, chosen = judged.stats, settings.grid_format
    both = mirrored(settings)
    names = calibrator_controls.names_offered(chosen, Granularity.TENSOR, stats.kind)
    curve = clip_curve(stats, chosen, symmetric=both, calibrators=names)
    titles = {point.name: calibrator_controls.title_of(point.name) for point in curve.chosen}
    kind = f"{settings.format}{', symmetric' if both and chosen.has_zero_point else ''}, one grid for all values"
    title = f"Error of {stats.name} over the clip range"
    return clip_curve_spec(curve, title=title, subtitle=f"{model.name}, {kind}, {made_by()}", titles=titles)


def _histogram_info(model: Model, stats: TensorStats, shown: Drawn, *, log: bool, bent: bool) -> HistogramInfo:
    values = shown.histogram
    reach = max(abs(values.minimum), abs(values.maximum))
    bend = reach / _BEND if bent and reach > 0 else None
    bars = int(np.clip(values.count // 5, *_BARS))
    edges = bar_edges(values.minimum, values.maximum, bars, bend)
    counts = np.diff(values.bins.below(edges))
    counts[0] += values.bins.below(edges[:1])[0]
    part = "" if shown.channel is None else f", channel {shown.channel}"
    title = f"{stats.name} of {model.name}{part}"
    return histogram_info(title, counts, edges, shown.grid, span=shown.span, log=log, bend=bend, subtitle=made_by())


def _grid_text(settings: Settings, shown: Drawn, info: HistogramInfo) -> str:
    grid = shown.grid
    if grid is None:
        return f"{settings.text}, each {settings.granularity} with a grid of its own, the lines mark the widest"
    scale = float(grid.scale)
    apart = f"{scale:.4g} apart" if grid.format.is_uniform else f"not evenly spaced, times the scale {scale:.4g}"
    zero = f"; {info.zero_text}" if info.zero_text else ""
    ends = f"from {float(grid.low):.4g} to {float(grid.high):.4g}{zero}"
    return f"{settings.text}: {info.levels:,} levels, {apart}, {ends}"
