"""What every calibrator must do, whichever it is: recipe, plan, file, error, controls of the app, command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper
from streamlit.testing.v1 import AppTest

from qexplorer.core.errors import RecipeError, UnknownName
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity, Grid, grid_from_range
from qexplorer.core.plugin_kinds.calibrator import Role, Wanted
from qexplorer.core.plugin_kinds.calibrator_choice import (
    DEFAULT_CALIBRATOR,
    needs_options,
    not_offered,
    option_names,
    short_calibrators,
)
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.core.recipe_words.names import short_name
from qexplorer.core.short_names import OPTIONS
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.rows import as_rows, from_rows
from qexplorer.observe.tensor_grid import grid_view
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.observe.weights import array_stats
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from tests.contract.format_checks import command_help
from tests.contract.throw_away import bring
from tests.pages.app import editor_data, open_app, texts
from tests.quantize.support import case, run

every = pytest.mark.parametrize("name", CALIBRATORS.names())
granularities = pytest.mark.parametrize("granularity", list(Granularity), ids=str)

HALF = '''
"""Half of the range."""
from pydantic import Field
from qexplorer.core.plugin_kinds.calibrator import Calibrator, CalibratorOptions
from qexplorer.observe.calibrators.spans import row_spans


class HalfOptions(CalibratorOptions):
    part: float = Field(0.5, ge=0.25, le=1.0, title="Part kept", description="Part of the range that stays.")


class Half(Calibrator[HalfOptions]):
    name, title, description, source = "half", "A part of it", "A part of the range.", "nowhere"
    options = HalfOptions

    def refuses(self, format, granularity, role):
        return "has no codes to spare" if format.bits == 2 else None

    def tensor_range(self, stats, wanted, options):
        return options.part * stats.histogram.minimum, options.part * stats.histogram.maximum

    def row_ranges(self, rows, block, wanted, options):
        return options.part * row_spans(rows, block)


class Asked(Half):
    name, title = "asked", "A part that is asked for"

    class options(CalibratorOptions):
        part: float = Field(ge=0.25, le=1.0)


ENTRIES = (Half(), Asked())
'''


@pytest.fixture
def half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibrator that is one more file of the folder, and nothing else; and one whose option must be given."""
    bring(monkeypatch, CALIBRATORS, "half_of_it", HALF, tmp_path)


def _recipe(name: str, format: str, granularity: Granularity, symmetric: bool, **options: Any) -> Recipe:
    weights = {"format": format, "granularity": str(granularity), "block": 8, "symmetric": symmetric}
    activations = {"format": "uint8", "symmetric": symmetric}
    chosen = {"calibrator": name, **options}
    return Recipe.model_validate({"weights": weights | chosen, "activations": activations | chosen})


def _planned(recipe: Recipe) -> Plan:
    found = case("mlp")
    return make_plan(found.model, recipe, found.statistics)


def _wanted(recipe: Recipe) -> Wanted:
    assert recipe.weights is not None
    return Wanted(get_format(recipe.weights.format), recipe.weights.symmetric)


def _own_grid(array: Any, like: Grid, recipe: Recipe) -> Grid:
    """The grid by the entry's own methods, with nothing in between."""
    assert recipe.weights is not None
    entry, wanted, options = CALIBRATORS.get(recipe.weights.calibrator), _wanted(recipe), recipe.weights.options
    if like.axis is None:
        low, high = entry.tensor_range(array_stats("w", array, None), wanted, options)
        return grid_from_range(low, high, wanted.format, symmetric=wanted.symmetric)
    rows = as_rows(array, like.axis, block=like.block is not None)
    ranges = entry.row_ranges(rows, like.block or rows.shape[1], wanted, options)
    low, high = (ranges[..., end] for end in (0, 1))
    if like.block:
        low, high = from_rows(low, array.shape, like.axis), from_rows(high, array.shape, like.axis)
    else:
        low, high = low[:, 0], high[:, 0]
    return grid_from_range(low, high, wanted.format, symmetric=wanted.symmetric, axis=like.axis, block=like.block)


def _check_weights(plan: Plan, recipe: Recipe) -> None:
    """Every weight says that its grid is the calibrator's, and it is."""
    assert recipe.weights is not None
    weights = [tensor for tensor in plan.tensors.values() if tensor.kind == "weight"]
    assert {tensor.grid.granularity for tensor in weights} >= {recipe.weights.granularity}
    arrays = {proto.name: numpy_helper.to_array(proto) for proto in case("mlp").model.proto().graph.initializer}
    for tensor in weights:
        assert tensor.reason.startswith(f"{recipe.weights.calibrator} of its values")
        own = _own_grid(arrays[tensor.name], tensor.grid, recipe)
        assert np.array_equal(own.scale, tensor.grid.scale)
        assert np.array_equal(own.zero_point, tensor.grid.zero_point)


@every
@granularities
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("format", ["int2", "int4", "int8"])
@pytest.mark.usefixtures("shared_workspace")
def test_from_recipe_to_file(name: str, granularity: Granularity, symmetric: bool, format: str) -> None:
    """The recipe survives its YAML, every grid is the calibrator's own and says so, and the file runs; or a sentence
    says why not."""
    recipe = _recipe(name, format, granularity, symmetric)
    assert Recipe.parse(recipe.to_yaml()) == recipe
    reason = CALIBRATORS.get(name).refuses(get_format(format), granularity, "weight")
    if reason is not None:
        with pytest.raises(RecipeError, match=f"'{name}' {reason}"):
            _planned(recipe)
        return
    plan, found = _planned(recipe), case("mlp")
    _check_weights(plan, recipe)
    assert any(tensor.reason.startswith(f"{name} of the calibration data") for tensor in plan.tensors.values())
    (answer,) = run(emit(found.model, recipe, plan), found.feeds)
    assert np.isfinite(answer).all()


@every
@granularities
@pytest.mark.parametrize("format", ["int3", "uint8", "int16"])
def test_the_error_of_its_grids_is_finite(name: str, granularity: Granularity, format: str) -> None:
    """From the histogram per tensor and from the values otherwise, and smaller than the signal."""
    stats = array_stats("w", np.random.default_rng(1).standard_normal((24, 64)).astype(np.float32), 0)
    order: dict[str, Any] = {"format": get_format(format), "symmetric": False, "granularity": granularity}
    if name in not_offered(get_format(format), granularity, "weight"):
        return
    view = grid_view(stats, calibrator=name, **order)
    assert 0.0 < view.error.mse < view.error.signal_power
    if granularity is Granularity.TENSOR:
        assert error_from_histogram(stats.histogram, view.grid).mse == pytest.approx(view.error.mse, rel=0.1)


@every
def test_its_name_is_short_and_in_the_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``w8a8-NAME`` is for activations, ``w8-NAME`` for weights alone; the help of two commands lists it."""
    assert name not in OPTIONS
    for text, part in ((f"w8a8-{name}", "activations"), (f"w8-{name}", "weights")):
        recipe = Recipe.parse(text)
        assert getattr(recipe, part).calibrator == name
        assert short_name(recipe) == text.removesuffix(f"-{DEFAULT_CALIBRATOR}")
    for command in ("quantize", "compare"):
        assert f"-{name} ({CALIBRATORS.get(name).title})" in command_help(command, capsys)


@every
def test_it_says_what_it_is_and_its_options_fit_into_a_recipe(name: str) -> None:
    """Title, one sentence and source; names of options are none of a recipe's own, and have a description."""
    entry = CALIBRATORS.get(name)
    assert name.isidentifier()
    assert [each.title for each in CALIBRATORS].count(entry.title) == 1
    assert entry.description.endswith(".")
    assert entry.source
    assert not {*WeightSpec.model_fields, *ActivationSpec.model_fields} & set(entry.options.model_fields)
    assert all(field.description for field in entry.options.model_fields.values())


def _quantize_page(recipe: Recipe) -> AppTest:
    app = open_app()
    app.button("use_tumour_mlp").click().run()
    app.session_state["qexplorer_state"].recipe = recipe.to_yaml()
    return app.switch_page("pages/quantize.py").run()


def _distributions_page(folder: Path, **choices: Any) -> AppTest:
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app("pages/distributions.py", session="the-session")


def _check_page(app: AppTest, key: str, name: str, grid: tuple[Any, Granularity, Role], option_keys: list[str]) -> None:
    """The select shows the calibrator by its title where it is offered, and a reason where it is not."""
    assert not app.exception
    assert not app.error
    select, entry = app.selectbox(key), CALIBRATORS.get(name)
    reason = not_offered(*grid).get(name)
    assert (entry.title in select.options) == (reason is None)
    assert f"**{entry.title}**: {reason or entry.description}" in select.help
    if entry.refuses(*grid):
        assert entry.title in texts(app)
        assert str(reason) in texts(app)
    if reason is not None:
        return
    select.set_value(name).run()
    assert not app.exception
    assert not app.error
    shown = {w.key for kind in ("number_input", "selectbox", "toggle", "text_input") for w in app.get(kind)}
    assert set(option_keys) <= shown


@every
@granularities
def test_the_controls_of_quantize(name: str, granularity: Granularity) -> None:
    """Weights and activations offer it with a control for each option, or say why not."""
    app, options = _quantize_page(_recipe(DEFAULT_CALIBRATOR, "int4", granularity, True)), option_names(name)
    keys = [f"quantize_weights_{option}" for option in options]
    _check_page(app, "quantize_weights_calibrator", name, (get_format("int4"), granularity, "weight"), keys)
    keys = [f"quantize_activations_{option}" for option in options]
    grid: Any = (get_format("uint8"), Granularity.TENSOR, "activation")
    _check_page(app, "quantize_activations_calibrator", name, grid, keys)
    recipe = Recipe.parse(app.session_state["qexplorer_state"].recipe)
    assert recipe.activations is not None
    assert recipe.activations.calibrator == name


@every
@granularities
def test_the_controls_of_distributions(workspace_folder: Path, name: str, granularity: Granularity) -> None:
    """The range of a weight offers it with a control for each option, or says why not."""
    app = _distributions_page(workspace_folder, weight_granularity=str(granularity), weight_bits=4)
    keys = [f"keep:weight_option_{name}_{option}" for option in option_names(name)]
    _check_page(app, "keep:weight_range", name, (get_format("int4"), granularity, "weight"), keys)


@granularities
@pytest.mark.usefixtures("shared_workspace", "half")
def test_a_new_file_is_all_that_a_calibrator_needs(granularity: Granularity) -> None:
    """Its scales are half those of min-max for every weight and activation, the plan says so, and its option counts."""
    whole = _planned(_recipe(DEFAULT_CALIBRATOR, "int4", granularity, True)).tensors
    for options, part in (({}, 0.5), ({"part": 0.25}, 0.25)):
        recipe = _recipe("half", "int4", granularity, True, **options)
        assert Recipe.parse(recipe.to_yaml()) == recipe
        plan = _planned(recipe)
        _check_weights(plan, recipe)
        for key, tensor in plan.tensors.items():
            if tensor.kind == "weight" or tensor.reason.startswith("half of the calibration data"):
                assert tensor.grid.scale == pytest.approx(part * whole[key].grid.scale, rel=1e-6)
        assert any(t.reason.startswith("half of the calibration data") for t in plan.tensors.values())
    with pytest.raises(RecipeError, match="'half' has no codes to spare"):
        _planned(_recipe("half", "int2", granularity, True))


@pytest.mark.usefixtures("half")
def test_a_new_calibrator_is_in_short_names_help_and_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """One that needs an option has no short name; the help says so. Its option is nobody else's."""
    assert Recipe.parse("w4a8-half").activations == ActivationSpec(calibrator="half")
    assert short_name(Recipe.parse("w4-half")) == "w4-half"
    assert needs_options(CALIBRATORS.get("asked"))
    assert "asked" not in short_calibrators()
    with pytest.raises(RecipeError, match=r"'asked' is not an option of the recipe.*half"):
        Recipe.parse("w4a8-asked")
    said = command_help("quantize", capsys)
    assert "-half (A part of it)" in said
    assert "part of half" in said
    assert "must be given: asked" in said
    with pytest.raises(RecipeError, match=r"weights.part: an option of 'half' and 'asked', not of.*'mse'; allowed"):
        Recipe.parse("weights: {calibrator: mse, part: 0.5}")
    with pytest.raises(RecipeError, match=r"weights.part: is missing"):
        Recipe.parse("weights: {calibrator: asked}")
    with pytest.raises(RecipeError, match=r"weights.part: .* must be at most 1"):
        Recipe.parse("weights: {calibrator: half, part: 2}")


@pytest.mark.usefixtures("half")
def test_a_new_calibrator_is_in_the_app(workspace_folder: Path) -> None:
    """Both pages draw its option from its type, bounds and description, and what is chosen is in the recipe."""
    app = _quantize_page(_recipe(DEFAULT_CALIBRATOR, "int4", Granularity.CHANNEL, True))
    app.selectbox("quantize_weights_calibrator").set_value("half").run()
    control = app.number_input("quantize_weights_part")
    assert (control.min, control.max, control.value) == (0.25, 1.0, 0.5)
    assert (control.label, control.help) == ("Part kept", "Part of the range that stays.")
    control.set_value(0.75).run()
    found = Recipe.parse(app.session_state["qexplorer_state"].recipe).weights
    assert found == WeightSpec(format="int4", block=8).with_calibrator("half", part=0.75)
    app.selectbox("quantize_weights_calibrator").set_value("asked").run()
    assert app.number_input("quantize_weights_part").value == 0.25
    app.selectbox("quantize_weights_format").set_value("int2").run()
    assert not app.exception
    assert "has no codes to spare" in texts(app)

    app = _distributions_page(workspace_folder, weight_range="half", weight_bits=4)
    assert "range: A part of it 0.5" in texts(app)
    app.number_input("keep:weight_option_half_part").set_value(1.0).run()
    assert not app.exception
    assert editor_data(app)["split"]["clipped"] == 0
    next(b for b in app.button if b.key == "use_for_all").click().run()
    found = Recipe.parse(app.session_state["qexplorer_state"].recipe).weights
    assert found is not None
    assert (found.calibrator, found.options.model_dump()) == ("half", {"part": 1.0})


@granularities
def test_an_unknown_name_raises_everywhere(granularity: Granularity) -> None:
    """No default answers for a calibrator that is not there."""
    array = np.ones((4, 64), np.float32)
    spec = WeightSpec(granularity=granularity).model_copy(update={"calibrator": "halve"})
    with pytest.raises(RecipeError, match=r"weights.calibrator: 'halve' is not a calibrator; allowed: .*minmax"):
        Recipe.parse(f"weights: {{calibrator: halve, granularity: {granularity}}}")
    with pytest.raises(RecipeError, match="'halve' is not an option"):
        Recipe.parse("w8a8-halve")
    with pytest.raises(UnknownName, match=r"'halve'.*minmax"):
        weight_grid(array, spec, 0, 1)
    stats = array_stats("w", array, 0)
    with pytest.raises(UnknownName, match=r"'halve'.*minmax"):
        calibrate(stats, "halve", format=get_format("int8"), symmetric=True)
    with pytest.raises((UnknownName, ValueError), match="halve"):
        grid_view(stats, format=get_format("int8"), symmetric=True, granularity=granularity, calibrator="halve")
