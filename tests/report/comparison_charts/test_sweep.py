"""Pictures of a sweep: what they show at which limit, and that they are valid charts."""

from __future__ import annotations

from dataclasses import replace

import altair

from qexplorer.measure.timing.sweep_types import Cell
from qexplorer.report.comparison_charts.sweep import limits_of, map_spec, spot_text, sweep_info, sweep_spec
from qexplorer.report.palette import FLOAT
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


def test_variants_fade_and_what_is_beyond_the_limit_is_faint() -> None:
    """Float is grey and strong, the first quantized one strong in its backend's hue, later ones fainter."""
    names = (*SWEPT.variants, ("r", "w4a8"), ("s", "w2a8"), ("t", "w1a8"))
    cells = tuple(Cell(digest, 1, 1, 1.0, 1.0, 1.0, 100.0, 40, True) for digest, _ in names)
    info = sweep_info(replace(SWEPT, variants=names, cells=cells), 2.0)
    assert [point.fade for point in info.points] == [1.0, 1.0, 0.55, 0.35, 0.35]
    assert [point.colour == FLOAT for point in info.points] == [True, False, False, False, False]
    within = sweep_spec(info)["datasets"]["cells"]
    beyond = sweep_spec(sweep_info(replace(SWEPT, variants=names, cells=cells), 0.5))["datasets"]["cells"]
    assert [row["fade"] for row in within] == [point.fade for point in info.points]
    assert [row["fade"] / before["fade"] for row, before in zip(beyond, within, strict=True)] == [0.35] * 5


def test_a_cell_of_the_map_is_as_dark_as_its_throughput() -> None:
    """Of the variant's own best; short numbers in thousands and millions."""
    rates = (999.0, 1000.0, 999_999.0, 1e6)
    cells = tuple(Cell("q", 2**i, 1, 1.0, 1.0, 1.0, rate, 40, True) for i, rate in enumerate(rates))
    rows = map_spec(sweep_info(replace(SWEPT, cells=cells), 2.0), "w8a8")["datasets"]["map"]
    assert [row["cell"] for row in rows] == ["999", "1.00k", "1,000k", "1.00M"]
    assert rows[3]["fill"] == rows[2]["fill"] != rows[0]["fill"]
    assert map_spec(sweep_info(replace(SWEPT, cells=cells), 2.0), "float")["datasets"]["map"] == []


def test_what_a_sweep_was_made_on() -> None:
    """Backend in the title; model, machine, minute and effort under it; the limit in words in the chart."""
    info = sweep_info(SWEPT, 2.5)
    assert info.title == "Batch and threads on ONNX Runtime"
    assert info.subtitle == "net, A CPU, 2026-01-02 03:04 UTC, effort quick"
    assert sweep_spec(info)["datasets"]["limit"] == [{"latency": 2.5, "text": "limit 2.5 ms"}]
    assert [point.line for point in info.points][:3] == ["w8a8, 1 thread", "w8a8, 1 thread", "w8a8, 2 threads"]


def test_limits_are_a_dozen_to_a_decade() -> None:
    """From just below the fastest cell, so that a limit that nothing keeps can be chosen, to the first that all do."""
    cells = tuple(Cell("q", 1, 1, ms, ms, ms, 1.0, 40, True) for ms in (0.9, 30.0))
    limits = limits_of(replace(SWEPT, cells=cells))
    assert limits == [
        0.7,
        0.8,
        *(1.0, 1.2, 1.5, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
        10,
        12,
        15,
        18,
        20,
        25,
        30,
    ]
