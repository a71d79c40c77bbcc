from __future__ import annotations

import csv
import io

import altair
import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, dequantize, grid_from_range, quantize
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_svg
from qexplorer.report.chart_frame import with_settings
from qexplorer.report.palette import CLIPPING
from qexplorer.report.tensor_charts.histogram import (
    MOST_RULES,
    HistogramInfo,
    bar_edges,
    histogram_info,
    histogram_rows,
)
from qexplorer.report.tensor_charts.histogram_plot import histogram_spec

VALUES = np.random.default_rng(0).standard_t(5, 20_000).astype(np.float32)


def _grid(format: str, reach: float = 3.0) -> Grid:
    return grid_from_range(-reach, reach, get_format(format), symmetric=True)


def _info(grid: Grid | None, **options: object) -> HistogramInfo:
    edges = bar_edges(float(VALUES.min()), float(VALUES.max()), 200)
    counts, _ = np.histogram(VALUES, edges)
    return histogram_info("w of net", counts, edges, grid, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["int2", "int3", "int4", "uint4", "int6"])
def test_rules_are_the_levels(format: str) -> None:
    """Up to 64 levels there is one rule for each level of the grid, at its very value, and no comb."""
    grid = grid_from_range(-3, 3, get_format(format), symmetric=format[0] == "i")
    info = _info(grid)
    assert info.rules == tuple(float(v) for v in grid.levels())
    assert not info.comb
    assert len(histogram_spec(info)["datasets"]["rules"]) == info.levels


@pytest.mark.parametrize("format", ["int7", "int8", "uint8", "int16"])
def test_comb(format: str) -> None:
    """With more than 64 levels a comb of at most 64 of them stands in, and says how many it leaves out."""
    grid = grid_from_range(-3, 3, get_format(format), symmetric=format[0] == "i")
    info = _info(grid)
    assert not info.rules
    assert 0 < len(info.comb) <= MOST_RULES
    assert set(info.comb) <= {float(v) for v in grid.levels()}
    assert info.levels == grid.qmax - grid.qmin + 1
    assert len(info.comb) == -(-info.levels // info.comb_step)


def test_clip_lines() -> None:
    """The clip lines stand at the grid's smallest and largest value, thick and in the colour of clipping."""
    grid = _grid("int4", 1.5)
    spec = histogram_spec(_info(grid))
    assert [row["x"] for row in spec["datasets"]["clips"]] == [float(grid.low), float(grid.high)]
    layer = next(la for la in spec["layer"] if la["data"]["name"] == "clips" and la["mark"]["type"] == "rule")
    assert layer["mark"]["color"] == CLIPPING
    assert layer["mark"]["strokeWidth"] >= 3


def test_outside_is_tinted() -> None:
    """A bar is tinted as clipped exactly where its middle lies outside the grid's range."""
    grid = _grid("int4", 1.5)
    info = _info(grid)
    for bar in info.bars:
        middle = (bar.low + bar.high) / 2
        assert bar.outside == (not float(grid.low) <= middle <= float(grid.high))
    assert {row["where"] for row in histogram_spec(info)["datasets"]["bars"]} == {"inside", "outside"}


def test_zero_point() -> None:
    """The zero point is marked at the value zero with its code."""
    grid = grid_from_range(-1, 3, get_format("uint8"), symmetric=False)
    rows = histogram_spec(_info(grid))["datasets"]["zero"]
    assert rows == [{"x": 0.0, "text": f"zero point {int(grid.zero_point)}"}]


def test_code_and_error_of_a_bar() -> None:
    """A bar's codes are those of its values, its error the root mean square of what the grid does to them."""
    grid = _grid("int4", 2.0)
    for bar in _info(grid).bars[60:140:7]:
        inside = np.linspace(bar.low, bar.high, 4002, dtype=np.float32)[1:-1]
        codes = quantize(inside, grid)
        texts = {str(codes[0]), str(codes[-1])}
        assert set(bar.codes.split(" to ")) <= {str(c) for c in np.unique(codes)} | texts
        error = np.sqrt(((dequantize(codes, grid) - inside) ** 2).mean())
        assert bar.error_rms == pytest.approx(float(error), rel=0.1, abs=0.002)


def test_counts_are_kept() -> None:
    """Every value is in one bar, at both ends of the axis too."""
    assert sum(bar.count for bar in _info(None).bars) == VALUES.size
    assert sum(bar.share for bar in _info(None).bars) == pytest.approx(1.0)


def test_without_grid() -> None:
    """Without a grid there are no levels, no clip lines and nothing is outside."""
    info = _info(None)
    assert (info.levels, info.clip, info.zero_code) == (0, None, None)
    assert not any(bar.outside for bar in info.bars)


def test_only_data_changes() -> None:
    """Two grids give the same specification but for its data, so that the browser does not build the chart anew."""
    one, other = (histogram_spec(_info(_grid(f))) for f in ("int4", "int8"))
    assert one.pop("datasets") != other.pop("datasets")
    assert one == other


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("bend", [None, 0.01])
@pytest.mark.parametrize("format", [None, "int4", "int8"])
def test_valid_vega_lite(log: bool, bend: float | None, format: str | None) -> None:
    """Every variant is valid Vega-Lite."""
    info = _info(_grid(format) if format else None, log=log, bend=bend)
    altair.Chart.from_dict(histogram_spec(info), validate=True)


def test_log_counts() -> None:
    """On logarithmic counts no bar starts at zero, which has no place there."""
    spec = histogram_spec(_info(_grid("int8"), log=True))
    layer = next(la for la in spec["layer"] if la["data"]["name"] == "bars")
    assert layer["encoding"]["y"]["scale"]["type"] == "log"
    assert layer["encoding"]["y2"]["datum"] > 0
    assert all(row["top"] > 0 for row in spec["datasets"]["bars"])


def test_bent_edges() -> None:
    """On a bent axis the edges ascend from the smallest to the largest value and lie closer together around zero."""
    edges = bar_edges(-3.0, 5.0, 200, 0.01)
    assert (edges[0], edges[-1], len(edges)) == (-3.0, 5.0, 201)
    widths = np.diff(edges)
    assert (widths > 0).all()
    assert widths[0] > 50 * widths[np.searchsorted(edges, 0.0) - 1]


def test_single_value() -> None:
    """A tensor of one value still gets bars of some width."""
    edges = bar_edges(2.0, 2.0, 10)
    assert edges[0] < 2.0 < edges[-1]


def test_csv() -> None:
    """The CSV has a line for each bar with its count, and in each the settings; lines and marks are not in it."""
    info = _info(_grid("int4"))
    spec = with_settings(histogram_spec(info), "int4 per tensor, range: Min-max")
    rows = list(csv.DictReader(io.StringIO(chart_csv(spec, histogram_rows(info)))))
    assert [int(row["count"]) for row in rows] == [bar.count for bar in info.bars]
    assert {row["outside"] for row in rows} == {"False", "True"}
    assert all(row["settings"].startswith("int4 per tensor, range: Min-max") for row in rows)


def test_a_saved_histogram_says_what_it_was_made_with() -> None:
    """The picture of its own has title, both axes, the settings and by what it was made, none of them cut."""
    low, high = -1.0, 1.0
    info = histogram_info(
        "w of net", [1, 2], bar_edges(low, high, 2), None, span=(low, high), subtitle="on a CPU, today"
    )
    settings = "int4 per channel, symmetric, range: Percentile 99.99: 15 levels, 0.1429 apart, from -1 to 1"
    text = chart_svg(with_settings(histogram_spec(info), settings))
    for said in ("w of net", "number of values", *settings.split(", "), "on a CPU", "today"):
        assert said in text
    assert "…" not in text
