"""Before and after on the same axes, and the curve of error over the clip range."""

from __future__ import annotations

import altair
import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range, quantize
from qexplorer.observe.clip_curve import clip_curve
from qexplorer.observe.weights import array_stats
from qexplorer.report.tensor_charts.before_after import after, before, panel_spec, shared_axes
from qexplorer.report.tensor_charts.clip_curve import clip_curve_spec

VALUES = np.random.default_rng(1).normal(0, 1, 50_000).astype(np.float32).reshape(100, 500)
STATS = array_stats("w", VALUES, 0)
GRID = grid_from_range(-2.0, 2.0, get_format("int4"), symmetric=True)


def test_after_counts_what_becomes_each_level() -> None:
    """A level's share is that of the values with its code; what lies beyond the grid is at its last levels."""
    panel = after(STATS.histogram, GRID, "after")
    codes, counts = np.unique(quantize(VALUES, GRID), return_counts=True)
    assert [level for _, _, level, _ in panel.bars] == pytest.approx([float(c) * float(GRID.scale) for c in codes])
    assert [share for *_, share in panel.bars] == pytest.approx(list(counts / VALUES.size), abs=2e-3)


def test_both_hold_all_values() -> None:
    """Shares add up to one before and after."""
    for panel in (before(STATS.histogram, "before"), after(STATS.histogram, GRID, "after")):
        assert sum(share for *_, share in panel.bars) == pytest.approx(1)


def test_axes_are_shared() -> None:
    """Both charts have the same domains, wide enough for the float values and for the grid."""
    panels = [before(STATS.histogram, "before"), after(STATS.histogram, GRID, "after")]
    axes = shared_axes(panels)
    specs = [panel_spec(panel, axes, "net") for panel in panels]
    for spec in specs:
        altair.Chart.from_dict(spec)
    domains = [[spec["encoding"][axis]["scale"]["domain"] for axis in ("x", "y")] for spec in specs]
    assert domains[0] == domains[1]
    assert domains[0][0][0] <= STATS.histogram.minimum
    assert domains[0][0][1] >= STATS.histogram.maximum


def test_many_levels_are_drawn_together() -> None:
    """Of 65,536 levels a few hundred bars are drawn, which say how many each holds, and nothing is lost."""
    panel = after(STATS.histogram, grid_from_range(-5.0, 5.0, get_format("int16"), symmetric=True), "after")
    assert len(panel.bars) <= 513
    assert "a bar is 128 levels" in panel.title
    assert sum(share for *_, share in panel.bars) == pytest.approx(1)


def test_the_curve_marks_calibrators_and_the_range_in_use() -> None:
    """Calibrators that choose nearly the same share one name, and the ring is where the grid in use lies."""
    curve = clip_curve(STATS, get_format("int4"), symmetric=True, calibrators=("minmax", "mse", "percentile"))
    titles = {"minmax": "Min-max", "mse": "Least squares", "percentile": "Percentile"}
    spec = clip_curve_spec(curve, title="w", subtitle="int4", titles=titles, now=(0.5, 0.01))
    altair.LayerChart.from_dict(spec)
    rows = spec["datasets"]["chosen"]
    assert {row["name"] for row in rows} == set(titles.values())
    assert sorted(", ".join(row["text"] for row in rows if row["text"]).split(", ")) == sorted(titles.values())
    assert spec["layer"][-1]["data"]["values"] == [{"share": 0.5, "mse": 0.01, "name": "in use"}]
    assert {row["part"] for row in spec["datasets"]["curve"]} == {"rounding and clipping", "rounding", "clipping"}


def test_parts_of_the_error_without_a_place_are_not_drawn() -> None:
    """On a logarithmic axis, below a hundredth of the least error; the axis holds all that is drawn."""
    curve = clip_curve(STATS, get_format("int4"), symmetric=True, calibrators=("minmax",))
    spec = clip_curve_spec(curve, title="w", subtitle="int4", titles={})
    rows, least = spec["datasets"]["curve"], min(point.error.mse for point in curve.points)
    assert min(row["mse"] for row in rows) > 0.01 * least
    assert all(row["mse"] > 0 for row in rows)
    low, high = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low == min(row["mse"] for row in rows)
    assert high > max(row["mse"] for row in rows)
    by_share = {(row["share"], row["part"]): row["mse"] for row in rows}
    for point in curve.points:
        whole = by_share.get((point.share, "rounding and clipping"))
        assert whole is None or whole == point.error.mse
        clipping = by_share.get((point.share, "clipping"))
        assert clipping is None or clipping == point.error.clipping_mse
    assert all("in use" not in str(layer) for layer in spec["layer"])


def test_bars_stand_on_zero() -> None:
    """Each from its own level, as high as its density."""
    panel = after(STATS.histogram, GRID, "after")
    spec = panel_spec(panel, shared_axes([panel]), "net")
    assert spec["encoding"]["y2"] == {"datum": 0}
    assert spec["encoding"]["y"]["scale"]["domain"][0] == 0
