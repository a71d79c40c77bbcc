"""Page Architecture: for whom there is a search, and what can be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.search.architecture.architecture_types import (
    ArchitectureQuestion,
    ArchitectureReport,
    JudgedNetwork,
    TriedNetwork,
)
from qexplorer.search.architecture.attempt import loaded
from qexplorer.search.architecture.networks import as_onnx, as_torch, folded
from qexplorer.search.architecture.shapes import NetworkShape
from qexplorer.ui.job_section import JobSection
from tests.pages.app import check_cancel, failed_job, open_app, texts

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


def test_a_found_network_is_drawn_and_opened(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It becomes the session's model, with the same data and its bits as the recipe."""
    shape = NetworkShape(6, 1, 3, True, "relu", "w4a8")
    file = as_onnx(shape, "image", (1, 32, 32), 10, folded(shape, 1, as_torch(shape, 1, 10)))
    network = loaded(file.SerializeToString(), shape)
    made = JudgedNetwork("digits_cnn", None, "w8a8", 594, 597, 153_170, 175_371, 0.15, (0.14, 0.16), True, "0" * 64)
    found = JudgedNetwork(
        shape.name, shape, "w4a8-qat", 590, 597, 1_000, 9_000, 0.03, (0.02, 0.04), True, network.sha256
    )
    tried = TriedNetwork(shape, 1, 2, right=120, float_right=121, n=128, weight_bytes=1_000, macs=10)
    asked = ArchitectureQuestion(networks=2)
    report = ArchitectureReport("digits_cnn", "digits", asked, 384, 128, (tried,), (made, found), 1.0)
    with monkeypatch.context() as patch:
        patch.setattr(JobSection, "job", lambda _self: failed_job("architecture", report))
        app = _opened(workspace_folder, "digits_cnn", "digits")
    assert "What was found until then" in texts(app)
    assert "153 times smaller" in texts(app)
    monkeypatch.setattr(JobSection, "result", lambda _self: report)
    app = _opened(workspace_folder, "digits_cnn", "digits")
    assert not app.exception
    assert "153 times smaller" in texts(app)
    files = [each.proto.label for each in app.get("download_button") if each.proto.label.endswith("ONNX")]
    assert files == ["Float ONNX"]  # this one's quantized file was never written
    app.button("architecture_open").click().run()
    state = app.session_state["qexplorer_state"]
    assert state.recipe == "w4a8"
    assert (state.data, state.choices["model_name"]) == ("digits", shape.name)
    assert network.sha256 in state.model


def test_a_search_can_be_cancelled(workspace_folder: Path) -> None:
    """It says so and offers the start again."""
    check_cancel(_opened(workspace_folder, "digits_cnn", "digits"), "architecture")
