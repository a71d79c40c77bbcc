from __future__ import annotations

import altair
import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.report.tensor_charts.channels import MOST_BARS, channel_info, channel_rows, channel_spec

RNG = np.random.default_rng(1)


def _ranges(n: int) -> tuple[np.ndarray, np.ndarray]:
    reach = RNG.uniform(0.1, 4, n)
    return -reach, reach * RNG.uniform(0.2, 1, n)


def test_one_grid_for_all() -> None:
    """Under a per-tensor grid all bars stand beside the same two lines."""
    low, high = _ranges(16)
    grid = grid_from_range(-1, 1, get_format("int8"), symmetric=True)
    info = channel_info("w", low, high, grid)
    assert info.shared
    assert {(b.grid_low, b.grid_high) for b in info.bars} == {(float(grid.low), float(grid.high))}


def test_grid_for_each_channel() -> None:
    """Under a per-channel grid each bar stands beside the lines of its own channel."""
    low, high = _ranges(16)
    grid = grid_from_range(low, high, get_format("int8"), symmetric=True, axis=0)
    info = channel_info("w", low, high, grid)
    assert not info.shared
    assert [b.grid_high for b in info.bars] == [float(v) for v in grid.high]


def test_by_range() -> None:
    """Ordered by range, the widest channel comes first and no channel is lost."""
    low, high = _ranges(40)
    info = channel_info("w", low, high, None, by_range=True)
    reach = [max(abs(b.low), abs(b.high)) for b in info.bars]
    assert reach == sorted(reach, reverse=True)
    assert sorted(c for b in info.bars for c in b.channels) == list(range(40))


def test_many_channels() -> None:
    """With 5,120 channels at most 256 bars are drawn, and together they cover every channel's range."""
    low, high = _ranges(5120)
    info = channel_info("w", low, high, None)
    assert len(info.bars) <= MOST_BARS
    assert sorted(c for b in info.bars for c in b.channels) == list(range(5120))
    for bar in info.bars:
        assert bar.low == low[list(bar.channels)].min()
        assert bar.high == high[list(bar.channels)].max()


def test_block_grid_is_not_drawn() -> None:
    """A grid per block has no range of a channel: no line is drawn rather than a wrong one."""
    low, high = _ranges(8)
    grid = grid_from_range(np.full((8, 4), -1.0), np.ones((8, 4)), get_format("int4"), symmetric=True, axis=1, block=32)
    assert all(b.grid_low is None for b in channel_info("w", low, high, grid).bars)


def test_valid_vega_lite() -> None:
    """The chart is valid Vega-Lite, with and without a grid."""
    low, high = _ranges(300)
    for grid in (None, grid_from_range(low, high, get_format("int8"), symmetric=True, axis=0)):
        altair.Chart.from_dict(channel_spec(channel_info("w", low, high, grid)), validate=True)


def test_csv() -> None:
    """The CSV has a line for each bar: its channels, and the ends of its range."""
    low, high = _ranges(5)
    rows = channel_rows(channel_info("w", low, high, None))
    assert [row["channels"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [(row["low"], row["high"]) for row in rows] == list(zip(low, high, strict=True))


def test_bars_of_several_channels_say_how_many() -> None:
    """And name the first of them; one alone is its number."""
    low, high = _ranges(600)
    bars = channel_info("w", low, high, None).bars
    assert bars[1].label == f"{len(bars[1].channels)} channels, such as {bars[1].channels[0]}"
    assert channel_info("w", low[:2], high[:2], None).bars[1].label == "1"
