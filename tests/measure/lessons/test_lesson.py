"""Lessons of one layer: what is kept is the layer's own, or a part of it that is said to be one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.graph.index import index_of
from qexplorer.measure.lessons.lesson import WIDTHS, grid_of, read_lesson
from qexplorer.measure.lessons.making import lesson_of, lesson_path, spec_of, teachable
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


@pytest.mark.parametrize(("name", "lowest", "whose"), [("w3", -4, "weights alone"), ("w3a8", -3, "integer kernels")])
def test_codes_are_those_of_the_recipes_own_plan(name: str, lowest: int, whose: str) -> None:
    """A layer that fits has its own weight and the file's grid, of weights alone or of an integer kernel, and says
    which; no row of it is worse by AdaRound than by nearest rounding."""
    one, data = case("cnn"), data_of(case("cnn"))
    recipe = Recipe.parse(name)
    layer = teachable(one.model)[0]
    lesson = lesson_of(one.model, data, recipe, layer)
    assert not lesson.is_part
    view = index_of(one.model)
    matrix = matrix_of(view.nodes[layer], view)
    assert isinstance(matrix, LayerMatrix)
    plan = quantized(one.model, f"{name}-adaround", data).plan
    tensor, steps = plan.tensors[plan.constants[layer][1]], lesson.steps[3]
    scale, zero = matrix.grid(tensor.grid)
    assert np.array_equal(steps.scale, scale.reshape(lesson.values.shape))
    assert np.array_equal(steps.zero, zero.reshape(lesson.values.shape))
    assert steps.ends == (tensor.grid.qmin, tensor.grid.qmax) == (lowest, 3)
    assert whose in lesson.words
    learned = [lesson.error(row, steps.decoded(steps.learned)[row]) for row in range(len(lesson.values))]
    nearest = [lesson.error(row, steps.decoded(steps.nearest)[row]) for row in range(len(lesson.values))]
    assert all(a <= b + 1e-12 for a, b in zip(learned, nearest, strict=True))
    assert sum(learned) < sum(nearest)


def test_a_lesson_is_read_as_it_was_kept() -> None:
    """Every array and word comes back; another schema, or nothing, is no lesson."""
    one, data = case("mlp"), data_of(case("mlp"))
    recipe, layer = Recipe.parse("w4"), teachable(case("mlp").model)[0]
    made = lesson_of(one.model, data, recipe, layer)
    kept = read_lesson(lesson_path(one.model, data, recipe, layer))
    assert kept is not None
    assert (kept.layer, kept.op, kept.words, kept.whole, kept.samples) == (
        made.layer,
        made.op,
        made.words,
        made.whole,
        made.samples,
    )
    for name in ("channels", "columns", "values", "groups", "moments"):
        assert np.array_equal(getattr(kept, name), getattr(made, name))
    for bits in WIDTHS:
        assert np.array_equal(kept.steps[bits].learned, made.steps[bits].learned)
        assert np.array_equal(grid_of(kept.steps[bits], bits).scale, made.steps[bits].scale)
    assert lesson_path(one.model, data, Recipe.parse("w8"), layer) == lesson_path(one.model, data, recipe, layer)
    assert read_lesson(lesson_path(one.model, data, recipe, "another layer")) is None


def test_a_large_layer_is_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inputs that are largest are kept, and rows from the beginning; moments are those of the part."""
    monkeypatch.setattr("qexplorer.measure.lessons.making.goes_apart", lambda _: False)  # not in a child
    monkeypatch.setattr("qexplorer.measure.lessons.making._COLUMNS", 5)
    monkeypatch.setattr("qexplorer.measure.lessons.making._ROWS", 3)
    one, data = case("cnn"), data_of(case("cnn"), seed=3)
    recipe, layer = Recipe.parse("w4-tensor"), teachable(one.model)[1]
    part = lesson_of(one.model, data, recipe, layer)
    lesson_path(one.model, data, recipe, layer).unlink()
    monkeypatch.setattr("qexplorer.measure.lessons.making._COLUMNS", 256)
    monkeypatch.setattr("qexplorer.measure.lessons.making._ROWS", 32)
    whole = lesson_of(one.model, data, recipe, layer)
    assert part.is_part
    assert part.values.shape == (3, 5)
    assert part.whole == whole.values.shape
    assert np.array_equal(part.values, whole.values[:3, part.columns])
    assert np.allclose(part.moments[0], whole.moments[0][np.ix_(part.columns, part.columns)])
    sizes = np.diag(whole.moments[0])
    assert sizes[part.columns].min() >= np.delete(sizes, part.columns).max()


def test_groups_have_inputs_of_their_own() -> None:
    """Each row of a depthwise convolution points to the moments of its own channel."""
    one = case("depthwise")
    layer = next(la.name for la in one.model.layers if la.op == "Conv" and la.weight_shape == (8, 1, 3, 3))
    lesson = lesson_of(one.model, data_of(one), Recipe.parse("w4"), layer)
    assert lesson.values.shape == (8, 9)
    assert lesson.groups.tolist() == list(range(8))
    assert not np.allclose(lesson.hessian(0), lesson.hessian(1))


def test_a_layer_without_a_matrix_is_one_sentence() -> None:
    """What cannot be taken as a matrix product is refused, and is not offered."""
    one = case("cnn")
    relu = next(layer.name for layer in one.model.layers if layer.op == "Relu")
    assert relu not in teachable(one.model)
    with pytest.raises(InputError, match="nothing can be shown of this layer"):
        lesson_of(one.model, data_of(one), Recipe.parse("w4"), relu)


def test_a_recipe_without_integers_is_taught_on_integers() -> None:
    """Grids are laid as the recipe's; one of other formats, or of float, gives the usual integers."""
    assert spec_of(Recipe.parse("w4-b32")).granularity == "block"
    assert spec_of(Recipe.parse("nf4")) == WeightSpec(format="int4")
    assert spec_of(Recipe.parse("weights: null")) == WeightSpec(format="int4")
