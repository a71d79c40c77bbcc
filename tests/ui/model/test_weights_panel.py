"""Weights without a model: which files are meant, and what the model is called."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.ui.model import weights_panel
from tests.ui.screens import screen_of


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ([], []),
        (["config.json"], []),
        (["a.safetensors"], [0]),
        (["a.safetensors", "Config.JSON"], [0, 1]),
        (["config.json", "a.pt", "other.json", "b.pt"], [3, 2]),
    ],
)
def test_the_latest_weights_and_settings_are_meant(names: list[str], places: list[int]) -> None:
    """Settings alone are nothing yet."""
    assert weights_panel.meant(names, [True] * len(names)) == places


@pytest.mark.parametrize(
    ("architecture", "waits"), [("transformers:bert", True), ("timm:resnet", False), ("own", False), (None, False)]
)
def test_refused_weights_wait_for_their_settings(architecture: str | None, waits: bool) -> None:
    """Those of transformers alone have some."""
    assert weights_panel._waits(architecture)("a.safetensors") is waits


@pytest.mark.parametrize(
    ("name", "stem", "shown"),
    [("net.safetensors", "net", "net.safetensors"), ("C:\\w\\net.pt", "net", None), ("", "weights", "")],
)
def test_a_model_is_called_as_its_weights(
    name: str, stem: str, shown: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the folder, of whatever system it came from; settings go along where there are some."""
    from qexplorer.load.weights import load

    asked: list[dict[str, Any]] = []
    made = SimpleNamespace(path=Path("made.onnx"), name=stem)
    monkeypatch.setattr(load, "load_weights", lambda *_, **named: asked.append(named) or made)
    monkeypatch.setattr(weights_panel, "choose_model", lambda *args, **named: asked.append({"chosen": args} | named))
    files: list[Any] = [SimpleNamespace(path=Path("a"), name=name), SimpleNamespace(path=Path("b"), name="c.json")]
    for given, config in ((files[:1], None), (files, Path("b"))):
        weights_panel._load_all(given, "own")
        loaded, chosen = asked[-2:]
        assert (loaded["name"], loaded["config"]) == (stem, config)
        assert shown is None or loaded["shown"] == shown
        assert chosen == {"chosen": ("made.onnx", None), "name": stem}


@pytest.mark.parametrize(
    ("architecture", "shared", "pressed", "typed", "error", "did"),
    [
        ("own", False, True, " /tmp/net.pt ", None, ["load net.pt as own", "rerun"]),
        ("own", False, True, "/tmp/net.pt", InputError("no weights"), ["load net.pt as own", "no weights"]),
        ("own", False, True, "  ", None, []),
        ("own", False, False, "/tmp/net.pt", None, []),
        ("own", True, True, "/tmp/net.pt", None, []),
        (None, False, False, "", None, []),
    ],
)
def test_weights_come_once_their_architecture_is_chosen(
    architecture: str | None,
    shared: bool,
    pressed: bool,
    typed: str,
    error: Any,
    did: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a path only where nobody else is; settings alone wait for their weights."""
    done: list[str] = []
    files = [SimpleNamespace(name="config.json")]
    screen = screen_of(monkeypatch, weights_panel, selectbox=architecture, form_submit_button=pressed, text_input=typed)
    screen.answers["Upload the weights"] = files

    def take(work: Any, wait: str) -> Any:
        assert wait.startswith("Reading net.pt and exporting own")
        work()
        return error

    monkeypatch.setattr(weights_panel, "is_shared", lambda: shared)
    monkeypatch.setattr(weights_panel, "take", take)
    monkeypatch.setattr(weights_panel, "take_files", lambda *_, **__: False)
    monkeypatch.setattr(weights_panel, "_load", lambda _, name, kind: done.append(f"load {name} as {kind}"))
    monkeypatch.setattr(weights_panel, "show_error", lambda error: done.append(str(error)))
    monkeypatch.setattr(weights_panel, "given_path", Path)
    weights_panel.draw_weights()
    done = [each for each in done if each != "None"] + ["rerun"] * len(screen.of("rerun"))
    assert done == did
    assert screen.of("file_uploader")[0][1]["disabled"] is (architecture is None)
    assert screen.said == "These are settings; now the weights that they belong to."
    assert screen.of("selectbox")[0][1]["accept_new_options"]
    for _, named in screen.of("form_submit_button"):
        assert named["disabled"] is (architecture is None)
