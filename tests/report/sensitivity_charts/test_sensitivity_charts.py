"""What charts and tables say of a sensitivity report with known numbers."""

from __future__ import annotations

import json

import pytest

from qexplorer.load.model import load_model
from qexplorer.report.sensitivity_charts.accumulated import accumulated_info, accumulated_spec
from qexplorer.report.sensitivity_charts.sensitivity_table import measures_rows, worst_words
from qexplorer.report.sensitivity_charts.to_tools import node_data
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, Foretold, LayerSensitivity, SensitivityReport


def _seen(loss: float) -> Evaluated:
    return Evaluated(loss, None, 9, 20.0, 0.1, 0.99)


def _report(*losses: float, cumulative: bool = True) -> SensitivityReport:
    names = [each.name for each in load_model("tumour_mlp").layers if each.op == "Gemm"]
    layers = []
    for place, (name, loss) in enumerate(zip(names, losses, strict=True), 1):
        evaluated = {"alone": {"both": _seen(loss)}}
        if cumulative:
            evaluated["cumulative"] = {"both": _seen(10.0 * place)}
        layers.append(
            LayerSensitivity(name, "Gemm", (name,), True, {"both": Foretold(2 * loss, None, 9)}, evaluated=evaluated)
        )
    return SensitivityReport("m", "d", "name: r", "r", "x", 9, "relative", None, tuple(layers))


def test_errors_add_up_beside_each_alone() -> None:
    """In graph order stand the loss alone, the sum of those so far, and the loss of all up to it; none is invented."""
    info = accumulated_info(_report(1.0, 0.0, 3.0))
    found = {(each.place, each.what): each.loss for each in info}
    assert [found[place, "sum of those alone so far"] for place in (1, 2, 3)] == [1.0, 1.0, 4.0]
    assert [found[place, "all up to it"] for place in (1, 2, 3)] == [10.0, 20.0, 30.0]
    assert (2, "it alone") not in found, "a loss of 0 has no place on a logarithmic axis"
    assert {row["layer"] for row in accumulated_spec(_report(1.0, 0.0, 3.0))["datasets"]["losses"]} == {
        each.layer for each in info
    }
    assert accumulated_info(_report(1.0, 0.0, 3.0, cumulative=False)) == ()


def test_the_worst_layer_is_named_with_its_share() -> None:
    """Of what single layers lose; a layer that loses nothing has none, and where none does nothing is said."""
    report = _report(0.1, 0.3, 0.0)
    name = report.layers[1].name
    cost = f"{name} hurts most: rounded alone it costs 0.3 (error / signal)"
    assert worst_words(report) == f"{cost}, 75 % of the sum over 2 layers"
    assert worst_words(_report(0.0, 0.3, 0.0)) == cost
    assert worst_words(_report(0.0, 0.0, 0.0)) == ""


def test_a_layer_has_every_measure_of_every_way_of_rounding_it() -> None:
    """A row for each that is known, and no column that nothing stands in."""
    report = _report(1.0, 2.0, 3.0)
    rows = measures_rows(report, report.layers[1])
    assert [row["rounded"] for row in rows] == ["it alone, foretold", "it alone", "all up to it"]
    assert [row["error / signal"] for row in rows] == ["~4", "2", "20"]
    assert rows[1]["SQNR, dB"] == "20.0"
    assert "metric drop" not in rows[0]


def test_node_data_are_coloured_by_decades() -> None:
    """Stops rise from 0 to 1 and stand where losses that are ten times apart get colours that differ."""
    text = node_data(load_model("tumour_mlp"), _report(1e-3, 1e-2, 1.0))
    assert text is not None
    stops = [each["stop"] for each in json.loads(text)["gradient"]]
    assert stops == sorted(stops)
    assert (stops[0], stops[-1]) == (0.0, 1.0)
    assert stops[2] == pytest.approx(1e-2, rel=0.2), "a third of the way from 0.001 to 1"
    same = node_data(load_model("tumour_mlp"), _report(1.0, 1.0, 1.0))
    assert same is not None
    assert [each["stop"] for each in json.loads(same)["gradient"]] == [0, 1]
