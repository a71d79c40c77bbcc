"""What page Architecture says and offers of reports with known numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.ui.architecture import panel as architecture
from tests.report.network_charts.test_network_words import FOUND, MADE, SHAPE
from tests.report.network_charts.test_network_words import report as networks
from tests.ui.screens import screen_of

MODEL: Any = SimpleNamespace(name="net", untrained=False)


def test_networks_are_drawn_by_what_is_known_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes once some were tried, times once some were timed, a table once some were judged."""
    monkeypatch.setattr(architecture, "network_spec", lambda *_: {})
    from qexplorer.search.architecture.architecture_types import TriedNetwork

    tried = (TriedNetwork(SHAPE, 1, 5),)
    untimed = replace(FOUND, latency_ms=None), replace(MADE, latency_ms=None)
    for report, keys, judged in (
        (networks(), [], False),
        (networks(tried=tried), ["networks_bytesFalse"], False),
        (networks(*untimed, tried=tried), ["networks_bytesFalse"], True),
        (networks(MADE, FOUND, tried=tried), ["networks_bytesFalse", "networks_timeFalse"], True),
    ):
        screen = screen_of(monkeypatch, architecture)
        architecture._draw(MODEL, report)
        assert [named["key"] for _, named in screen.of("draw_picture")] == keys
        assert ("Judged on samples" in screen.said, len(screen.of("dataframe"))) == (judged, int(judged))
        assert len(screen.of("warning")) == int(bool(architecture.unlearned_sentence(report)))


def test_a_network_that_was_found_is_opened_where_its_file_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the one that is as accurate; with its own bits as the recipe and the same data."""
    (tmp_path / "b").touch()
    done: list[object] = []
    monkeypatch.setattr(architecture, "kept_model_path", lambda sha256: tmp_path / sha256)
    monkeypatch.setattr(architecture, "kept_quantized", lambda _: None)
    monkeypatch.setattr(architecture, "state", lambda: SimpleNamespace(data="digits"))
    monkeypatch.setattr(architecture, "choose_model", lambda *args, **named: done.append((args, named)))
    monkeypatch.setattr(architecture, "set_recipe", lambda recipe: done.append(recipe.name))
    screen = screen_of(monkeypatch, architecture, selectbox=FOUND.name, architecture_open=True)
    architecture._ways_on(networks(MADE, FOUND))
    assert done == [((str(tmp_path / "b"), "digits"), {"name": FOUND.name}), SHAPE.recipe]
    assert [args for args, _ in screen.of("switch_page")] == [("pages/quantize.py",)]
    assert screen.labels == ["Open it", "Float ONNX"]
    (tmp_path / "b").unlink()
    screen = screen_of(monkeypatch, architecture)
    architecture._ways_on(networks(MADE, FOUND))
    assert screen.calls == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "untrained", "able"),
    [
        ((None, 1, 8, 8), (None, 10), False, True),
        ((None, 1, 8, 8), (None, 10), True, False),
        ((None, 64), (None, 10), False, False),
        ((None, 1, 8, 8), (None, 10, 4), False, False),
    ],
)
def test_networks_are_made_for_pictures_in_classes(
    inputs: tuple[Any, ...], outputs: tuple[Any, ...], untrained: bool, able: bool
) -> None:
    """Of a trained sample alone."""
    sides = {"inputs": [SimpleNamespace(shape=inputs)], "outputs": [SimpleNamespace(shape=outputs)]}
    model: Any = SimpleNamespace(**sides, untrained=untrained)
    assert architecture._sorts_pictures(model) is able


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (1, "on one processor while nothing else runs, if it is as fast"),
        (3, "on 3 processors while nothing else runs, if they are"),
    ],
)
def test_the_time_of_a_search_for_networks_is_told(places: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By how many processors there are."""
    screen = screen_of(monkeypatch, architecture)
    monkeypatch.setattr(architecture, "places_here", lambda: places)
    monkeypatch.setattr(architecture, "foretold_time", lambda *_: SimpleNamespace(total=120.0))
    architecture._say_time(MODEL, SimpleNamespace(asked={}))  # type: ignore[arg-type]
    assert f"About 2 min for net {words}" in screen.said
