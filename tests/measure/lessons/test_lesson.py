"""Lessons of one layer: what is kept is the layer's own, or a part of it that is said to be one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.graph.index import index_of
from qexplorer.measure.lessons.lesson import WIDTHS, Around, Lesson, LessonGrid, grid_of, read_lesson, write_lesson
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


def test_all_of_a_lesson_is_kept(tmp_path: Path) -> None:
    """What it reads and what makes that, and whether scales have signs; a lesson without these has none of them."""
    grids = {
        bits: LessonGrid(np.full((2, 3), 0.5, np.float32), np.int32([[bits] * 3] * 2), (-bits, bits + 1), *codes)
        for bits, codes in ((bits, [np.full((2, 3), bits + i, np.int32) for i in (0, 1)]) for bits in WIDTHS)
    }
    around = Around(
        np.arange(6, dtype=np.float32).reshape(1, 2, 3),
        np.int32([[0, 1, 1]]),
        np.array([-1.0, -2.0]),
        np.array([3.0, 4.0]),
        np.float32([[5.0], [6.0]]),
        "front",
    )
    numbers = [np.int32([4, 5]), np.int32([0, 2, 7]), np.ones((2, 3), np.float32), np.int32([0, 0]), np.eye(3)[None]]
    made = Lesson("fc", "Gemm", "per channel", (9, 8), 77, *numbers, grids, around, signs=True)  # type: ignore[arg-type]
    for lesson in (made, replace(made, around=None, signs=False)):
        write_lesson(lesson, tmp_path / "lesson")
        kept = read_lesson(tmp_path / "lesson")
        assert kept is not None
        assert (kept.layer, kept.op, kept.words, kept.whole, kept.samples) == ("fc", "Gemm", "per channel", (9, 8), 77)
        assert (kept.signs, kept.is_part, kept.around is None) == (lesson.signs, True, lesson.around is None)
        for name in ("channels", "columns", "values", "groups", "moments"):
            assert np.array_equal(getattr(kept, name), getattr(made, name)), name
        for bits, grid in grids.items():
            assert kept.steps[bits].ends == grid.ends
            assert (kept.steps[bits].decoded(grid.learned) == 0.5).all()
            assert (kept.steps[bits].decoded(grid.nearest) == 0.0).all()
            assert grid_of(grid, bits).format.name == f"int{bits}"
            assert (grid_of(grid, bits).qmin, grid_of(grid, bits).qmax) == grid.ends
            for name in ("scale", "zero", "nearest", "learned"):
                assert np.array_equal(getattr(kept.steps[bits], name), getattr(grid, name)), name
    write_lesson(made, tmp_path / "lesson")
    kept = read_lesson(tmp_path / "lesson")
    assert kept is not None
    assert kept.around is not None
    assert kept.around.front_layer == "front"
    for name in ("feeds", "channel", "low", "high", "front"):
        assert np.array_equal(getattr(kept.around, name), getattr(around, name)), name


def test_an_error_is_a_share_of_the_power_of_the_row() -> None:
    """By the moments of the row's own group: of weights 1 and 2 beside inputs whose squares are 4 and 1, the output's
    power is 8; half of the first weight gone costs 1 of it. A row of zeros is measured against 1."""
    numbers = [np.int32([0, 1, 2]), np.int32([0, 1]), np.float32([[1, 2], [0, 0], [1, 2]]), np.int32([1, 1, 0])]
    moments = np.stack([np.eye(2), np.diag([4.0, 1.0])])
    lesson = Lesson("fc", "Gemm", "", (3, 2), 1, *numbers, moments, {})  # type: ignore[arg-type]
    assert [lesson.power(row) for row in range(3)] == [8.0, 1.0, 5.0]
    assert lesson.error(0, np.array([0.5, 2.0])) == 1 / 8
    assert lesson.error(1, np.array([0.0, 3.0])) == 9.0
    assert lesson.error(2, np.array([1.0, 2.0])) == 0.0
    assert not lesson.is_part


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


def test_groups_have_inputs_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of a depthwise convolution points to the moments of its own channel, of as many as there is room for."""
    one = case("depthwise")
    layer = next(la.name for la in one.model.layers if la.op == "Conv" and la.weight_shape == (8, 1, 3, 3))
    lesson = lesson_of(one.model, data_of(one), Recipe.parse("w4"), layer)
    assert lesson.values.shape == (8, 9)
    assert lesson.groups.tolist() == list(range(8))
    assert not np.allclose(lesson.hessian(0), lesson.hessian(1))
    monkeypatch.setattr("qexplorer.measure.lessons.making.goes_apart", lambda _: False)  # not in a child
    monkeypatch.setattr("qexplorer.measure.lessons.making._ROWS", 3)
    lesson_path(one.model, data_of(one), Recipe.parse("w4"), layer).unlink()
    few = lesson_of(one.model, data_of(one), Recipe.parse("w4"), layer)
    lesson_path(one.model, data_of(one), Recipe.parse("w4"), layer).unlink()
    assert (few.groups.tolist(), few.channels.tolist(), few.whole) == ([0, 1, 2], [0, 1, 2], (8, 9))
    assert np.array_equal(few.values, lesson.values[:3])
    assert np.array_equal(few.moments, lesson.moments[:3])


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
