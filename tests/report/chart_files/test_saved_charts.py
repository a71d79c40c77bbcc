"""Charts as files: drawn without a browser, with the settings in them."""

from __future__ import annotations

import csv
import io

import pytest
from PIL import Image

from qexplorer.report.chart_files.saved_charts import chart_csv, chart_png, chart_svg
from qexplorer.report.comparison_charts.bars import bars_spec, latency_info
from qexplorer.report.comparison_charts.tradeoff import trade_info, trade_spec
from tests.report.comparisons import comparison


def test_svg_has_title_unit_and_settings() -> None:
    """Title, axis with its unit, model, samples, machine and moment are text in the picture."""
    text = chart_svg(trade_spec(trade_info(comparison(), "latency_ms")))
    assert text.startswith("<svg")
    for said in ("Accuracy against latency", "latency (µs)", "net, 10 samples of points, A CPU", "2026-01-02", "w8a8"):
        assert said in text


def test_png_is_a_picture() -> None:
    """A bar chart becomes a picture of more than one colour."""
    picture = Image.open(io.BytesIO(chart_png(bars_spec(latency_info(comparison())))))
    assert picture.width > 1000
    assert len(picture.convert("RGB").getcolors(1_000_000) or []) > 10


def test_csv_has_the_rows_and_the_settings() -> None:
    """Each row says which run, what value with which interval, and in which chart and settings it stood."""
    rows = list(csv.DictReader(io.StringIO(chart_csv(trade_spec(trade_info(comparison(), "latency_ms"))))))
    assert [row["run"] for row in rows] == ["float", "w8a8"]
    assert float(rows[1]["cost"]) == pytest.approx(100)
    assert float(rows[1]["accuracy"]) == pytest.approx(98)
    assert rows[0]["chart"] == "Accuracy against latency"
    assert rows[0]["settings"].startswith("net, 10 samples of points, A CPU, 2026-01-02")
    assert not {"colour", "label_x"} & rows[0].keys()


def test_rows_of_layers_are_told_apart() -> None:
    """A chart whose layers have data of their own gives all of them, counted."""
    spec = {"title": "t", "layer": [{"data": {"values": [{"a": 1}]}}, {"data": {"values": [{"b": 2}]}}]}
    rows = list(csv.DictReader(io.StringIO(chart_csv(spec))))
    assert [(row["table"], row["a"], row["b"]) for row in rows] == [("1", "1.0", ""), ("2", "", "2.0")]


def test_nothing_drawn_gives_an_empty_file() -> None:
    """Without rows there is no table."""
    assert chart_csv({"title": "t", "layer": []}) == ""
