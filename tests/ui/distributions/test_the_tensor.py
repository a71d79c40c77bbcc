"""Which tensor page Distributions shows, what is tried on it, and what its editor is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.observe import weights
from qexplorer.observe.collecting import channels_store, store
from qexplorer.observe.weights import array_stats
from qexplorer.ui.distributions import channels, editor, tensor, to_recipe
from qexplorer.ui.distributions.controls import INTEGERS, Settings
from qexplorer.ui.distributions.drawn_grid import drawn, view_of
from tests.jobs.orders import DATA, MODEL
from tests.ui.screens import Screen, screen_of

WEIGHT = array_stats("w", np.array([[1.0, -0.5, 0.25, 0.0], [0.25, -4.0, 2.0, 1.0]], np.float32), 0)
TENSOR = Settings("weight", INTEGERS, 8, True, "tensor", 32, True, "minmax", (), None)
LAYERS = (
    SimpleNamespace(name="a", op="Conv", weight="small", weight_shape=(2, 2), inputs=("x",), outputs=("y",)),
    SimpleNamespace(name="b", op="Conv", weight="large", weight_shape=(2, 9), inputs=("y",), outputs=("z",)),
    SimpleNamespace(name="c", op="Relu", weight=None, weight_shape=(9, 9), inputs=("z",), outputs=("p",)),
)
NET: Any = SimpleNamespace(name="net", sha256="a", layers=LAYERS, inputs=(SimpleNamespace(name="x"),))


class _Statistics(dict[str, Any]):
    """Of activations of these names."""

    digest = "found"

    def of_kind(self, kind: str) -> list[Any]:
        """Those of this kind."""
        return [SimpleNamespace(name=name) for name in self] if kind == "activation" else []


def _page(monkeypatch: pytest.MonkeyPatch, *found: str, data: Any = "d", observed: bool = True) -> Screen:
    """A page whose activations were observed, or not."""
    statistics = _Statistics({name: f"of {name}" for name in found})
    monkeypatch.setattr(tensor, "state", lambda: SimpleNamespace(data=data))
    monkeypatch.setattr(tensor, "observed", lambda _: statistics if observed else None)
    monkeypatch.setattr(weights, "weighted_layers", lambda _: dict.fromkeys(("small", "large")))
    monkeypatch.setattr(tensor, "weight_stats_of", lambda _, name: f"weight {name}")
    monkeypatch.setattr(tensor, "_pick", lambda *args: args[-1])
    return screen_of(monkeypatch, tensor)


@pytest.mark.parametrize(
    ("data", "observed", "activations"), [("d", True, ["x", "y"]), (None, True, None), ("d", False, None)]
)
def test_activations_are_there_once_they_were_observed(
    data: Any, observed: bool, activations: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights always."""
    _page(monkeypatch, "x", "y", data=data, observed=observed)
    names = tensor.tensor_names(NET)
    assert (names["weight"], names.get("activation")) == (["small", "large"], activations)
    assert tensor.tensor_stats(NET, "weight", "large") == "weight large"
    assert tensor.tensor_stats(NET, "weight", "gone") is None
    assert tensor.tensor_stats(NET, "activation", "y") == ("of y" if activations else None)


def test_the_largest_weight_and_the_first_activation_inside_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or why there is nothing to choose from."""
    screen = _page(monkeypatch, "x", "y")
    screen.answers["Show"] = "weight"
    assert tensor.choose_tensor(NET) == ("weight large", "a")
    screen.answers["Show"] = "activation"
    assert tensor.choose_tensor(NET) == ("of y", "found")
    assert screen.said == ""
    _page(monkeypatch, "x")
    assert tensor._activation(NET) == ("of x", "found")
    screen = _page(monkeypatch)
    assert tensor._activation(NET) is None
    assert screen.said == "No activation of this model could be quantized."
    screen = _page(monkeypatch, data=None)
    assert tensor._activation(NET) is None
    assert screen.said == "Activations are observed on samples, and no data is chosen."
    assert len(screen.of("page_link")) == 1
    monkeypatch.setattr(weights, "weighted_layers", lambda _: {})
    assert tensor._weight(NET) is None
    assert screen.said.endswith("No layer of this model has a weight that could be quantized.")


@pytest.mark.parametrize(("known", "count", "samples"), [(True, 3, 3), (True, 10**6, tensor.SAMPLES), (False, 3, 3)])
def test_a_pass_is_offered_once_model_and_data_are_known(
    known: bool, count: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over as many samples as there are, at most so many."""
    screen = _page(monkeypatch, observed=False)
    made: list[Any] = []

    def section(kind: Any, order: Any, button: Any, *, intro: Any) -> Any:
        made.append((kind.name, order, button.label))
        intro()
        return SimpleNamespace(draw=lambda: None)

    for module in (tensor, channels):
        monkeypatch.setattr(module, "JobSection", section)
        monkeypatch.setattr(module, "model_reference", lambda: MODEL)
        monkeypatch.setattr(module, "data_reference", lambda: DATA if known else None)
    monkeypatch.setattr(tensor, "current_data", lambda: SimpleNamespace(calibration=SimpleNamespace(n=count)))
    assert tensor._activation(NET) is None
    assert f"One pass over {samples} calibration samples" in screen.said
    screen = screen_of(monkeypatch, channels)
    channels._offer(WEIGHT)
    assert "take one more pass over the data" in screen.said
    assert [(kind, order is not None) for kind, order, _ in made] == [("observe", known), ("channels", known)]
    assert made[0][2] == f"Observe {samples} samples"


def test_what_was_counted_of_the_chosen_data_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it was counted; nothing without data."""
    activation = replace(WEIGHT, array=None)
    file = tmp_path / "counted"
    fitted: list[Any] = [None]
    for module, read in ((tensor, "_read"), (channels, "_kept")):
        monkeypatch.setattr(module, "fitted_data", lambda: fitted[0])
        monkeypatch.setattr(module, read, lambda path, *_: path)
    monkeypatch.setattr(store, "statistics_path", lambda *_: file)
    monkeypatch.setattr(channels_store, "channels_path", lambda *_: file)
    for data, there, found in ((None, True, None), ("d", False, None), ("d", True, str(file))):
        fitted[0] = data
        file.touch() if there else file.unlink(missing_ok=True)
        assert tensor.observed(NET) == found
        assert channels._detail(NET, activation) == found
    monkeypatch.setattr(channels, "_of_weight", lambda *_: "of the weight")
    assert channels._detail(NET, WEIGHT) == "of the weight"


@pytest.mark.parametrize(
    ("asked", "known", "tables", "offers"), [(False, False, 0, 0), (True, True, 1, 0), (True, False, 1, 1)]
)
def test_a_table_of_channels_is_drawn_on_demand(
    asked: bool, known: bool, tables: int, offers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what takes another pass once it was done; until then that is offered."""
    offered: list[Any] = []
    screen = screen_of(monkeypatch, channels, toggle=asked)
    monkeypatch.setattr(channels, "_detail", lambda *_: "known" if known else None)
    monkeypatch.setattr(channels, "_offer", offered.append)
    monkeypatch.setattr(channels, "channel_rows", lambda *_: {})
    channels.draw_channel_table(NET, WEIGHT, view_of("t", "w", TENSOR, WEIGHT))
    assert (len(screen.of("dataframe")), len(offered)) == (tables, offers)


@pytest.mark.parametrize(
    ("kept", "granularity", "times"),
    [
        (1.5, "tensor", 1.5),
        (1, "tensor", 1.0),
        (0.5, "tensor", 1.0),
        (1e9, "tensor", 1.0),
        ("2", "tensor", 1.0),
        (editor.MOST_TIMES, "tensor", editor.MOST_TIMES),
        (1.5, "channel", 1.0),
    ],
)
def test_outliers_are_tried_on_one_scale_alone(
    kept: Any, granularity: str, times: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far out as the slider goes, and whatever else was kept is none."""
    monkeypatch.setattr(editor, "choice", lambda *_: kept)
    found = editor.tried(WEIGHT, "t", replace(TENSOR, granularity=granularity))
    assert found.outlier == times
    assert (found.stats is WEIGHT, found.source == "t") == (times == 1.0, times == 1.0)
    assert (found.stats.histogram is WEIGHT.histogram) is (times == 1.0)


@pytest.mark.parametrize(("kept", "value"), [(None, None), (0.5, 0.5), (2, 2.0), ("2", None)])
def test_a_value_is_looked_at_where_it_is_a_number(kept: Any, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at first."""
    monkeypatch.setattr(editor, "choice", lambda *_: kept)
    assert editor.value_looked_at("w") == value


@pytest.mark.parametrize(
    ("changes", "mirrored", "clip"),
    [
        ({}, True, (-4.0, 4.0)),
        ({"symmetric": False}, False, (-4.0, 2.0)),
        ({"clip": (-1.0, 0.5), "symmetric": False}, False, (-1.0, 0.5)),
        ({"granularity": "channel"}, True, None),
    ],
)
def test_an_editor_is_given_the_range_that_was_asked_for(
    changes: dict[str, Any], mirrored: bool, clip: tuple[float, float] | None
) -> None:
    """From which its grid follows; both ends of all values where there are several grids."""
    settings = replace(TENSOR, **changes)
    view = view_of("t", "w", settings, WEIGHT)
    shown = drawn("t", WEIGHT, view, None)
    assert editor.mirrored(settings) is mirrored
    assert editor.mirrored(replace(settings, numbers="fp8_e4m3"))
    assert editor._clip(settings, view, shown) == pytest.approx(shown.span if clip is None else clip, rel=0.02)
    found = editor.editor_view(NET, WEIGHT, settings, editor.Tried(WEIGHT, "t", 1.0), view, shown)
    assert found.title == "w of net"
    assert (found.ratio is not None) is (settings.granularity == "channel")
    assert found.clip == pytest.approx(editor._clip(settings, view, shown) if clip else found.ratio.clip)  # type: ignore[union-attr]
    if clip is not None and settings.granularity == "tensor":
        assert found.marks
        assert all(mark.low <= 0.0 <= mark.high for mark in found.marks)
    else:
        plain = editor.editor_view(NET, WEIGHT, settings, editor.Tried(WEIGHT, "t", 1.0), view, shown, shares=False)
        assert (plain.marks, plain.axis) == ((), "")
        assert found.marks
        assert found.axis


@pytest.mark.parametrize(
    ("kind", "name", "decoded"), [("weight", "large", True), ("weight", "gone", False), ("activation", "y", False)]
)
def test_a_weight_alone_is_decoded(kind: str, name: str, decoded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of some layer, under the session's recipe."""
    asked: list[Any] = []
    monkeypatch.setattr(to_recipe, "state", lambda: SimpleNamespace(recipe="w4"))
    monkeypatch.setattr(to_recipe, "_is_decoded", lambda *args: asked.append(args) or True)  # type: ignore[func-returns-value]
    stats: Any = SimpleNamespace(kind=kind, name=name)
    assert to_recipe.is_decoded(NET, stats) is decoded
    assert asked == ([("a", "w4", "b", NET)] if decoded else [])


@pytest.mark.parametrize("recipe", ["no recipe at all", "w8a8"])
def test_what_cannot_be_asked_for_is_not_decoded(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is no recipe, or integers that the layer cannot have."""
    from qexplorer.quantize import constants

    def refused(_model: Any, asked: Recipe, layer: str) -> bool:
        assert (asked.layers[-1].match, layer) == ("b", "b")
        raise RecipeError("it cannot")

    monkeypatch.setattr(constants, "has_signed_scales", refused)
    assert to_recipe._is_decoded(f"s {recipe}", recipe, "b", NET) is False


def test_a_recipe_that_cannot_take_a_grid_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And stays."""
    shown: list[str] = []
    for error in (RecipeError("it cannot"), ValueError("no *number*")):

        def change(_: Recipe, error: Exception = error) -> Recipe:
            raise error

        screen = screen_of(monkeypatch, to_recipe)
        monkeypatch.setattr(to_recipe, "current_recipe", lambda: Recipe.parse("w8a8"))
        monkeypatch.setattr(to_recipe, "set_recipe", lambda _: shown.append("set"))
        monkeypatch.setattr(to_recipe, "show_error", lambda error: shown.append(str(error)))
        to_recipe._take(change)
        assert screen.of("rerun") == []
    assert shown == ["it cannot"]
    assert screen.said == "The recipe cannot take this: no *number*"


def test_a_range_that_a_calibrator_chooses_holds_zero() -> None:
    """Also where all values are on one side of it."""
    values = array_stats("p", np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), 0)
    settings = replace(TENSOR, symmetric=False)
    found = editor._marks(editor.grid_key(editor.Tried(values, "p", 1.0), "p", settings), values, settings.grid_format)
    assert found
    assert {mark.low for mark in found} == {0.0}
    assert {mark.high > 1.0 for mark in found} == {True}
