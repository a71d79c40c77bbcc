"""Which calibrator and how much data, on page Distributions: the button, the sentence and the pictures."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from qexplorer.load.model import load_model
from qexplorer.measure.data_needed.needed_types import Band, DataNeeded, NeededPoint
from qexplorer.report.tensor_charts.data_needed import data_needed_info, data_needed_spec
from tests.pages.app import texts


def _found(metric: bool = True) -> DataNeeded:
    points = []
    for name, errors in (("minmax", (4.0, 5.0, 6.0)), ("mse", (9.0, 2.0, 1.0))):
        for k, error in enumerate(errors):
            band, end = Band(error, error / 2, error * 2), Band(k + 1.0, k + 0.5, k + 1.5)
            points.append(NeededPoint(name, 4 * 4**k, Band(-1.0, -1.0, -1.0), end, band, end if metric else None))
    enough = {"minmax": 4, "mse": None}
    return DataNeeded("m", "conv1", "w8a8", "accuracy" if metric else None, 0.9, 3, 64, tuple(points), enough)


def test_a_chart_has_a_line_a_band_and_a_dot() -> None:
    """Its rows are the means with their least and largest draw; the dot stands where more did not help."""
    found = _found()
    rows = data_needed_info(found, "error")
    assert [(r.calibrator, r.samples, r.mean, r.low, r.high) for r in rows][:2] == [
        ("minmax", 4, 4.0, 2.0, 8.0),
        ("minmax", 16, 5.0, 2.5, 10.0),
    ]
    assert [(r.calibrator, r.samples) for r in rows if r.enough] == [("minmax", 4)]
    spec = data_needed_spec(found, "error", titles={"minmax": "Min-max", "mse": "MSE"}, subtitle="by us")
    assert spec["title"]["text"] == "Mean squared error of 'conv1'"
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["area", "line", "point"]
    assert spec["layer"][0]["encoding"]["y"]["scale"]["type"] == "log"
    measured = data_needed_spec(found, "metric", titles={}, subtitle="by us")["layer"]
    assert measured[-2]["data"]["values"][0]["float"] == found.float_metric
    assert {value["name"] for value in spec["data"]["values"]} == {"Min-max", "MSE"}
    assert not data_needed_info(_found(metric=False), "metric")


def _of_a_weight() -> None:
    from qexplorer.load.model import load_model
    from qexplorer.observe.editing.synthetic import synthetic
    from qexplorer.ui.distributions.controls import Settings
    from qexplorer.ui.distributions.needed import draw_how_much

    draw_how_much(load_model("tumour_mlp"), synthetic("normal", 9), Settings.__new__(Settings))


def test_a_weight_has_nothing_to_ask(workspace_folder: Path) -> None:
    """There the section says why, without a button."""
    del workspace_folder
    app = AppTest.from_function(_of_a_weight, default_timeout=60).run()
    assert not app.exception
    assert "calibration samples are for activations" in texts(app)
    assert "Measure" not in [button.label for button in app.button]


def _drawn() -> None:
    from qexplorer.load.model import load_model
    from qexplorer.ui.distributions.needed import draw_needed
    from tests.pages.test_how_much_data import _found

    draw_needed(load_model("tumour_mlp"), _found())


def test_what_came_of_it_is_told_and_drawn(workspace_folder: Path) -> None:
    """A sentence names the best calibrator and the number of samples of each, and three pictures stand below it."""
    del workspace_folder
    assert load_model("tumour_mlp").name == "tumour_mlp"
    app = AppTest.from_function(_drawn, default_timeout=60).run()
    assert not app.exception
    said = " ".join(each.value for each in app.markdown).replace("\\", "")
    assert "Least error with 64 samples: Mean squared error, 1." in said
    assert "Min-max: 4; Mean squared error: not reached" in said
    assert len([*app.get("vega_lite_chart"), *app.get("arrow_vega_lite_chart")]) == 3
