"""Page Architecture: for whom there is a search, and what can be asked."""

from __future__ import annotations

import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.pages.app import check_cancel, open_app, texts

PAGE = "pages/architecture.py"


def _opened(folder: Path, model: str, data: str) -> AppTest:
    """The page in a session with this model."""
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": model, "data": data, "recipe": "w8a8", "choices": {"architecture_networks": 2}}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def test_a_model_that_sorts_no_pictures_has_no_search(workspace_folder: Path) -> None:
    """It is said which samples do."""
    app = _opened(workspace_folder, "tumour_mlp", "tumour")
    assert "choose digits_cnn" in texts(app)
    assert "architecture_start" not in [button.key for button in app.button]


def test_a_search_can_be_cancelled(workspace_folder: Path) -> None:
    """It says so and offers the start again."""
    check_cancel(_opened(workspace_folder, "digits_cnn", "digits"), "architecture")
