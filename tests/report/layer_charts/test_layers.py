from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import altair
import pytest

from qexplorer.core.model import Layer, Model
from qexplorer.report.layer_charts.layers import layer_chart_info, layer_chart_spec


def _model(layers: int) -> Model:
    made = tuple(
        Layer(f"l{i}", "Conv" if i % 3 else "Relu", (), (), None, (), None, 10 * i, 1000 - i, i % 3 != 0, None)
        for i in range(layers)
    )
    return Model("net", Path("net.onnx"), "", "", 21, (), (), made, 0, 0, 0, 0)


def test_every_layer_that_has_some() -> None:
    """Each layer with parameters has a bar with its own number; one without has none."""
    info = layer_chart_info(_model(10), "parameters")
    assert [(b.name, b.value) for b in info.bars] == [(f"l{i}", 10 * i) for i in range(1, 10)]
    assert sum(b.share for b in info.bars) == pytest.approx(1.0)
    assert info.left_out == 0


def test_many_layers() -> None:
    """Of many layers the 60 largest are drawn in execution order, and how many are left out is known."""
    info = layer_chart_info(_model(101), "parameters")
    assert [b.place for b in info.bars] == list(range(42, 102))
    assert info.left_out == 40
    assert info.left_out_share == pytest.approx(sum(range(1, 41)) / sum(range(101)))


def test_only_what_computes_and_can_be_seen_is_drawn() -> None:
    """The constants of a Reshape make no bar, nor does a layer that would not fill a pixel; that one is counted."""
    large, small, moves = (
        Layer(name, op, (), (), None, (), None, n, 0, True, None, computes)
        for name, op, n, computes in (("a", "Gemm", 9000, True), ("b", "Mul", 1, True), ("c", "Reshape", 4000, False))
    )
    info = layer_chart_info(replace(_model(0), layers=(large, small, moves)), "parameters")
    assert [bar.name for bar in info.bars] == ["a"]
    assert (info.left_out, info.left_out_share) == (1, pytest.approx(1 / 9001))


def test_treatment() -> None:
    """A layer that cannot be quantized is drawn as one that stays in float."""
    bars = layer_chart_info(_model(7), "MACs").bars
    assert [b.treatment == "stays in float" for b in bars] == [b.op == "Relu" for b in bars]


def test_valid_vega_lite() -> None:
    """The chart is valid Vega-Lite."""
    altair.Chart.from_dict(layer_chart_spec(layer_chart_info(_model(10), "MACs")), validate=True)
