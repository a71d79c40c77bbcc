"""Page Sensitivity: what each layer costs, and a layer's precision one click away."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.sensitivity import SENSITIVITY, SensitivityOrder
from qexplorer.jobs.records import job_folder, read_json
from qexplorer.load.model import load_model
from qexplorer.report.sensitivity_charts.bars import bars_info, bars_spec
from qexplorer.report.sensitivity_charts.in_order import COLOURED_BY, order_info, order_spec
from qexplorer.report.sensitivity_charts.to_tools import annotated_onnx, node_data
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, Foretold, LayerSensitivity, SensitivityReport
from qexplorer.ui.rounding import drawing
from qexplorer.ui.rounding.drawing import clickable_key
from qexplorer.ui.sensitivity.layer import with_layer_at
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import check_cancel, job_of, open_app, texts, when_ended

PAGE = "pages/sensitivity.py"


def _opened(folder: Path, recipe: str) -> AppTest:
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "recipe": recipe, "choices": {"sensitivity_samples": 32}}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def _charts(app: AppTest) -> list[Any]:
    return [chart for kind in ("vega_lite_chart", "arrow_vega_lite_chart") for chart in app.get(kind)]


def test_layers_are_found_drawn_and_put_to_other_bits(workspace_folder: Path) -> None:
    """The button starts one job; then pictures and words stand, and a click puts the worst layer to 16 bits, after
    which they stand still, so that the next layer can be."""
    app = _opened(workspace_folder, "w4a8")
    app.button("sensitivity_start").click().run()
    job = when_ended(app, "sensitivity")
    assert SENSITIVITY.order_of(job) == SensitivityOrder(model=MODEL, data=DATA, recipe="w4a8", samples=32)
    report = SENSITIVITY.result_of(job)
    assert report is not None, job.error
    assert SENSITIVITY.partial_of(job) is not None, "what was foretold came first"
    app.run()
    assert not app.exception
    assert "All layers together: loss" in texts(app)
    assert len(_charts(app)) == 3, "bars, the network, and the weight on its grid"
    worst = report.worst()[0].name
    app.button("sensitivity_to_16 bits").click().run()
    assert not app.exception
    changed = Recipe.parse(app.session_state["qexplorer_state"].recipe)
    assert changed.for_layer(worst, "Gemm").weights.format == "int16"  # type: ignore[union-attr]
    assert "measured with the one before, **w4a8**" in texts(app)
    assert "in the recipe now int16 and uint16" in texts(app)
    assert len(_charts(app)) == 3, "what was measured stays"
    assert f"rule '{worst}'" in texts(app)
    app.button("sensitivity_to_8 bits").click().run()  # from the same report a second step
    now = Recipe.parse(app.session_state["qexplorer_state"].recipe)
    assert now.for_layer(worst, "Gemm").weights.format == "int8"  # type: ignore[union-attr]
    app.button("sensitivity_start").click().run()
    order = SENSITIVITY.order_of(manager.state(job_of(app, "sensitivity")))
    assert order is not None, "it is measured again with what the recipe is now"
    assert order.recipe.digest == now.digest
    manager.cancel(job_of(app, "sensitivity"))
    app.sidebar.selectbox("side_model").set_value("digits_cnn").run()
    assert not _charts(app), "what was found is not of this model"


def test_another_model_in_the_middle_leaves_the_work_as_it_is(workspace_folder: Path) -> None:
    """The sidebar names the model that it is about, the page offers the work for the new one, and the way back leads to
    the running job."""
    app = _opened(workspace_folder, "w4a8")
    app.button("sensitivity_start").click().run()
    job_id = job_of(app, "sensitivity")
    process = read_json(job_folder(job_id) / "pid.json")
    assert process is not None
    os.kill(process["pid"], signal.SIGSTOP)  # so that it is in the middle of its work for as long as this looks
    app.sidebar.selectbox("side_model").set_value("digits_cnn").run()
    assert not app.exception
    assert "Of tumour_mlp, which was chosen when it began" in texts(app)
    assert app.button("sensitivity_start")
    assert app.sidebar.button(f"cancel_side_{job_id}")
    app.sidebar.selectbox("side_model").set_value("tumour_mlp").run()
    assert "which was chosen when it began" not in texts(app)
    assert app.button(f"cancel_page_sensitivity_{job_id}")
    manager.cancel(job_id)


def test_it_can_be_cancelled(workspace_folder: Path) -> None:
    """A job at work has a Cancel, after which it can be started again."""
    check_cancel(_opened(workspace_folder, "w8a8"), "sensitivity")


def test_without_a_model_and_with_a_float_recipe_there_is_a_way_out(workspace_folder: Path) -> None:
    """The empty page offers a sample; a recipe that rounds nothing offers w4a8."""
    assert any(b.label == "Start with the digits sample" for b in open_app(PAGE).button)
    app = _opened(workspace_folder, "name: nothing\nweights: null\nactivations: null")
    app.button("take_w4a8").click().run()
    assert Recipe.parse(app.session_state["qexplorer_state"].recipe) == Recipe.parse("w4a8")


def test_a_bar_can_be_clicked_again_once_another_layer_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart has one key for as long as what was clicked in it is looked at, and a new one after that."""
    state: dict[str, Any] = {}
    monkeypatch.setattr(drawing.st, "session_state", state)
    assert clickable_key("bars", "layer", "a") == "bars", "nothing was clicked"
    state["bars"] = {"selection": {"layer": [{"layer": "a"}]}}
    assert clickable_key("bars", "layer", "a") == "bars"
    assert clickable_key("bars", "layer", "b") == "bars_1"
    assert clickable_key("bars", "layer", "a") == "bars_1", "chosen elsewhere, nothing is clicked in the new one"
    state["bars_1"] = {"selection": {}}
    assert clickable_key("bars", "layer", "b") == "bars_1"
    state["bars_1"] = {"selection": {"layer": [{"layer": "a"}]}}
    assert clickable_key("bars", "layer", "b") == "bars_2"


@pytest.mark.parametrize(("words", "weights"), [("8 bits", "int8"), ("16 bits", "int16"), ("float", None)])
def test_a_layer_is_put_to_other_bits(words: str, weights: str | None) -> None:
    """A rule for the layer alone, at the end, whatever signs its name has; pressed again it is still one rule."""
    recipe = with_layer_at(with_layer_at(Recipe.parse("w4a8"), "a*[0]", words), "a*[0]", words)
    found = recipe.for_layer("a*[0]", "Conv")
    assert (None if found.weights is None else found.weights.format) == weights
    assert recipe.for_layer("ab0", "Conv").weights.format == "int4"  # type: ignore[union-attr]
    assert len(recipe.layers) == 1


def _report() -> SensitivityReport:
    def layer(name: str, loss: float | None, told: float) -> LayerSensitivity:
        seen = None if loss is None else Evaluated(loss, (loss / 2, loss * 2), 9, 20.0, 0.1, 0.99)
        evaluated = {} if seen is None else {"alone": {"both": seen}}
        return LayerSensitivity(name, "Gemm", (name,), True, {"both": Foretold(told, None, 9)}, evaluated=evaluated)

    names = [each.name for each in load_model("tumour_mlp").layers if each.op == "Gemm"]
    layers = (layer(names[0], 1e-3, 1e-4), layer(names[1], 0.0, 2e-4), layer(names[2], None, 5e-2))
    return SensitivityReport("m", "d", "name: r", "r", "x", 9, "nats", None, layers)


def test_bars_stand_by_cost_and_tell_both_methods() -> None:
    """The worst comes first, evaluated where it was and foretold elsewhere; a loss of 0 has a bar on a log axis too."""
    report = _report()
    info = bars_info(report)
    assert [bar.foretold for bar in info] == [5e-2, 1e-4, 2e-4]
    assert [bar.evaluated for bar in info] == [None, 1e-3, 0.0]
    rows = bars_spec(report, "both", "")["datasets"]["layers"]
    assert all(row["evaluated"] is None or row["evaluated"] > 0 for row in rows)


@pytest.mark.parametrize("by", list(COLOURED_BY))
def test_cells_stand_in_graph_order(by: str) -> None:
    """Every layer has its cell, in the order of the graph; what has no logarithm has no colour."""
    report = _report()
    cells = order_info(report, "both", by)
    assert [cell.layer for cell in cells] == [layer.name for layer in report.layers]
    assert cells[1].value is None or not COLOURED_BY[by].log or cells[1].value > 0
    assert [row["led"] for row in order_spec(report, "both", by, cells[1].layer, "")["datasets"]["cells"]] == [0, 1, 0]


def test_graph_viewers_get_both_values() -> None:
    """Node data are one set in the viewer's own form; the annotated file is the model with words beside its nodes."""
    report, model = _report(), load_model("tumour_mlp")
    names = [(layer.name, *model.layer(layer.name).outputs) for layer in report.layers]
    for foretold, values in ((False, [1e-3, 0.0]), (True, [1e-4, 2e-4, 5e-2])):
        text = node_data(model, report, foretold=foretold)
        assert text is not None
        one = json.loads(text)
        assert set(one) == {"name", "results", "gradient"}
        assert one["results"].keys() <= {name for each in names for name in each}
        assert sorted({each["value"] for each in one["results"].values()}) == sorted(values)
        assert [each["stop"] for each in one["gradient"]][:: len(one["gradient"]) - 1] == [0, 1]
    assert node_data(model, report, "weights") is None
    told = replace(report.layers[0], foretold={"both": Foretold(math.inf, None, 9)})
    text = node_data(model, replace(report, layers=(told, report.layers[1])), foretold=True)
    assert text is not None
    assert {each["value"] for each in json.loads(text)["results"].values()} == {2e-4}, "JSON has no infinite numbers"
    proto = onnx.load_from_string(annotated_onnx(model, report))
    onnx.checker.check_model(proto)
    node = next(each for each in proto.graph.node if each.name == report.layers[0].name)
    assert "loss 0.001 on 9 samples" in node.doc_string
    assert {each.key: each.value for each in node.metadata_props}["sensitivity.evaluated"] == "0.001"
    asked = {each.key: each.value for each in proto.metadata_props if each.key.startswith("sensitivity.")}
    told = [asked[f"sensitivity.{key}"] for key in ("recipe", "data", "unit")]
    assert told == ["r", "9 calibration samples of d", "nats"]
    kept = [each for each in proto.metadata_props if not each.key.startswith("sensitivity.")]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    for each in proto.graph.node:
        each.ClearField("doc_string")
        del each.metadata_props[:]
    bare = model.proto()
    for each in bare.graph.node:
        each.ClearField("doc_string")
        del each.metadata_props[:]
    assert proto == bare
