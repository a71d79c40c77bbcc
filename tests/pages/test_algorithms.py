"""Page Better rounding: what algorithms changed, and how they work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.effects import EFFECTS, EffectsOrder
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
    """Outputs are compared on samples: without any the button is off and its help names the place to choose them."""
    (workspace_folder / "sessions").mkdir(parents=True)
    value = {"model": "tumour_mlp", "data": None, "recipe": "w3-adaround"}
    (workspace_folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    app = open_app(PAGE, session="the-session")
    assert app.button("effects_start").disabled
    assert "Choose data" in app.button("effects_start").help
