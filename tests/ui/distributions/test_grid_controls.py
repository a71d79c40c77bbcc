"""The controls of a grid on page Distributions: what they offer a tensor, and ranges that are set by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.observe.editing.synthetic import synthetic
from qexplorer.observe.weights import array_stats
from qexplorer.ui.distributions import beside, controls, editor, numbers, together
from qexplorer.ui.distributions.controls import BY_HAND, INTEGERS, Settings
from qexplorer.ui.distributions.drawn_grid import Drawn, view_of
from tests.ui.screens import Screen, screen_of

VALUES = np.array([[1.0, -0.5, 0.25, 0.0], [0.25, -4.0, 2.0, 1.0]], np.float32)
WEIGHT = array_stats("w", VALUES, 0)
SETTINGS = Settings("weight", INTEGERS, 8, True, "tensor", 32, True, "minmax", (), None)
NET: Any = SimpleNamespace(name="net")


@pytest.mark.parametrize(
    ("stats", "numbers_", "offered"),
    [
        (WEIGHT, INTEGERS, ["tensor", "channel", "block"]),
        (WEIGHT, "nf4", ["tensor", "channel", "block"]),
        (WEIGHT, "blocks alone", ["block"]),
        (array_stats("b", VALUES[0], 0), INTEGERS, ["tensor"]),
        (array_stats("s", VALUES, None), INTEGERS, ["tensor"]),
    ],
)
def test_scales_are_shared_as_the_tensor_and_its_numbers_allow(
    stats: Any, numbers_: str, offered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of numbers has one scale; blocks have a size of their own."""
    screen = screen_of(monkeypatch, controls, segmented_control=offered[-1], select_slider=64)
    alone = SimpleNamespace(granularities=("block",))
    monkeypatch.setattr(controls, "get_format", lambda name: alone if " " in name else get_format(name))
    assert controls._granularity(stats, numbers_, "") == (offered[-1], 64 if offered[-1] == "block" else 32)
    ((args, _),) = screen.of("segmented_control")
    assert args[1] == offered
    assert bool(screen.of("select_slider")) is (offered[-1] == "block")


def _hand(
    array: np.ndarray, format: str, mirrored: bool, typed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[float, float], Screen]:
    screen = screen_of(monkeypatch, controls, **{"number_input": 0.0} | typed)
    stats = array_stats("w", array.astype(np.float32), 0)
    return controls._by_hand(stats, get_format(format), mirrored, ""), screen


@pytest.mark.parametrize(
    ("typed", "mirrored", "clip"),
    [
        ({"Clip lines at ±": 2.0}, True, (-2.0, 2.0)),
        ({"Clip lines at ±": 0.0}, True, (-0.02, 0.02)),
        ({"Upper clip line": 2.0, "Lower clip line": -1.0}, False, (-1.0, 2.0)),
        ({"Upper clip line": 0.0, "Lower clip line": 0.0}, False, (0.0, 0.02)),
        ({"Upper clip line": 0.0, "Lower clip line": -1.0}, False, (-1.0, 0.0)),
    ],
)
def test_clip_lines_are_numbers(
    typed: dict[str, float], mirrored: bool, clip: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for both sides of a mirrored grid, two for another; a range is never empty: a step is the least."""
    found, screen = _hand(VALUES, "int8", mirrored, typed, monkeypatch)
    assert found == pytest.approx(clip)
    assert [named["step"] for _, named in screen.of("number_input")] == pytest.approx([4.0 / 200] * (2 - mirrored))


@pytest.mark.parametrize(
    ("array", "mirrored", "start"),
    [
        (VALUES, True, {"high": 4.0}),
        (VALUES, False, {"high": 2.0, "low": -4.0}),
        (np.zeros((2, 2)), True, {"high": 1.0}),
        (np.zeros((2, 2)), False, {"high": 1.0, "low": 0.0}),
        (-np.ones((2, 2)), False, {"high": 0.0, "low": -1.0}),
    ],
)
def test_clip_lines_begin_where_the_values_end(
    array: np.ndarray, mirrored: bool, start: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zero is always within; nothing but zeros has a width, too."""
    _, screen = _hand(array, "int8", mirrored, {}, monkeypatch)
    names = dict(zip(("low", "high"), controls.clip_names("w"), strict=True))
    kept = {name: screen.session_state.get(f"keep:{names[name]}") for name in start}
    assert kept == {name: pytest.approx(value) for name, value in start.items()}
    if not array.any():
        assert screen.of("number_input")[0][1]["step"] == pytest.approx(1 / 200)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (SETTINGS, "numbers bits symmetric granularity block range"),
        (replace(SETTINGS, numbers="nf4"), "numbers granularity block range"),
        (replace(SETTINGS, kind="activation"), "numbers bits symmetric signed range"),
        (
            replace(SETTINGS, numbers="nf4", calibrator="ratio", options=(("ratio", 0.5),)),
            "numbers granularity block option_ratio_ratio range",
        ),
    ],
)
@pytest.mark.parametrize("place", ["", "beside_"])
def test_settings_are_given_to_the_controls_that_they_mean(
    settings: Settings, names: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one kind and place; a range by hand with its ends."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(controls, "chosen", given.__setitem__)
    controls.set_all(settings, "w", place)
    assert set(given) == {f"{place}{settings.kind}_{name}" for name in names.split()}
    assert given[f"{place}{settings.kind}_range"] == settings.calibrator
    controls.set_all(replace(settings, calibrator=BY_HAND, options=(), clip=(-1.0, 2.0)), "w", place)
    assert given[f"{place}{settings.kind}_range"] == BY_HAND
    assert [given[name] for name in controls.clip_names("w", place)] == [-1.0, 2.0]


@pytest.mark.parametrize("counts", ["linear", "logarithmic"])
@pytest.mark.parametrize("values", ["linear", "logarithmic"])
def test_how_a_picture_is_spaced(counts: str, values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and values each for themselves."""
    screen_of(monkeypatch, controls, Counts=counts, Values=values)
    assert controls.draw_view_controls("weight") == (counts == "logarithmic", values == "logarithmic")


@pytest.mark.parametrize(
    ("settings", "clip"),
    [
        (SETTINGS, (-4.0, 4.0)),
        (replace(SETTINGS, symmetric=False), (-4.0, 2.0)),
        (replace(SETTINGS, clip=(-1.0, 1.0), calibrator=BY_HAND), (-1.0, 1.0)),
    ],
)
def test_the_range_that_was_asked_for_is_drawn(settings: Settings, clip: tuple[float, float]) -> None:
    """Laid over it again, the format gives the same grid; where each channel has its own, the ends of all are."""
    view = view_of("a source", WEIGHT.name, settings, WEIGHT)
    shown = Drawn(WEIGHT.histogram, view.grid, (-9.0, 9.0), None)
    found = editor._clip(settings, view, shown)
    assert found == pytest.approx(clip, rel=0.02)
    assert editor._clip(settings, view, replace(shown, grid=None)) == (-9.0, 9.0)


@pytest.mark.parametrize(
    ("kept", "granularity", "outlier"),
    [
        (8.0, "tensor", 8.0),
        (8.0, "channel", 1.0),
        (1.0, "tensor", 1.0),
        (0.5, "tensor", 1.0),
        (1e9, "tensor", 1.0),
        ("x", "tensor", 1.0),
    ],
)
def test_outliers_are_tried_under_one_scale(
    kept: Any, granularity: str, outlier: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far out as the slider goes; the values are then others, and kept apart."""
    monkeypatch.setattr(editor, "choice", lambda *_: kept)
    monkeypatch.setattr(editor, "_with_outliers", lambda *_: "with outliers")
    found = editor.tried(WEIGHT, "source", replace(SETTINGS, granularity=granularity))
    assert found.outlier == outlier
    assert (found.stats is WEIGHT, found.source == "source") == (outlier == 1.0, outlier == 1.0)


@pytest.mark.parametrize(
    ("drawn", "moved", "place", "taken"),
    [
        (("w", (-1.0, 1.0), 1.0, True, None), (-2.0, 2.0), "", {"clip": (-2.0, 2.0), "value": 0.5, "outlier": 1.0}),
        (("w", (-1.0, 1.0), 1.0, True, 4.0), (-2.0, 2.0), "", {"share": 0.5, "value": 0.5, "outlier": 1.0}),
        (("w", (-2.0, 2.0), 1.0, True, None), (-2.0, 2.0), "", {"value": 0.5, "outlier": 1.0}),
        (("w", (-1.0, 1.0), 1.0, False, None), (-2.0, 2.0), "", {"value": 0.5, "outlier": 1.0}),
        (("w", (-1.0, 1.0), 3.0, True, None), (-2.0, 2.0), "", {"value": 0.5, "outlier": 1.0}),
        (("w", (-1.0, 1.0), 1.0, True, None), (-2.0, 2.0), "beside_", {"clip": (-2.0, 2.0)}),
        (("other", (-1.0, 1.0), 1.0, True, None), (-2.0, 2.0), "", {}),
        (None, (-2.0, 2.0), "", {}),
        (("w", (-1.0, 1.0), 1.0, True, None), None, "", {}),
    ],
)
def test_what_was_moved_is_kept(
    drawn: Any, moved: Any, place: str, taken: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clip lines as a range by hand, or as the share of every channel's; not where outliers moved them."""
    given: dict[str, Any] = {}
    screen = screen_of(monkeypatch, editor)
    screen.session_state["key:drawn"] = drawn
    state = None if moved is None else SimpleNamespace(clip=moved, outlier=1.0, value=0.5)
    monkeypatch.setattr(editor, "take_moved", lambda _: state)
    monkeypatch.setattr(editor, "set_by_hand", lambda *args: given.__setitem__("clip", args[2]))
    monkeypatch.setattr(editor, "set_ratio", lambda *args: given.__setitem__("share", args[1]))
    monkeypatch.setattr(editor, "chosen", lambda name, value: given.__setitem__(name.split(":")[0][7:], value))
    editor.take_over(WEIGHT, "key", place)
    assert given == taken


@pytest.mark.parametrize(("share", "kept"), [(0.5, 0.5), (1.4, 1.0), (0.001, 0.01), (0.123456, 0.1235)])
def test_a_share_is_within_what_it_can_be(share: float, kept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a hundredth to all, to four digits."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(together, "chosen", given.__setitem__)
    together.set_ratio("weight", share, "beside_")
    assert given == {"beside_weight_option_ratio_ratio": kept, "beside_weight_range": "ratio"}


def test_each_channel_has_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its largest magnitude: all of it by min-max, what was dragged, or the median of what a calibrator chose."""
    channel = replace(SETTINGS, granularity="channel")
    view = view_of("a source", WEIGHT.name, channel, WEIGHT)
    found = together.together("a source", WEIGHT, channel, view)
    assert found.ratio is not None
    assert (found.ratio.share, found.ratio.own, found.note) == (1.0, None, "")
    assert "its largest magnitude (channel by channel)" in found.axis
    dragged = replace(channel, calibrator="ratio", options=(("ratio", 0.5),))
    half = together.together("a source", WEIGHT, dragged, view_of("a source", "w", dragged, WEIGHT))
    assert half.ratio is not None
    assert (half.ratio.share, half.ratio.own) == (0.5, None)
    shares = np.array([0.4, 0.9])
    monkeypatch.setattr(together, "view_of", lambda *_: view)
    monkeypatch.setattr(together, "_shares", lambda *_: shares)
    chosen = replace(channel, calibrator="mse")
    own = together.together("a source", WEIGHT, chosen, view)
    assert own.ratio is not None
    assert (own.ratio.share, own.ratio.own) == (pytest.approx(0.65), (0.4, 0.9))
    names = [mark.title for mark in own.marks]
    assert len(names) == len(set(names)) > 1
    monkeypatch.setattr(together, "_MANY", 1)
    few = together._marks("a source", WEIGHT, chosen, own.ratio.bins, view)
    assert [mark.title for mark in few] == ["Mean squared error"]


@pytest.mark.parametrize(
    ("closer", "hides", "asked", "found"),
    [
        ("Side by side", set(), None, "itself"),
        ("Side by side", set(), "w", "itself"),
        ("Side by side", set(), "other", "other"),
        ("Side by side", set(), "gone", "itself"),
        ("Side by side", {"more"}, None, None),
        ("Nothing more", set(), None, None),
    ],
)
def test_what_stands_beside(
    closer: str, hides: set[str], asked: str | None, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tensor, or another of its kind; nothing where a link hides what is below."""
    other = array_stats("other", VALUES, 0)
    monkeypatch.setattr(beside, "choice", lambda name, _: closer if name == "look_closer" else asked)
    monkeypatch.setattr(beside, "hidden", lambda: hides)
    monkeypatch.setattr(beside, "tensor_stats", lambda _, __, name: other if name == "other" else None)
    monkeypatch.setattr(beside, "tensor_names", lambda _: {"weight": ["a", "w", "b"]})
    assert beside.second_stats(NET, WEIGHT) is {"itself": WEIGHT, "other": other, None: None}[found]
    assert beside.others(NET, WEIGHT) == ["w", "a", "b"]
    assert beside.others(NET, synthetic("normal", 9))[1:] == ["a", "w", "b"]


def test_statistics_are_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant has no kurtosis; zeros are a share of all values."""
    screen = screen_of(monkeypatch, numbers)
    numbers.draw_statistics(WEIGHT)
    numbers.draw_statistics(array_stats("c", np.full((2, 2), 3.0, np.float32), 0))
    (row,), (constant,) = (args[0] for args, _ in screen.of("dataframe"))
    assert (row["values"], row["smallest"], row["largest"], row["mean"], row["zeros"]) == (
        *("8", "-4", "2"),
        *("0", "12.50 %"),
    )
    assert row["std"] == f"{VALUES.std():.4g}"
    assert constant["kurtosis"] == "none: constant"
