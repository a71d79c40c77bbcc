"""Pictures of a sweep: what they show at which limit, and that they are valid charts."""

from __future__ import annotations

from dataclasses import replace

import altair

from qexplorer.measure.timing.sweep_types import Cell
from qexplorer.report.comparison_charts.sweep import limits_of, map_spec, spot_text, sweep_info, sweep_spec
from tests.measure.timing.test_sweep import SWEPT


def test_the_limit_decides_what_is_within_and_best() -> None:
    """Moving the limit changes which points are within it and which are ringed, one for each variant at most."""
    tight, wide = sweep_info(SWEPT, 1.0), sweep_info(SWEPT, 10.0)
    assert [p.cell.per_s for p in tight.points if p.best] == [1000]
    assert sorted(p.cell.per_s or 0 for p in wide.points if p.best) == [500, 8000]
    assert all(p.within for p in wide.points)
    assert sum(p.within for p in tight.points) == 2


def test_latencies_are_in_one_unit() -> None:
    """Points and limit share the unit that suits the largest latency."""
    info = sweep_info(SWEPT, 2.0)
    assert (info.unit, info.limit) == ("ms", 2.0)
    fast = replace(SWEPT, cells=tuple(replace(c, p90_ms=0.1, worst_ms=0.2) for c in SWEPT.cells if c.p50_ms))
    info = sweep_info(fast, 0.5)
    assert (info.unit, info.limit) == ("µs", 500.0)
    assert info.points[0].latency == 100.0


def test_cells_without_numbers_say_why_once() -> None:
    """Cells that share a reason share a line, which names the variant, the batches and the threads."""
    more = replace(
        SWEPT, cells=(*SWEPT.cells, Cell("f", 16, 1, reason="left out"), Cell("f", 16, 2, reason="left out"))
    )
    assert sweep_info(more, 1.0).left_out == (("float, batch 8, 16 on 1, 2 threads", "left out"),)


def test_limits_reach_from_below_the_fastest_to_the_slowest() -> None:
    """The choices begin where no cell keeps the limit or just above, ascend, and end where every cell keeps it."""
    limits = limits_of(SWEPT)
    assert limits == sorted(set(limits))
    assert limits[0] <= SWEPT.latencies_ms[0]
    assert all(cell.keeps(limits[-1]) for cell in SWEPT.cells if cell.p50_ms is not None)
    assert limits_of(replace(SWEPT, cells=(Cell("f", 1, 1, reason="no"),))) == []


def test_words_for_a_sweet_spot_and_for_none() -> None:
    """The sweet spot has its numbers; without one the words say whether the limit, noise or a refusal is why."""
    assert spot_text(SWEPT, 3.0, "q") == (
        "w8a8: 3,000 samples/s at batch 8 on 2 threads; 90 of 100 calls take at most 3.00 ms"
    )
    assert "the longest of 40 calls took at most 10.0 ms" in spot_text(SWEPT, 10.0, "q")
    assert spot_text(SWEPT, 0.1, "q") == "w8a8: no cell keeps 0.1 ms; the fastest takes 500 µs"
    assert spot_text(SWEPT, 0.6, "q").endswith("at most 500 µs, on a busy machine")
    assert "no numbers" in spot_text(replace(SWEPT, cells=(Cell("f", 1, 1, reason="no"),)), 1.0, "f")


def test_the_charts_are_valid() -> None:
    """Both pictures are charts that Altair accepts, and the map has a cell for each that has numbers."""
    info = sweep_info(SWEPT, 3.0)
    altair.Chart.from_dict(sweep_spec(info))
    chart = map_spec(info, "w8a8")
    altair.Chart.from_dict(chart)
    assert len(chart["datasets"]["map"]) == 5
    assert all((row["fill"] == "transparent") is not row["within"] for row in chart["datasets"]["map"])
    assert {row["cell"] for row in chart["datasets"]["map"]} == {"1.00k", "2.00k", "3.00k", "8.00k", "9.00k"}
