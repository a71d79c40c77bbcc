"""Page Better rounding: what algorithms changed, and how they work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.effects import EFFECTS, EffectsOrder
from qexplorer.jobs.kinds.lesson import LESSON, LessonOrder
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.measure.lessons.making import lesson_of, teachable
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import check_cancel, open_app, texts, when_ended

PAGE = "pages/algorithms.py"


def _opened(folder: Path, recipe: str, **choices: Any) -> AppTest:
    """The page in a session that has chosen these."""
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "recipe": recipe, "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def _charts(app: AppTest) -> list[Any]:
    return [chart for kind in ("vega_lite_chart", "arrow_vega_lite_chart") for chart in app.get(kind)]


def test_without_a_model_the_page_offers_one() -> None:
    """The first sample becomes the session's model, and the page then says what to add."""
    app = open_app(PAGE)
    next(b for b in app.button if b.label == "Start with the digits sample").click().run()
    assert not app.exception
    assert app.session_state["qexplorer_state"].model == "digits_cnn"
    assert "rounds every weight to its nearest level" in texts(app)


@pytest.mark.parametrize(("key", "name"), [("add_adaround", "w4a8-adaround"), ("add_equalize", "w4a8-equalize")])
def test_a_recipe_that_rounds_to_nearest_is_offered_an_algorithm(workspace_folder: Path, key: str, name: str) -> None:
    """One click adds it to the session's recipe, and the page then offers to find what it changes."""
    app = _opened(workspace_folder, "w4a8")
    app.button(key).click().run()
    assert not app.error
    assert app.session_state["qexplorer_state"].recipe == name
    assert app.button("effects_start").label == "Find what changed"


def test_a_float_recipe_has_a_way_out(workspace_folder: Path) -> None:
    """Where nothing is rounded the page says so, and w4a8 is a click away."""
    app = _opened(workspace_folder, "name: nothing\nweights: null\nactivations: null")
    assert "nothing is rounded" in texts(app)
    app.button("take_w4a8").click().run()
    assert Recipe.parse(app.session_state["qexplorer_state"].recipe) == Recipe.parse("w4a8")


def test_what_changed_is_found_by_a_job_and_drawn(workspace_folder: Path) -> None:
    """The button starts one job; its result is a picture of all layers, one layer before and after, and a table."""
    app = _opened(workspace_folder, "w3-equalize-adaround")
    app.button("effects_start").click().run()
    job = when_ended(app, "effects")
    order = EFFECTS.order_of(job)
    assert order == EffectsOrder(model=MODEL, data=DATA, recipe="w3-equalize-adaround")
    app.run()
    assert not app.exception
    assert not app.error
    said = texts(app)
    assert "Cross-layer equalization: the SQNR of the network's outputs" in said
    assert "against w3-adaround; it took" in said
    assert len(_charts(app)) == 4, "gains, before, after, and the reach of channels"
    table = app.dataframe[0].value
    assert {"layer", "gain (dB)", "codes moved", "seconds", "what it says"} <= set(table.columns)
    app.button_group("keep:effect_algorithm").set_value("adaround").run()
    assert "AdaRound: the SQNR of the network's outputs" in texts(app)
    assert "of its codes moved" in texts(app)
    assert len(_charts(app)) == 3


def test_it_can_be_cancelled(workspace_folder: Path) -> None:
    """A job at work has a Cancel, after which it can be started again."""
    check_cancel(_opened(workspace_folder, "w3-adaround"), "effects")


def test_without_data_the_button_says_what_is_lacking(workspace_folder: Path) -> None:
    """Outputs are compared on samples: without any the button is off, and below it stands where to choose them."""
    (workspace_folder / "sessions").mkdir(parents=True)
    value = {"model": "tumour_mlp", "data": None, "recipe": "w3-adaround"}
    (workspace_folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    app = open_app(PAGE, session="the-session")
    assert app.button("effects_start").disabled
    assert "Choose data" in app.button("effects_start").help
    assert any("Choose data" in caption.value for caption in app.caption)


LESSONS = ["adaround", "gptq", "ste", "lsq", "scaled"]


def _taught(folder: Path, view: str, recipe: str = "w4a8", **choices: Any) -> AppTest:
    """The view of a layer that was looked into before."""
    model = load_model("tumour_mlp")
    layer = teachable(model)[0]
    lesson_of(model, fit_to_model(load_data("tumour"), model), Recipe.parse(recipe), layer)
    return _opened(folder, recipe, rounding_view=view, tensor_lesson_layer=layer, **choices)


@pytest.mark.parametrize(("view", "charts"), [("adaround", 3), ("gptq", 3), ("ste", 4), ("lsq", 2), ("scaled", 2)])
def test_each_algorithm_is_shown_on_a_layer(workspace_folder: Path, view: str, charts: int) -> None:
    """Pictures, the sentence on them and what they are of, at every width, without a job."""
    app = _taught(workspace_folder, view)
    for bits in (2, 8, 4):
        name = "lesson_bits_scaled" if view == "scaled" else "lesson_bits"
        app.select_slider(f"keep:{name}").set_value(bits).run()
        assert not app.exception
        assert not app.error
        assert len(_charts(app)) == charts
    said = texts(app)
    assert "calibration samples" in said
    assert not app.session_state["qexplorer_state"].jobs


@pytest.mark.parametrize("view", LESSONS)
def test_a_layer_is_looked_into_by_one_job(workspace_folder: Path, view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is known of a layer each view offers the same job, whatever algorithms the recipe has."""
    asked = []
    monkeypatch.setattr("qexplorer.jobs.manager.submit", lambda kind, order, _: asked.append((kind, order)) or "x")
    app = _opened(workspace_folder, "w8a8", rounding_view=view)
    layers = teachable(load_model("tumour_mlp"))
    app.button("lesson_start").click().run()
    assert asked == [(LESSON, LessonOrder(model=MODEL, data=DATA, recipe="w8a8", layer=layers[1]))]


def test_looking_into_a_layer_draws_it(workspace_folder: Path) -> None:
    """After the job the pictures are there without another click."""
    app = _opened(workspace_folder, "w4a8", rounding_view="adaround")
    app.button("lesson_start").click().run()
    assert when_ended(app, "lesson").error is None
    app.run()
    assert not app.error
    assert len(_charts(app)) == 3
    assert "AdaRound chose" in texts(app)


def test_columns_are_rounded_by_a_slider(workspace_folder: Path) -> None:
    """The sentence follows: nothing is rounded, some columns are, all are."""
    app = _taught(workspace_folder, "gptq", lesson_bits=3)
    slider = app.slider("keep:tensor_lesson_done")
    slider.set_value(0).run()
    assert "Nothing is rounded yet" in texts(app)
    app.slider("keep:tensor_lesson_done").set_value(5).run()
    assert f"5 of {int(slider.max)} weights are on the grid" in texts(app)
    app.slider("keep:tensor_lesson_done").set_value(slider.max).run()
    assert f"All {int(slider.max)} weights are on the grid" in texts(app)


def test_training_is_clicked_through(workspace_folder: Path) -> None:
    """Each click is a step with weight, gradient and what becomes of the code; another channel begins anew."""
    app = _taught(workspace_folder, "ste", lesson_bits=3)
    assert "take a step" in texts(app)
    app.button("lesson_step").click().run()
    assert "Step 1: weight" in texts(app)
    app.button("lesson_ten").click().run()
    assert "Step 11: weight" in texts(app)
    assert "gradient" in texts(app)
    app.selectbox("keep:tensor_lesson_channel").select_index(1).run()
    assert not app.exception
    assert "take a step" in texts(app)
    app.button("lesson_step").click().run()
    app.button("lesson_back").click().run()
    assert "take a step" in texts(app)


def test_a_scale_goes_down_its_curve(workspace_folder: Path) -> None:
    """At first nothing is clipped; later some weights are, and the error is less."""
    app = _taught(workspace_folder, "lsq", lesson_bits=3)
    app.slider("keep:lesson_scale_step").set_value(0).run()
    assert "After 0 steps" in texts(app)
    assert "0.0 % of the weights are clipped" in texts(app)
    app.slider("keep:lesson_scale_step").set_value(120).run()
    assert "After 120 steps" in texts(app)
    assert not app.error


def test_size_is_moved_between_channels(workspace_folder: Path) -> None:
    """A control says how much, another against what; a first layer has nothing in front, and says so."""
    app = _taught(workspace_folder, "scaled")
    assert "At alpha 0.5 the largest channel has" in texts(app)
    assert "No layer stands in front whose channels keep a factor" in texts(app)
    app.select_slider("keep:lesson_alpha").set_value(1.0).run()
    assert "At alpha 1 the largest channel" in texts(app)
    model = load_model("tumour_mlp")
    second = teachable(model)[1]
    lesson_of(model, fit_to_model(load_data("tumour"), model), Recipe.parse("w4a8"), second)
    app.selectbox("keep:tensor_lesson_layer").set_value(second).run()
    app.selectbox("keep:lesson_side").set_value("front").run()
    assert not app.exception
    assert "Equalization takes alpha 0.5" in texts(app)
    assert "both weights with one scale each, as weights alone have it" in texts(app)


def test_lessons_need_data(workspace_folder: Path) -> None:
    """Without data the button says what is lacking."""
    (workspace_folder / "sessions").mkdir(parents=True)
    value = {"model": "tumour_mlp", "data": None, "recipe": "w4", "choices": {"rounding_view": "gptq"}}
    (workspace_folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    app = open_app(PAGE, session="the-session")
    assert app.button("lesson_start").disabled
    assert "Choose data" in app.button("lesson_start").help
