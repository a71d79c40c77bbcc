from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.formats import get_format
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.jobs.kinds.channels import CHANNELS, ChannelsOrder
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.observe.collecting.channels_store import channels_for
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.weights import weight_array, weight_stats
from qexplorer.ui.distributions import together
from qexplorer.ui.distributions.to_recipe import with_rule, with_spec
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import editor_data, open_app, texts
from tests.pages.on_distributions import PAGE, charts, control, opened


def test_empty_page_does_something() -> None:
    """Without a model the page offers to start with a sample, and does so."""
    app = open_app(PAGE)
    next(b for b in app.button if b.label == "Start with the digits sample").click().run()
    assert not app.exception
    assert not app.error
    assert app.session_state["qexplorer_state"].model == "digits_cnn"
    assert charts(app)


def test_weight_at_once(workspace_folder: Path) -> None:
    """A weight is shown without any job: the editor, ranges of its channels, error and statistics."""
    app = opened(workspace_folder)
    assert not app.exception
    assert not app.error
    assert len(charts(app)) == 1
    data = editor_data(app)
    assert data["grid"].startswith("int8 per tensor, symmetric")
    assert (data["format"]["qmin"], data["format"]["qmax"]) == (-127, 127)
    assert data["said"].startswith("Exactly ")
    assert {mark["title"] for mark in data["marks"]} >= {"Min-max", "Percentile"}
    assert not app.session_state["qexplorer_state"].jobs


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_bits(workspace_folder: Path, bits: int) -> None:
    """The number of levels follows the bits: a symmetric signed grid leaves the most negative code out."""
    app = opened(workspace_folder)
    control(app, "weight_bits").set_value(bits).run()
    assert not app.error
    data = editor_data(app)
    assert data["format"]["name"] == f"int{bits}"
    assert data["format"]["qmax"] - data["format"]["qmin"] == 2**bits - 2


@pytest.mark.parametrize("range_", ["minmax", "percentile", "mse", "kl", "hand"])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "block"])
def test_every_combination(workspace_folder: Path, granularity: str, range_: str) -> None:
    """Every granularity goes with every range that is offered for it, without an error on the page."""
    app = opened(workspace_folder, weight_granularity=granularity, weight_range=range_, weight_bits=4)
    assert not app.exception
    assert not app.error
    fineness = {"tensor": "per tensor", "channel": "per channel", "block": "blocks of 32"}[granularity]
    data = editor_data(app)
    assert data["grid"].startswith(f"int4 {fineness}")
    assert (data["format"] is not None) == (granularity == "tensor")
    assert (data["ratio"] is not None) == (granularity != "tensor")


def test_finer_grids_are_better(workspace_folder: Path) -> None:
    """One scale for each channel costs less error at 4 bits than one for the tensor, and the page says how much."""
    found = {}
    for granularity in ("tensor", "channel"):
        app = opened(workspace_folder, weight_granularity=granularity, weight_bits=4)
        found[granularity] = editor_data(app)["split"]["sqnr"]
    assert found["channel"] > found["tensor"]


def test_by_hand(workspace_folder: Path) -> None:
    """Clip lines that were typed clip values, and no recipe is offered for them."""
    app = opened(workspace_folder, weight_range="hand")
    line = next(n for n in app.number_input if n.label == "Clip lines at ±")
    narrow = line.value / 4
    line.set_value(narrow).run()
    assert not app.error
    assert editor_data(app)["clip"] == [-narrow, narrow]
    assert editor_data(app)["split"]["clipped"] > 0
    assert "belong to this one tensor" in texts(app)
    assert not [b for b in app.button if b.key == "use_for_all"]


def test_channel(workspace_folder: Path) -> None:
    """A chosen channel is drawn under its own grid, and the whole tensor's figure stays in sight."""
    app = opened(workspace_folder, weight_granularity="channel", weight_bits=4)
    assert "Each channel has a grid of its own" in editor_data(app)["said"]
    next(n for n in app.number_input if n.label == "Channel").set_value(1).run()
    assert not app.error
    data = editor_data(app)
    assert (data["format"]["qmin"], data["format"]["qmax"]) == (-7, 7)
    assert data["said"].startswith("Channel 1.")
    assert "The whole tensor, channel by channel" in data["said"]


def test_controls_survive_another_page(workspace_folder: Path) -> None:
    """Bits and range are as they were after a look at another page, and after a reload."""
    app = opened(workspace_folder)
    control(app, "weight_bits").set_value(3).run()
    control(app, "weight_range").set_value("mse").run()
    app.switch_page("pages/model.py").run()
    app.switch_page(PAGE).run()
    assert (control(app, "weight_bits").value, control(app, "weight_range").value) == (3, "mse")
    again = open_app(PAGE, session="the-session")
    assert (control(again, "weight_bits").value, control(again, "weight_range").value) == (3, "mse")


def test_another_model_forgets_the_tensor(workspace_folder: Path) -> None:
    """A tensor chosen in one model does not stand in the way of another model."""
    app = opened(workspace_folder)
    options = app.selectbox[0].options
    control(app, "tensor_weight").select_index(1).run()
    app.sidebar.selectbox("side_model").set_value("digits_cnn").run()
    assert not app.exception
    assert not app.error
    assert app.selectbox[0].options != options


def test_recipe_for_all(workspace_folder: Path) -> None:
    """The settings become those of all weights of the recipe, which the sidebar then shows."""
    app = opened(workspace_folder, weight_bits=4, weight_granularity="channel", weight_range="mse")
    next(b for b in app.button if b.key == "use_for_all").click().run()
    assert not app.error
    recipe = Recipe.parse(app.session_state["qexplorer_state"].recipe)
    assert recipe.weights == WeightSpec.model_validate(
        {"format": "int4", "granularity": "channel", "calibrator": "mse", "symmetric": True}
    )
    assert recipe.activations == Recipe.parse("w8a8").activations
    assert recipe.name == "w4a8 with mse weights"


def test_recipe_for_one_layer() -> None:
    """A rule for one layer changes that layer alone, comes last, and replaces an older one for the same layer."""
    recipe = Recipe.parse("w4a8")
    for width in ("int2", "int8"):
        spec = WeightSpec.model_validate({"format": width, "granularity": "tensor"})
        recipe = Recipe.parse(with_rule(recipe, "fc[1]*", "weights", spec).to_yaml())
    assert len(recipe.layers) == 1
    assert recipe.for_layer("fc[1]*", "Gemm").weights == spec
    assert recipe.for_layer("fc1", "Gemm").weights == Recipe.parse("w4a8").weights


def test_recipe_for_activations() -> None:
    """Settings of activations replace those of the recipe and leave its weights as they are."""
    spec = ActivationSpec.model_validate({"format": "uint8", "calibrator": "percentile", "percentile": 99.9})
    changed = with_spec(Recipe.parse("w4a8"), "activations", spec)
    assert changed.activations == spec
    assert changed.weights == Recipe.parse("w4a8").weights


def test_activations_need_data(workspace_folder: Path) -> None:
    """Without data the page says that activations need samples and where to choose them."""
    app = opened(workspace_folder, data=None, tensor_kind="activation")
    assert not app.error
    assert any("no data is chosen" in info.value for info in app.info)


def test_activations_start_one_job(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button hands model, data and number of samples to a job, and the session remembers which."""
    asked = []
    monkeypatch.setattr("qexplorer.jobs.manager.submit", lambda kind, order, _: asked.append((kind, order)) or "x")
    app = opened(workspace_folder, tensor_kind="activation")
    next(b for b in app.button if b.label.startswith("Observe")).click().run()
    assert asked == [(OBSERVE, ObserveOrder(model=MODEL, data=DATA, samples=512))]
    assert app.session_state["qexplorer_state"].jobs == {"observe": "x"}


def test_observed_activations(workspace_folder: Path) -> None:
    """Activations that were observed are shown at once, with one grid for the whole tensor and unsigned codes."""
    model = load_model("tumour_mlp")
    found = statistics_for(model, fit_to_model(load_data("tumour"), model))
    app = opened(workspace_folder, tensor_kind="activation")
    assert not app.exception
    assert not app.error
    assert editor_data(app)["grid"].startswith("uint8 per tensor, asymmetric")
    assert control(app, "activation_counts_scale").value == "logarithmic"
    assert app.selectbox[0].value not in {info.name for info in model.inputs}
    assert len(app.selectbox[0].options) == len(found.of_kind("activation"))
    assert not [c for c in app.get("button_group") if c.key == "keep:weight_granularity"]


def _table_of_channels(app: AppTest) -> Any:
    return next(d.value for d in app.dataframe if "channel" in d.value.columns)


def test_the_table_of_a_weight_says_everything_of_each_channel(workspace_folder: Path) -> None:
    """Moments, zeros, outliers and both errors stand there at once, one row for each output channel."""
    table = _table_of_channels(opened(workspace_folder, channel_table=True))
    wanted = {"kurtosis", "zeros", "beyond 6 std", "SQNR (dB)", "rounding MSE", "clipping MSE"}
    assert wanted <= set(table.columns)
    assert (table["SQNR (dB)"] > 0).all()


def test_the_table_of_an_activation_asks_for_a_pass_and_then_says_everything(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the pass there are ranges and a button that starts a job; afterwards there are all columns."""
    model = load_model("tumour_mlp")
    data = fit_to_model(load_data("tumour"), model)
    stats = statistics_for(model, data).of_kind("activation")[1]  # the first is the input
    asked = []
    monkeypatch.setattr("qexplorer.jobs.manager.submit", lambda kind, order, _: asked.append((kind, order)) or "x")
    app = opened(workspace_folder, tensor_kind="activation", channel_table=True)
    assert "kurtosis" not in _table_of_channels(app).columns
    next(b for b in app.button if b.label == "Look into the channels").click().run()
    assert asked == [(CHANNELS, ChannelsOrder(model=MODEL, data=DATA, samples=512, tensor=stats.name))]
    channels_for(model, data, stats)
    table = _table_of_channels(opened(workspace_folder, tensor_kind="activation", channel_table=True))
    assert {"kurtosis", "zeros", "SQNR (dB)", "clipping MSE"} <= set(table.columns)
    assert stats.channels is not None
    assert len(table) == len(stats.channels.count)


def test_saved_histogram_counts_every_value() -> None:
    """The bars that are drawn hold exactly the values of the weight."""
    from qexplorer.observe.tensor_grid import grid_view
    from qexplorer.ui.distributions.charts import _histogram_info
    from qexplorer.ui.distributions.drawn_grid import drawn

    model = load_model("tumour_mlp")
    name = next(layer.weight for layer in model.layers if layer.weight)
    assert name is not None
    stats = weight_stats(model, name)
    view = grid_view(stats, format=get_format("int8"), symmetric=True)
    for bent in (False, True):
        info = _histogram_info(model, stats, drawn("", stats, view, None), log=False, bent=bent)
        assert sum(bar.count for bar in info.bars) == pytest.approx(np.prod(stats.shape), abs=len(info.bars))
        assert info.clip == (float(view.grid.low), float(view.grid.high))


def test_job_of_another_model(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another model is being observed, this one's button is offered all the same."""
    monkeypatch.setattr("qexplorer.jobs.manager.submit", lambda *_: "x")
    app = opened(workspace_folder, tensor_kind="activation")
    next(b for b in app.button if b.label.startswith("Observe")).click().run()
    app.sidebar.selectbox("side_model").set_value("digits_cnn").run()
    control(app, "tensor_kind").set_value("activation").run()
    assert not app.exception
    assert next(b for b in app.button if b.label == "Observe 512 samples")


def test_a_kept_setting_stands_beside_the_one_in_use(workspace_folder: Path) -> None:
    """Before and after are two pictures; a setting that was kept and then left is the third, until it is forgotten."""
    app = opened(workspace_folder, look_closer="Before and after", weight_bits=4)
    first = len(charts(app))
    app.button("keep_setting").click().run()
    next(s for s in app.select_slider if s.label == "Bits").set_value(3).run()
    assert any(caption.value.startswith("Kept: int4 per tensor") for caption in app.caption)
    assert len(charts(app)) == first + 1
    app.button("forget_setting").click().run()
    assert len(charts(app)) == first
    assert not app.exception


def test_after_a_drag_bins_tell_the_error_until_the_exact_one_is_asked_for(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of a large weight under one share: about, then value by value, which is nearly the same."""
    monkeypatch.setattr(together, "_MANY", 100)
    app = opened(workspace_folder)
    control(app, "weight_bits").set_value(4).run()
    control(app, "weight_granularity").set_value("block").run()
    assert editor_data(app)["said"].startswith("Signal to quantization noise")
    control(app, "weight_range").set_value("ratio").run()
    about = editor_data(app)
    assert about["said"].startswith(f"About {about['split']['sqnr']:.1f} dB, from bins of the values.")
    next(b for b in app.button if b.label == "Judge value by value").click().run()
    assert not app.exception
    exact = editor_data(app)
    assert exact["said"].startswith("Signal to quantization noise")
    assert exact["split"]["sqnr"] == pytest.approx(about["split"]["sqnr"], abs=0.05)
    assert exact["split"] != about["split"]
    assert not [b for b in app.button if b.label == "Judge value by value"]


def test_one_value_step_by_step(workspace_folder: Path) -> None:
    """Of a block's scale, of the value farthest from zero at first, and of one's own under it; with one scale a
    sentence says where the steps are."""
    name = "hidden2.weight"
    own = {"weight_granularity": "block", "weight_numbers": "mxfp4", "look_closer": "One value", "tensor_weight": name}
    app = opened(workspace_folder, **own)
    assert not app.exception
    weight = weight_array(load_model("tumour_mlp"), name)
    row, column = np.unravel_index(np.abs(weight).argmax(), weight.shape)
    assert weight[row, column] < 0
    assert any(f"at [{row}, {column}] of an array" in each.value for each in app.caption)
    steps = dict(app.dataframe[0].value.itertuples(index=False))
    assert "the power of two" in steps["scale of the block"]
    assert "step by step" in " ".join(each.value for each in app.subheader)
    next(each for each in app.number_input if each.label == "Value instead").set_value(1e6).run()
    assert "is outside" in dict(app.dataframe[0].value.itertuples(index=False))["clip to the levels"]
    whole = opened(workspace_folder, look_closer="One value")
    assert any("One scale serves the whole tensor" in each.value for each in whole.caption)
