"""What page Distributions draws below its editor: channels, before and after, one value, and the files of both."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.observe.editing.spoiler import Spoiler
from qexplorer.observe.weights import array_stats
from qexplorer.ui.distributions import (
    before_after,
    channel_charts,
    channels,
    charts,
    editor,
    needed,
    one_value,
    panel,
    tensor,
    to_recipe,
    together,
)
from qexplorer.ui.distributions.controls import INTEGERS, Settings
from qexplorer.ui.distributions.drawn_grid import drawn, view_of
from tests.pages.test_how_much_data import _found as measured
from tests.ui.screens import screen_of

VALUES = np.array([[1.0, -0.5, 0.25, 0.0], [0.25, -4.0, 2.0, 1.0]], np.float32)
WEIGHT = array_stats("w", VALUES, 0)
TENSOR = Settings("weight", INTEGERS, 8, True, "tensor", 32, True, "minmax", (), None)
CHANNEL = replace(TENSOR, granularity="channel")
NET: Any = SimpleNamespace(name="net", sha256="a")


def _view(settings: Settings) -> Any:
    return view_of("below", "w", settings, WEIGHT)


@pytest.mark.parametrize(
    ("settings", "channel", "count", "grid"),
    [
        (TENSOR, None, 8, True),
        (TENSOR, 1, 4, True),
        (CHANNEL, None, 8, False),
        (CHANNEL, 1, 4, True),
    ],
)
def test_a_channel_is_drawn_with_its_own_values_and_grid(
    settings: Settings, channel: int | None, count: int, grid: bool
) -> None:
    """All values have the one grid, or the ends of all grids."""
    view = _view(settings)
    found = drawn("below", WEIGHT, view, channel)
    assert (found.histogram.count, found.grid is not None, found.channel) == (count, grid, channel)
    assert found.span == (view.low, view.high)
    if channel is not None:
        assert found.grid is not None
        assert float(found.grid.high) == pytest.approx(4.0, rel=0.02)
    without = drawn("below", replace(WEIGHT, array=None), view, 1)
    assert (without.histogram.count, without.channel) == (8, None)


@pytest.mark.parametrize(
    ("settings", "channel", "curve"), [(TENSOR, None, True), (TENSOR, 1, False), (CHANNEL, None, False)]
)
def test_a_curve_is_of_one_grid_over_all_values(
    settings: Settings, channel: int | None, curve: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The histogram can be saved with any; its bars hold every value that there is."""
    saved: list[Any] = []
    monkeypatch.setattr(charts, "draw_saving_later", lambda make, _, *, label, **__: saved.append((label, make)))
    shown = drawn("below", WEIGHT, _view(settings), channel)
    judged = editor.Tried(WEIGHT, "below", 1.0)
    charts.draw_files(NET, judged, settings, shown, log=False, bent=False)
    assert [label for label, _ in saved] == ["Save histogram", *(["Save curve"] if curve else [])]
    for bent in (False, True):
        info = charts._histogram_info(NET, WEIGHT, shown, log=False, bent=bent)
        assert sum(bar.count for bar in info.bars) == shown.histogram.count
        assert (info.bend is not None) is bent
    assert info.title == "w of net" + ("" if channel is None else f", channel {channel}")
    text = charts._grid_text(settings, shown, info)
    if shown.grid is None:
        assert text.endswith("each channel with a grid of its own, the lines mark the widest")
    else:
        assert ": 255 levels, 0.03" in text
        assert f"from {float(shown.grid.low):.4g} to {float(shown.grid.high):.4g}" in text


@pytest.mark.parametrize(
    ("shown", "judged", "drawn_", "words"),
    [
        ("in order", True, "ranges", ""),
        ("widest first", True, "widest", ""),
        ("heat map", True, "heat", ""),
        ("error by channel", True, "error", ""),
        ("error by channel", False, None, "Channels are judged when each value is: ask for it above."),
    ],
)
def test_channels_are_drawn_as_the_control_says(
    shown: str, judged: bool, drawn_: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors only where they are known."""
    told: list[str] = []
    screen = screen_of(monkeypatch, channel_charts, segmented_control=shown)
    spec: Any = {"title": {"text": "t", "subtitle": ["s"]}, "height": 9}
    ranges = lambda *_, by_range: told.append("widest" if by_range else "ranges") or (spec, [])  # noqa: E731
    monkeypatch.setattr(channel_charts, "_ranges", ranges)
    heat = lambda *_, error: told.append("error" if error else "heat") or (spec, [])  # noqa: E731
    monkeypatch.setattr(channel_charts, "_heat", heat)
    monkeypatch.setattr(channel_charts, "_spoiler", lambda *_: None)
    view = _view(CHANNEL)
    view = view if judged else replace(view, channels=None)
    channel_charts.draw_channels(NET, editor.Tried(WEIGHT, "below", 1.0), CHANNEL, view)
    assert told == ([drawn_] if drawn_ else [])
    assert len(screen.of("vega_lite_chart")) == len(screen.of("draw_saving")) == len(told)
    assert words in screen.said


@pytest.mark.parametrize(
    ("error", "title"),
    [(True, "Error of the 2 channels of w"), (False, "Ranges of the 2 channels of w")],
)
@pytest.mark.parametrize(("gain", "marked"), [(3.0, True), (0.5, False), (None, False)])
def test_the_channel_that_spoils_is_marked(error: bool, title: str, gain: float | None, marked: bool) -> None:
    """Not one without which hardly anything is gained; reach is that of the larger side."""
    found = None if gain is None else Spoiler(1, 4.0, 1.0, gain)
    spec, _ = channel_charts._heat(NET, WEIGHT, _view(CHANNEL), found, error=error)
    assert spec["title"]["text"].startswith(title)
    assert [row["spoils"] for row in spec["datasets"]["channels"]] == [False, marked]
    assert [row["reach"] for row in spec["datasets"]["channels"]] == [1.0, 4.0]


def test_a_click_on_a_channel_draws_it_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """A click beside all of them draws all values again."""
    given: dict[str, Any] = {}
    screen = screen_of(monkeypatch, channel_charts)
    monkeypatch.setattr(channel_charts, "chosen", given.__setitem__)
    for selection, kept in (({"channel": [{"channel": 3.0}]}, 3), ({"channel": []}, None), ({}, None), (None, None)):
        screen.session_state["channels"] = {"selection": selection}
        channel_charts._pick_channel("w")
        assert given == {"tensor_channel:w": kept}


@pytest.mark.parametrize(
    ("kept", "captions", "pictures"), [(None, 0, 2), (TENSOR, 1, 2), (replace(TENSOR, bits=4), 1, 3), (CHANNEL, 2, 2)]
)
def test_before_and_after_stand_beside_what_was_kept(
    kept: Settings | None, captions: int, pictures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, where it is the one in use; where each channel has levels of its own that is said."""
    screen = screen_of(monkeypatch, before_after)
    screen.session_state["distributions_kept"] = {"w": kept}
    view = _view(TENSOR)
    before_after.draw_before_after(NET, WEIGHT, "below", TENSOR, view, drawn("below", WEIGHT, view, None))
    assert len(screen.of("draw_chart")) == pictures
    assert len(screen.of("caption")) == captions
    offered = ["Keep this setting beside others"] if kept is None else ["Keep this one instead", "Forget it"]
    assert screen.labels == offered
    assert ("which is the one in use" in screen.said) is (kept == TENSOR)
    assert ("choose a channel to see them" in screen.said) is (kept == CHANNEL)
    for (_, named), value in zip(screen.of("button"), (TENSOR, None), strict=False):
        named["on_click"](*named["args"])
        assert before_after.kept_setting("w") == value


@pytest.mark.parametrize(
    ("place", "typed", "said"),
    [
        (None, None, "The value at [1, 1] of an array of shape 2 by 4."),
        (2, None, "The value at [0, 2] of an array of shape 2 by 4."),
        (2, 0.7, "Your value, as if it stood at [0, 2] of"),
    ],
)
def test_one_value_is_followed(
    place: int | None, typed: float | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the largest magnitude at first; under one scale for all the editor has it."""
    answers = {"Position": place, "Value instead": typed}
    screen = screen_of(monkeypatch, one_value, **answers)
    one_value.draw_one_value(WEIGHT, _view(CHANNEL).grid)
    assert said in screen.said
    assert screen.of("number_input")[0][0][1:3] == (0, 7)
    steps = screen.of("dataframe")[0][0][0]
    assert len(steps) > 1
    screen = screen_of(monkeypatch, one_value)
    one_value.draw_one_value(WEIGHT, _view(TENSOR).grid)
    assert ("One scale serves the whole tensor" in screen.said, screen.of("number_input")) == (True, [])


@pytest.mark.parametrize(("draws", "words"), [(1, "1 draw, "), (3, "3 draws, ")])
def test_how_much_data_is_drawn_by_what_is_known(draws: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture for each of error, range and metric that has values."""
    subtitles: list[str] = []
    monkeypatch.setattr(needed, "data_needed_spec", lambda *_, subtitle, **__: subtitles.append(subtitle) or {})
    for metric, count in ((True, 3), (False, 2)):
        screen = screen_of(monkeypatch, needed)
        needed.draw_needed(NET, replace(measured(metric), draws=draws))
        assert len(screen.of("draw_chart")) == count
    assert {words in subtitle for subtitle in subtitles} == {True}


@pytest.mark.parametrize(
    ("about", "shares", "channel", "words"),
    [
        (False, False, None, "Each channel has a grid of its own; the lines mark the widest. Choose a channel"),
        (False, True, None, "drag to give all the same share of their ranges."),
        (True, False, None, "from bins of the values."),
        (False, False, 1, "Channel 1. Exactly "),
    ],
)
def test_an_error_is_told_as_exactly_as_it_is_known(about: bool, shares: bool, channel: int | None, words: str) -> None:
    """Of what is drawn, and of the whole where that is a part of it."""
    view = _view(CHANNEL)
    said = editor.said_of(view, drawn("below", WEIGHT, view, channel), CHANNEL, shares=shares, about=about)
    assert words in said
    assert ("About " in said) is about
    assert ("The whole tensor, channel by channel: " in said) is (channel is not None)
    one = _view(TENSOR)
    part = editor.said_of(one, drawn("below", WEIGHT, one, 0), TENSOR)
    assert "The whole tensor, on one grid: " in part
    whole = editor.said_of(one, drawn("below", WEIGHT, one, None), TENSOR)
    assert whole.startswith("Exactly ")
    assert "whole tensor" not in whole


def test_rows_of_channels_have_what_is_known_of_them() -> None:
    """Grids and errors where they were judged; moments always; what takes another pass once it was done."""
    detail = channels._of_weight("a", "w", WEIGHT)
    full = channels.channel_rows(WEIGHT, _view(CHANNEL), detail)
    assert list(full["channel"]) == [0, 1]
    assert list(full["smallest"]) == [-0.5, -4.0]
    assert {"kurtosis", "zeros", "SQNR (dB)", "grid from"} <= set(full)
    bare = channels.channel_rows(WEIGHT, replace(_view(CHANNEL), channels=None), None)
    assert set(bare) == {"channel", "smallest", "largest", "mean", "std"}
    blocks = replace(_view(CHANNEL), channels=None)
    assert "SQNR (dB)" not in channels.channel_rows(WEIGHT, blocks, detail)


LAYERS = (
    SimpleNamespace(name="conv", op="Conv", weight="w", weight_shape=(2, 4), inputs=("x",), outputs=("y",)),
    SimpleNamespace(name="relu", op="Relu", weight=None, weight_shape=(), inputs=("y",), outputs=("z",)),
)


@pytest.mark.parametrize(
    ("name", "layer", "label"),
    [
        ("w", "conv", "conv · Conv · 2 × 4"),  # noqa: RUF001
        ("y", "conv", "conv · Conv · output y"),
        ("x", "conv", "conv · Conv · input x"),
        ("z", "relu", "relu · Relu · output z"),
        ("other", None, "other"),
    ],
)
def test_a_tensor_is_looked_for_by_its_layer(name: str, layer: str | None, label: str) -> None:
    """That which writes it goes before that which reads it."""
    model: Any = SimpleNamespace(layers=LAYERS)
    found = tensor.layer_of(model, name)
    assert (None if found is None else found.name) == layer
    assert tensor.tensor_label(model, name) == label


@pytest.mark.parametrize(
    ("clip", "kind", "granularity", "buttons"),
    [
        (None, "weight", "tensor", ["For all weights", "Only for conv"]),
        ((-1.0, 1.0), "weight", "tensor", []),
        (None, "activation", "tensor", ["For all activations", "Only for conv"]),
    ],
)
def test_a_grid_is_taken_over_for_all_or_for_one(
    clip: Any, kind: str, granularity: str, buttons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines drawn by hand belong to one tensor alone."""
    taken: list[Recipe] = []
    settings = replace(TENSOR, kind=kind, clip=clip, granularity=granularity, signed=kind == "weight")
    settings = replace(settings, symmetric=kind == "weight")
    monkeypatch.setattr(to_recipe, "current_recipe", lambda: Recipe.parse("w8a8"))
    monkeypatch.setattr(to_recipe, "set_recipe", taken.append)
    monkeypatch.setattr(to_recipe, "layer_of", lambda *_: LAYERS[0])
    stats: Any = SimpleNamespace(kind=kind, name="w")
    screen = screen_of(monkeypatch, to_recipe, **dict.fromkeys(buttons, True))
    to_recipe.draw_use_in_recipe(NET, stats, settings)
    assert screen.labels == buttons
    assert [len(recipe.layers) for recipe in taken] == ([0, 1] if buttons else [])
    assert ("belong to this one tensor" in screen.said) is (clip is not None)


def test_exactness_is_asked_for_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a drag of many values is told from bins; one that was asked for stays so until the settings change."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(together, "chosen", kept.__setitem__)
    monkeypatch.setattr(together, "choice", lambda name, default: kept.get(name, default))
    monkeypatch.setattr(together, "_MANY", 1)
    dragged = replace(CHANNEL, numbers="nf4", calibrator="ratio", options=(("ratio", 0.5),))
    assert not together._exactly(WEIGHT, dragged, "")
    together.ask_exactly("w", dragged)
    assert together._exactly(WEIGHT, dragged, "")
    assert not together._exactly(WEIGHT, dragged, "beside_")
    assert not together._exactly(WEIGHT, replace(dragged, options=(("ratio", 0.6),)), "")
    for changes in (
        {"calibrator": "minmax", "options": ()},
        {"granularity": "tensor"},
        {"clip": (-1.0, 1.0)},
        {"options": (("ratio", 1.0),)},
        {"numbers": INTEGERS},
    ):
        assert together._exactly(WEIGHT, replace(dragged, **changes), ""), changes
    assert together._exactly(replace(WEIGHT, array=None), dragged, "")
    monkeypatch.setattr(together, "_MANY", 8)
    assert together._exactly(WEIGHT, dragged, "")


@pytest.mark.parametrize(("asked", "closer"), [("Nothing more", None), ("Side by side", "Side by side")])
def test_what_is_looked_at_closer(asked: str, closer: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing at first."""
    screen_of(monkeypatch, panel, segmented_control=asked, selectbox=asked)
    assert panel._closer() == closer
