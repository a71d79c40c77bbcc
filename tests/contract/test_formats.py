"""What every number format must do, whichever it is: recipe, plan, file, size, error, controls, command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.cli import main
from qexplorer.core.errors import RecipeError, UnknownName
from qexplorer.core.formats import FORMATS, Granularity, Storage, get_format
from qexplorer.core.grid import fake_quantize
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR, by_default_first
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import short_name
from qexplorer.core.short_names import examples, stem_of
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.error import error_exact, error_from_histogram
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.run.capability import not_integer
from qexplorer.run.protocol import Capabilities
from qexplorer.ui.quantize.recipe_changes import changed
from tests.contract.format_checks import check_file, check_size, command_help, format_recipe, planned, weights_of
from tests.pages.app import editor_data, open_app, texts
from tests.quantize.support import case, run

every = pytest.mark.parametrize("name", FORMATS.names())
scaled = [item.name for item in FORMATS if item.has_scale]
fine = [(item.name, granularity) for item in FORMATS for granularity in item.granularities]
INNER = (3, 5, 6, 7, 9, 10, 11, 13, 14, 15)  # widths of integers that differ from their neighbours by a number alone
at_every_granularity = pytest.mark.parametrize(("name", "granularity"), fine, ids=[f"{n}-{g}" for n, g in fine])


@at_every_granularity
@pytest.mark.usefixtures("shared_workspace")
def test_from_recipe_to_file_and_size(name: str, granularity: Granularity) -> None:
    """The recipe survives its YAML, the plan names the format and its grids have it, and file and size are right."""
    recipe = format_recipe(name, granularity)
    assert Recipe.parse(recipe.to_yaml()) == recipe
    plan = planned(recipe)
    weights = weights_of(plan)
    assert {grid.granularity for _, _, grid in weights} >= {granularity}
    assert {grid.format.name for _, _, grid in weights} == {name}
    assert all(layer.weights is None or layer.weights.startswith(name) for layer in plan.layers)
    check_file(recipe)
    check_size(recipe)


@pytest.mark.parametrize("name", [item.name for item in FORMATS if item.learns])
@pytest.mark.usefixtures("shared_workspace")
def test_what_channels_learn_is_decoded_and_counted(name: str) -> None:
    """Where channels are long enough for levels of their own, file and size have all of them, whatever the axis."""
    recipe = format_recipe(name, Granularity.CHANNEL)
    plan = planned(recipe, "long_rows")
    own = [grid.own is not None for _, _, grid in weights_of(plan, "long_rows")]
    enough = {4: 128, 3: 86, 2: 64}[get_format(name).bits]
    assert own == [n >= enough and name != "codebook_shared" for n in (130, 64, 140)]
    assert [("levels each" in str(layer.weights)) for layer in plan.layers if layer.weights] == own
    check_file(recipe, "long_rows")
    check_size(recipe, "long_rows")


@pytest.mark.parametrize("name", [item.name for item in FORMATS if item.storage is Storage.CAST])
@pytest.mark.usefixtures("shared_workspace")
def test_a_format_without_a_scale_is_cast_to(name: str) -> None:
    """Weights stand in the file in its own type, or the layer stays in float32 where that is the type."""
    recipe, found = format_recipe(name, None), case("mlp")
    model = emit(found.model, recipe, planned(recipe))
    kind = {"fp16": onnx.TensorProto.FLOAT16, "bf16": onnx.TensorProto.BFLOAT16, "fp32": onnx.TensorProto.FLOAT}[name]
    arrays = {item.name: item for item in model.graph.initializer}
    assert sum(item.data_type == kind and len(item.dims) == 2 for item in arrays.values()) >= 2
    assert np.isfinite(run(model, found.feeds)[0]).all()


@pytest.mark.parametrize("network", ["cnn", "mlp", "attention"])
@pytest.mark.parametrize("name", [n for n in scaled if not get_format(n).is_uniform])
@pytest.mark.usefixtures("shared_workspace")
def test_beside_activations_on_grids_its_layers_are_simulated(name: str, network: str) -> None:
    """It loads at every level, and no runtime rounds its weights again: optimized and as written, answers are alike."""
    found, weights = case(network), {"format": name}
    for mode in ("static", "dynamic"):
        asked = {"weights": weights, "activations": {"format": "uint8", "mode": mode}}
        recipe = Recipe.model_validate(asked)
        plan = make_plan(found.model, recipe, found.statistics)
        reasons = [layer.reason for layer in plan.layers if layer.weights is not None]
        assert reasons
        assert all("simulated: its" in reason and "no integer kernel" in reason for reason in reasons)
        model = emit(found.model, recipe, plan)
        (fast,), (simulated,) = run(model, found.feeds), run(model, found.feeds, simulated=True)
        steps = 4.01 if network == "attention" else 1.01  # products of activations are integers, and steps add up
        np.testing.assert_allclose(fast, simulated, atol=steps * np.ptp(simulated) / 255)
    none = Capabilities("cpu", frozenset({"int8"}), frozenset({"uint8"}), simulates=True)
    assert "decoded to float" in str(not_integer(none, recipe))


@pytest.mark.parametrize("name", scaled)
def test_the_error_from_a_histogram_is_the_exact_one(name: str) -> None:
    """Within 0.1 % of a normal weight's error; 16 bits and fp8 are finer than the histogram's bins: 15 % and 1 %."""
    x = np.random.default_rng(5).standard_normal((64, 4096)).astype(np.float32)
    spec = format_recipe(name, Granularity.TENSOR).weights
    assert spec is not None
    grid = weight_grid(x, spec, 0)
    found, exact = error_from_histogram(histogram_of(x), grid), error_exact(x, grid)
    rel = 0.15 if grid.format.bits > 8 else 0.01 if grid.format.storage is Storage.FLOAT8 else 2e-3
    assert found.mse == pytest.approx(exact.mse, rel=rel)
    assert exact.mse == pytest.approx(((fake_quantize(x, grid).astype(np.float64) - x) ** 2).mean(), rel=1e-6)


@at_every_granularity
def test_every_calibrator_has_a_range_for_it_or_a_reason(name: str, granularity: Granularity) -> None:
    """The scales are positive and near min-max's; a wider step may put few values nearer to the grid, up to twice."""
    x = np.random.default_rng(7).standard_normal((16, 64)).astype(np.float32)
    widest = format_recipe(name, granularity).weights
    assert widest is not None
    for each in by_default_first():
        spec = widest.with_calibrator(each.name)
        if each.refuses(get_format(name), granularity, "weight"):
            with pytest.raises(RecipeError, match=f"'{each.name}'"):
                weight_grid(x, spec, 0, 1)
            continue
        grid, whole = weight_grid(x, spec, 0, 1), weight_grid(x, widest, 0, 1)
        assert (grid.scale > 0).all()
        assert (grid.scale <= whole.scale * 2).all()


@every
def test_it_says_what_it_is(name: str) -> None:
    """Roles, levels, codes and short names fit together."""
    found = get_format(name)
    assert found.name == name
    assert found.roles
    assert found.has_scale == bool(found.granularities) == (found.storage is not Storage.CAST)
    levels = found.levels()
    if levels is not None:
        assert (np.diff(levels) > 0).all()
        assert len(levels) <= 2**found.bits
        assert found.signed == bool(levels[0] < 0)
    for text in found.recipes:
        weights = Recipe.parse(text).weights
        assert weights is not None
        assert weights.format == name
        assert short_name(Recipe.parse(text)) == text
        assert examples()[text] == found.recipes[text]
    stems = [stem for item in FORMATS if (stem := stem_of(item))]
    assert len(stems) == len(set(stems))


def test_the_controls_of_quantize_offer_every_format() -> None:
    """Each is in the list of weights; chosen, the page shows what it can have, and the recipe has it."""
    app = open_app()
    app.button("use_tumour_mlp").click().run()
    app.session_state["qexplorer_state"].recipe = "w8-asym-kl"
    app.switch_page("pages/quantize.py").run()
    listed = [option.split(",")[0] for option in app.selectbox("quantize_weights_format").options]
    assert set(FORMATS.names()) - {"fp32"} <= set(listed)
    for name in (each.name for each in FORMATS if each.name != "fp32" and not (each.is_uniform and each.bits in INNER)):
        app.selectbox("quantize_weights_format").set_value(name).run()
        assert not app.exception, name
        assert not app.error, name
        weights = Recipe.parse(app.session_state["qexplorer_state"].recipe).weights
        assert weights is not None, name
        assert weights.format == name
        assert weights.granularity == (Granularity.BLOCK if get_format(name).default_block else weights.granularity)
        toggles = {toggle.key for toggle in app.toggle}
        assert ("quantize_weights_symmetric" in toggles) == get_format(name).has_zero_point, name
        given = [option.split(",")[0] for option in app.selectbox("quantize_activations_format").options]
        assert (name in given) == ("activation" in get_format(name).roles), name


def _distributions_page(folder: Path, **choices: Any) -> Any:
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app("pages/distributions.py", session="the-session")


@pytest.mark.parametrize("granularity", list(Granularity), ids=str)
def test_the_controls_of_distributions_offer_every_format(workspace_folder: Path, granularity: Granularity) -> None:
    """Chosen, the levels are drawn over the histogram, its error is told, and the recipe can take it."""
    app = _distributions_page(workspace_folder, weight_granularity=str(granularity))
    for name in (each for each in scaled if not get_format(each).is_uniform):
        app.selectbox("keep:weight_numbers").set_value(name)
        next(b for b in app.button if b.key == "use_for_all").click().run()
        assert not app.exception, name
        assert not app.error, name
        assert f"{name} {'blocks of 32' if granularity == 'block' else f'per {granularity}'}, range:" in texts(app)
        data = editor_data(app)
        assert " dB" in data["said"], name
        if granularity is Granularity.TENSOR:
            assert data["format"]["kind"] == "levels", name
            assert len(data["format"]["levels"]) > 1, name
        weights = Recipe.parse(app.session_state["qexplorer_state"].recipe).weights
        assert weights is not None, name
        assert (weights.format, weights.granularity) == (name, granularity)


@pytest.mark.parametrize("name", [text for item in FORMATS for text in item.recipes])
def test_the_command_line_takes_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``quantize`` writes the file by its short name, and the help of the command lists it."""
    out = tmp_path / "out.onnx"
    assert main(["quantize", "tumour_mlp", "--recipe", name, "-o", str(out)]) == 0
    onnx.checker.check_model(onnx.load(out))
    assert f"{name} ({examples()[name]})" in command_help("quantize", capsys)


def test_what_a_format_cannot_have_is_refused_in_one_sentence() -> None:
    """Activations in a table, an asymmetric grid of one, weights alone in fp16, one bit."""
    for text, says in (
        ("weights: {format: nf4}\nactivations: {format: nf4}", "'nf4' is not a format of activations"),
        ("weights: {format: fp8_e4m3, symmetric: false}", "fp8_e4m3 has no zero point"),
        ("weights: {format: fp16}", "must be given for weights and activations alike"),
        ("weights: {format: int1}", "'int1' would have the levels 0 and -1.*'binary'"),
        ("weights: {format: uint1}", "'uint1' would have the levels 0 and 1,.*'binary'"),
        ("nf4-asym", "nf4 has no zero point"),
        ("nf4-dynamic", "'dynamic' is not an option"),
        ("w1", "no recipe called 'w1'.*'binary'"),
    ):
        with pytest.raises(RecipeError, match=says):
            Recipe.parse(text)
    ruled = Recipe.parse("weights: {format: nf4}\nlayers: [{match: '*', weights: {symmetric: false}}]")
    with pytest.raises(RecipeError, match=r"rule '\*': nf4 has no zero point"):
        ruled.for_layer("any", "Conv")


def test_a_change_of_format_takes_along_what_must_change() -> None:
    """From an asymmetric KL grid to a table: symmetric, and the default calibrator."""
    weights = changed(Recipe.parse("w8-asym-kl"), "weights", "format", "nf4").weights
    assert weights is not None
    assert (weights.symmetric, weights.calibrator) == (True, DEFAULT_CALIBRATOR)
    assert short_name(changed(Recipe.parse("w8-b32"), "weights", "format", "fp8_e4m3")) == "fp8-b32"


def test_an_unknown_name_raises_everywhere() -> None:
    """No default answers for a format that is not there."""
    with pytest.raises(UnknownName, match="did you mean 'nf4'"):
        get_format("nf5")
    with pytest.raises(RecipeError, match="'nf5' is not a number format"):
        Recipe.parse("weights: {format: nf5}")
    with pytest.raises(RecipeError, match=r"no recipe called 'nf5'.*nf4"):
        Recipe.parse("nf5")
    spec = Recipe.parse("w8").weights
    assert spec is not None
    with pytest.raises(UnknownName, match="nf5"):
        weight_grid(np.ones((4, 4), np.float32), spec.model_copy(update={"format": "nf5"}), 0)
