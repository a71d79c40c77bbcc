"""Where models come from: cards of the samples, and files of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.load.samples.shelf import Sample
from qexplorer.ui.model import gallery
from tests.ui.screens import screen_of

NET = Sample("net", "A net", "It tells.", "classes", True, "points", "MIT", "CC0-1.0", 0.9, 10, 12_345, None, "table")


@pytest.mark.parametrize(("count", "rows"), [(0, 0), (3, 1), (4, 2), (7, 3)])
def test_cards_stand_in_rows_of_three(count: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sample once, in order; the last row may have fewer."""
    drawn: list[str] = []
    screen = screen_of(monkeypatch, gallery)
    monkeypatch.setattr(gallery, "samples", lambda: {str(i): replace(NET, name=str(i)) for i in range(count)})
    monkeypatch.setattr(gallery, "_card", lambda sample: drawn.append(sample.name))
    gallery.draw_gallery()
    assert drawn == [str(i) for i in range(count)]
    assert [args[0] for args, _ in screen.of("columns")] == [3] * rows


@pytest.mark.parametrize(("chosen", "label"), [("net", "Chosen"), ("other", "Use net")])
def test_a_card_says_what_a_sample_is(chosen: str, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its facts say is not said twice; it comes with its data."""
    taken: list[Any] = []
    monkeypatch.setattr(gallery, "state", lambda: SimpleNamespace(model=chosen))
    monkeypatch.setattr(gallery, "choose_model", lambda *args: taken.append(args))
    sample = replace(NET, description="It tells. Untrained: size and latency only.")
    screen = screen_of(monkeypatch, gallery, button=True)
    gallery._card(sample)
    assert screen.labels == [label]
    assert screen.of("button")[0][1]["disabled"] is (chosen == "net")
    assert "It tells.\n" in screen.said + "\n"
    assert "12.3 k parameters · **untrained: size and latency only** · MIT" in screen.said
    assert screen.said.count("ntrained") == 1
    assert taken == [("net", "points")]


@pytest.mark.parametrize(
    ("shared", "pressed", "typed", "error", "did"),
    [
        (False, True, " /tmp/net.onnx ", None, ["/tmp/net.onnx", "rerun", "None"]),
        (False, True, "  ", None, []),
        (False, False, "/tmp/net.onnx", None, []),
        (True, True, "/tmp/net.onnx", None, []),
        (False, True, "/tmp/net.onnx", InputError("no model"), ["/tmp/net.onnx", "no model"]),
    ],
)
def test_a_path_is_loaded_where_nobody_else_is(
    shared: bool, pressed: bool, typed: str, error: Any, did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be used says so."""
    done: list[str] = []
    screen = screen_of(monkeypatch, gallery, form_submit_button=pressed, text_input=typed)

    def take(work: Any, wait: str) -> Any:
        assert "Checking net" in wait.replace("\\", "")
        work()
        return error

    monkeypatch.setattr(gallery, "is_shared", lambda: shared)
    monkeypatch.setattr(gallery, "take", take)
    monkeypatch.setattr(gallery, "take_upload", lambda *_: False)
    monkeypatch.setattr(gallery, "_from_path", done.append)
    monkeypatch.setattr(gallery, "show_error", lambda error: done.append(str(error)))
    gallery.draw_own_file()
    if screen.of("rerun"):
        done.insert(1, "rerun")
    assert done == did


@pytest.mark.parametrize("taken", [True, False])
def test_an_upload_that_was_taken_is_shown(taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By drawing the page anew."""
    screen = screen_of(monkeypatch, gallery)
    monkeypatch.setattr(gallery, "is_shared", lambda: True)
    monkeypatch.setattr(gallery, "take_upload", lambda *_: taken)
    gallery.draw_own_file()
    assert len(screen.of("rerun")) == taken


def test_a_model_of_ones_own_has_no_data_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploaded or by its path, it is called as its file."""
    from qexplorer.load import model

    made = SimpleNamespace(path=Path("kept.onnx"), name="net")
    chosen: list[Any] = []
    monkeypatch.setattr(model, "load_upload", lambda name, path: chosen.append((name, path)) or made)
    monkeypatch.setattr(model, "load_model", lambda source: chosen.append(source) or made)
    monkeypatch.setattr(gallery, "choose_model", lambda *args, **named: chosen.append((args, named)))
    gallery._from_upload("net.onnx", Path("up"))
    gallery._from_path("/a/net.onnx")
    taken = (("kept.onnx", None), {"name": "net"})
    assert chosen == [("net.onnx", Path("up")), taken, "/a/net.onnx", taken]
