"""Page Repair: the button, the log, and the ways on."""

from __future__ import annotations

import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from tests.pages.app import check_cancel, open_app, texts, when_ended

PAGE = "pages/repair.py"


def _opened(folder: Path, recipe: str) -> AppTest:
    """The page in a session that has chosen this recipe."""
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "recipe": recipe}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def test_without_a_model_and_with_a_float_recipe_there_is_a_way_on(workspace_folder: Path) -> None:
    """A sample is a click away, and a float recipe says that there is nothing to repair."""
    app = open_app(PAGE)
    assert any(b.label == "Start with the digits sample" for b in app.button)
    app = _opened(workspace_folder, "name: nothing\nweights: null\nactivations: null")
    assert "nothing to repair" in texts(app)


def test_a_repair_is_logged_and_taken_over(workspace_folder: Path) -> None:
    """The job's log is drawn, and the repaired recipe becomes the session's."""
    app = _opened(workspace_folder, "w2a8")
    app.button("repair_start").click().run()
    job = when_ended(app, "repair")
    assert job.status == "done", job.error
    app.run()
    assert not app.exception
    assert not app.error
    assert "won back" in texts(app)
    assert "What was tried" in texts(app)
    app.button("repair_take").click().run()
    assert Recipe.parse(app.session_state["qexplorer_state"].recipe).digest != Recipe.parse("w2a8").digest


def test_a_repair_can_be_cancelled(workspace_folder: Path) -> None:
    """It says so and offers the start again."""
    check_cancel(_opened(workspace_folder, "w2a8"), "repair")
