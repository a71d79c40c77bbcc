"""Page System, drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from qexplorer.core.disk.limit import VARIABLE, size_limit
from qexplorer.core.workspace import workspace
from qexplorer.machine import description as machine
from qexplorer.machine.gpus import Gpu
from qexplorer.run.registry import BACKENDS
from qexplorer.ui.system import panel as system_panel
from qexplorer.ui.system.disk import usage_html
from tests.pages.app import open_app, texts


@pytest.fixture(autouse=True)
def fresh_diagnosis() -> Iterator[None]:
    """What was found out is kept for half a minute; every test asks anew."""
    system_panel._diagnosis.clear()
    yield
    system_panel._diagnosis.clear()


def test_every_backend_stands_there_and_what_is_missing_says_how_to_get_it() -> None:
    """Each backend has its line; each command that enables one stands in a box of its own to be copied."""
    app = open_app("pages/system.py")
    assert not app.exception
    said = texts(app)
    commands = [box.value for box in app.code]
    for backend in BACKENDS:
        here = backend.availability()
        assert backend.label.split(" (")[0] in said
        if here.enable:
            assert here.enable in commands


def test_a_machine_without_a_gpu_says_what_that_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is no error: the page says which part of the program stays off."""
    monkeypatch.setattr(machine, "gpus_here", tuple)
    app = open_app("pages/system.py")
    assert not app.exception
    assert "No NVIDIA GPU that its driver shows" in texts(app)


def test_a_gpu_is_shown_with_its_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, memory, compute capability and integer support of a GPU stand on the page."""
    gpu = Gpu("Trial GPU", 2**34, "8.9", "600.1", 72.0, ("int8 tensor cores", "fp8 tensor cores"))
    monkeypatch.setattr(machine, "gpus_here", lambda: (gpu,))
    said = texts(open_app("pages/system.py"))
    assert "Trial GPU, 16 GiB, compute capability 8.9: int8 tensor cores, fp8 tensor cores" in said
    assert "Driver 600.1, at most 72 W" in said


def test_the_workspace_is_shown_by_kind_and_its_limit_is_set_there() -> None:
    """What it holds of its limit stands on the page by kind; a new limit is kept and shown."""
    (workspace("models") / "a.onnx").write_bytes(b"x" * 3_000_000)
    app = open_app("pages/system.py")
    assert not app.exception
    bar = next(str(element.proto.body) for element in app.get("html") if "GB used" in str(element.proto.body))
    assert "models <b>3.00 MB</b>" in bar
    assert "free" in bar
    app.number_input[0].set_value(7.0)
    next(button for button in app.button if button.label == "Set").click().run()
    assert not app.exception
    assert size_limit().limit_bytes == 7 * 10**9
    assert "chosen here" in texts(app)


def test_a_limit_of_the_environment_cannot_be_set_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who started the app decided: the page says by what, and offers no other. One that is no size is told."""
    monkeypatch.setenv(VARIABLE, "3 GB")
    app = open_app("pages/system.py")
    assert f"set by {VARIABLE}" in texts(app)
    assert [button.label for button in app.button if button.label == "Set"] == []
    monkeypatch.setenv(VARIABLE, "huge")
    assert "'huge' is no limit of the workspace" in texts(open_app("pages/system.py"))


def test_what_the_workspace_holds_brings_its_own_look() -> None:
    """A bar as long as the limit, and names that stand apart: no style sheet has classes for them."""
    drawn = usage_html({"models": 3, "<b>": 1}, 8)
    assert [float(share) for share in re.findall(r"flex:([0-9.]+) 0 0", drawn)] == [0.375, 0.125, 0.5]
    assert "class=" not in drawn
    assert drawn.count("display:flex") == 2
    assert "&lt;b&gt; <b>1 B</b>" in drawn
