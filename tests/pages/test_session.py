from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tests.pages.app import open_app


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "sessions").glob("*.json"))


def test_reload(workspace_folder: Path) -> None:
    """A reload with the id in the URL finds the model, the recipe and the backend as they were."""
    app = open_app()
    app.button("use_tumour_mlp").click().run()
    session = app.query_params["s"]
    again = open_app(session=session)
    assert again.session_state["qexplorer_state"].model == "tumour_mlp"
    assert again.query_params["s"] == session
    assert len(_files(workspace_folder)) == 1


def test_two_sessions() -> None:
    """Two sessions get ids of their own, and what one chooses is not seen by the other."""
    one, other = open_app(), open_app()
    one.button("use_tumour_mlp").click().run()
    other.run()
    assert one.query_params["s"] != other.query_params["s"]
    assert other.session_state["qexplorer_state"].model is None


def test_damaged_file(workspace_folder: Path) -> None:
    """A session file that cannot be read is like none: the page opens empty and nothing fails."""
    for text in ("{", "[1, 2]", '{"model": "tumour_mlp", "no such field": 1}'):
        folder = workspace_folder / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "damaged-session.json").write_text(text)
        app = open_app(session="damaged-session")
        assert not app.exception
        assert not app.error


def test_strange_id(workspace_folder: Path) -> None:
    """An id in the URL that is not one of ours is never used as a file name."""
    app = open_app(session="../../outside")
    app.button("use_tumour_mlp").click().run()
    assert app.query_params["s"] != "../../outside"
    assert [path.stem for path in _files(workspace_folder)] == [app.query_params["s"]]
    assert not list(workspace_folder.parent.glob("**/outside*"))


def test_vanished_model(workspace_folder: Path) -> None:
    """A session whose model file is gone says so in one sentence and offers to choose another."""
    folder = workspace_folder / "sessions"
    folder.mkdir(parents=True)
    (folder / "vanished-model.json").write_text(json.dumps({"model": "/no/such/model.onnx"}))
    app = open_app(session="vanished-model")
    assert not app.exception
    assert "model.onnx" in app.error[0].value
    next(button for button in app.button if button.label == "Choose another model").click().run()
    assert not app.error
    assert app.session_state["qexplorer_state"].model is None


def test_old_sessions_are_forgotten(workspace_folder: Path) -> None:
    """A session that nobody came back to for a month is removed; a younger one stays."""
    folder = workspace_folder / "sessions"
    folder.mkdir(parents=True)
    for name, days in (("old-session", 31), ("young-session", 29)):
        path = folder / f"{name}.json"
        path.write_text("{}")
        then = time.time() - days * 86400
        os.utime(path, (then, then))
    open_app()
    assert not (folder / "old-session.json").exists()
    assert (folder / "young-session.json").exists()
