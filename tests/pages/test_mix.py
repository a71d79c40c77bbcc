"""Page Mixed precision: what is asked, the search as a job, and the ways on from what it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from tests.pages.app import check_cancel, open_app, texts, when_ended

PAGE = "pages/mix.py"


def _opened(folder: Path, recipe: str = "w8a8", **choices: Any) -> AppTest:
    """The page in a session that has chosen these."""
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "recipe": recipe, "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def test_without_a_model_the_page_offers_one() -> None:
    """And then says what it will do."""
    app = open_app(PAGE)
    next(b for b in app.button if b.label == "Start with the digits sample").click().run()
    assert not app.exception
    assert "each gets a format of its own for its weights" in texts(app)


def test_a_recipe_without_weights_on_a_grid_has_a_way_out(workspace_folder: Path) -> None:
    """A float recipe says so, and w8a8 is a click away."""
    app = _opened(workspace_folder, "name: nothing\nweights: null\nactivations: null")
    assert "nothing to mix" in texts(app)
    next(b for b in app.button if b.label == "Take w8a8").click().run()
    assert app.session_state["qexplorer_state"].recipe == "w8a8"


def test_a_single_format_cannot_be_started(workspace_folder: Path) -> None:
    """The button says what is missing."""
    app = _opened(workspace_folder, mix_choices=["int8"])
    assert app.button("mix_start").disabled


def test_a_mix_is_found_drawn_and_taken_over(workspace_folder: Path) -> None:
    """The job's result has its pictures, a slider that is solved exactly, and becomes the session's recipe."""
    app = _opened(workspace_folder, mix_share=55)
    app.button("mix_start").click().run()
    job = when_ended(app, "mix")
    assert job.status == "done", job.error
    app.run()
    assert not app.exception
    assert not app.error
    assert "samples kept apart" in texts(app)
    slider = next(each for each in app.slider if each.label.startswith("What if"))
    slider.set_value(slider.max).run()
    assert "Solved exactly at 100.0 %" in texts(app)
    app.button("mix_take_other").click().run()
    taken = Recipe.parse(app.session_state["qexplorer_state"].recipe)
    assert taken.weights is not None
    assert taken.weights.format == "int8"
    assert not taken.layers


def test_a_search_can_be_cancelled(workspace_folder: Path) -> None:
    """It says so and offers the start again."""
    check_cancel(_opened(workspace_folder), "mix")
