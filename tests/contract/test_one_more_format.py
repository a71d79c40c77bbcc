"""One more number format is one file: seen in recipe, plan, file, size, a comparison in children, controls and help."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, Granularity, on_a_grid
from qexplorer.core.grid import fake_quantize
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.contract.format_checks import check_file, check_size, command_help, format_recipe, planned, weights_of
from tests.contract.throw_away import bring
from tests.pages.app import open_app, texts
from tests.quantize.support import case, run

QUINARY = """
from qexplorer.core.formats.table import TableFormat

ENTRIES = (
    TableFormat("quinary", (-1.0, -0.4, 0.0, 0.4, 1.0), recipes={"five": "five levels, one scale for each channel"}),
)
"""


@pytest.fixture
def quinary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A format that is one more file of the folder, here and in children, and nothing else."""
    bring(monkeypatch, FORMATS, "quinary", QUINARY, tmp_path)
    yield "quinary"
    sys.modules.pop("qexplorer.core.formats.quinary", None)


@pytest.mark.parametrize("granularity", list(Granularity), ids=str)
@pytest.mark.usefixtures("shared_workspace")
def test_a_new_file_is_all_that_a_format_needs(quinary: str, granularity: Granularity) -> None:
    """Recipe, plan, file and size know it; its three bits are packed as three, carried by four."""
    recipe = format_recipe(quinary, granularity, calibrator="mse")
    assert Recipe.parse(recipe.to_yaml()) == recipe
    plan = planned(recipe)
    assert any(layer.weights and layer.weights.endswith("carried by uint4") for layer in plan.layers)
    for _, array, grid in weights_of(plan):
        normal = fake_quantize(array, grid) / np.maximum(*[np.abs(fake_quantize(array, grid)).max()] * 2)
        assert len(np.unique(normal.round(5))) <= 5 * grid.scale.size
    check_file(recipe)
    check_size(recipe)


def test_a_new_format_is_compared_in_children(quinary: str) -> None:
    """A comparison by its short name judges and times it in processes of their own."""
    assert Recipe.parse("five").weights is not None
    table = qx.compare("tumour_mlp", "five", backends=["onnxruntime"], samples=32)
    assert [(item.recipe, item.status) for item in table.runs] == [("float", Status.OK), ("five", Status.OK)]
    assert quinary in FORMATS


def test_a_new_format_is_in_the_app_names_and_help(quinary: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both lists of weights offer it, the presets and the help have its short name, messages name it."""
    app = open_app()
    app.button("use_tumour_mlp").click().run()
    app.switch_page("pages/quantize.py").run()
    app.selectbox("quantize_weights_format").set_value(quinary).run()
    assert not app.exception
    assert "five levels, one scale for each channel" in texts(app) or "quinary weights" in texts(app)
    assert any(option.startswith(quinary) for option in app.selectbox("quantize_weights_format").options)
    app.switch_page("pages/distributions.py").run()
    assert quinary in app.selectbox("keep:weight_numbers").options
    assert "five (five levels, one scale for each channel)" in command_help("compare", capsys)
    with pytest.raises(RecipeError, match="quinary"):
        Recipe.parse("weights: {format: senary}")


def test_every_width_of_integers_is_in_yaml_names_and_controls() -> None:
    """int12 and uint12 are one number in a list: YAML and short names read them, activations take them, they run."""
    assert Recipe.parse("w12a12").weights == Recipe.parse("weights: {format: int12}").weights
    assert "uint12" in on_a_grid("activation")
    recipe, found = Recipe.parse("w12a12"), case("mlp")
    plan = make_plan(found.model, recipe, found.statistics)
    (answer,) = run(emit(found.model, recipe, plan), found.feeds)
    (expected,) = run(found.model.proto(), found.feeds)
    np.testing.assert_allclose(answer, expected, atol=0.01 * np.ptp(expected))


SINGLE = """
from qexplorer.core.formats import Granularity
from qexplorer.core.formats.table import TableFormat

class Single(TableFormat):
    granularities = (Granularity.TENSOR,)

ENTRIES = (Single("single", (-1.0, 0.0, 1.0)),)
"""


def test_a_granularity_that_a_format_does_not_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One scale for a whole weight is all that this one knows; anything finer gets a sentence."""
    bring(monkeypatch, FORMATS, "single", SINGLE, tmp_path)
    assert Recipe.parse("weights: {format: single, granularity: tensor}").weights is not None
    for finer in ("channel", "block"):
        with pytest.raises(RecipeError, match=f"single cannot have a scale per {finer}; allowed: tensor"):
            Recipe.parse(f"weights: {{format: single, granularity: {finer}}}")
    sys.modules.pop("qexplorer.core.formats.single", None)
