"""The levels that page Distributions draws are those of the file that the recipe leads to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from qexplorer.core.formats.uniform import has_signs, symmetric_ends
from qexplorer.core.grid import Granularity, Grid, grid_from_range
from qexplorer.core.recipe import Recipe, WeightSpec
from qexplorer.observe.weights import weight_stats
from qexplorer.quantize.constants import has_signed_scales
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.report.tensor_charts.histogram import histogram_info
from qexplorer.ui.distributions.controls import INTEGERS, Settings
from qexplorer.ui.distributions.drawn_grid import view_of
from tests.quantize.support import case

LAYER = "classifier"


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """The case is observed once for the whole session."""


def _decoded(recipe: Recipe) -> np.ndarray:
    """The weight as the file's own DequantizeLinear decodes it."""
    one = case("cnn")
    plan = make_plan(one.model, recipe, one.statistics)
    proto = emit(one.model, recipe, plan)
    key = plan.constants[LAYER][1]
    node = next(n for n in proto.graph.node if n.op_type == "DequantizeLinear" and n.input[0] == f"{key}/codes")
    stored = {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}
    rank = stored[node.input[0]].ndim
    shown = onnx.helper.make_tensor_value_info(node.output[0], 1, [None] * rank)
    kept = [item for item in proto.graph.initializer if item.name in node.input]
    graph = onnx.helper.make_graph([node], "one", [], [shown], kept)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    values = ReferenceEvaluator(made).run(None, {})[0]
    weight = next(layer.weight for layer in one.model.layers if layer.name == LAYER)
    whole = weight_stats(one.model, str(weight)).array
    assert whole is not None
    return np.asarray(values if values.shape == whole.shape else values.T, np.float32)


def _settings(recipe: Recipe) -> Settings:
    spec = recipe.weights
    assert isinstance(spec, WeightSpec)
    decoded = has_signed_scales(case("cnn").model, recipe, LAYER)
    chosen = (spec.granularity, spec.block, spec.symmetric, spec.calibrator, (), None, decoded)
    return Settings("weight", INTEGERS, int(spec.format[3:]), True, *chosen)


def _levels(grid: Grid, index: tuple[int, ...]) -> np.ndarray:
    """The levels of the grid at one place of the weight."""
    take = [0 if size == 1 else at for at, size in zip(index, grid.scale.shape, strict=False)]
    if grid.axis is None:
        return grid.levels()
    if grid.granularity is Granularity.CHANNEL:
        return grid.channel(index[grid.axis]).levels()
    assert grid.block is not None
    take[grid.axis] = index[grid.axis] // grid.block
    where = tuple(take)
    return replace(grid, scale=grid.scale[where], zero_point=grid.zero_point[where], axis=None, block=None).levels()


@pytest.mark.parametrize("bits", [3, 4])
@pytest.mark.parametrize("how", ["-tensor", "", "-b8", "a8-tensor", "a8", "-tensor-mse", "-mse"])
def test_the_levels_drawn_are_those_of_the_file(bits: int, how: str) -> None:
    """Every value that the file decodes is a level that is drawn, of as many as the file can say."""
    recipe = Recipe.parse(f"w{bits}{how}")
    one = case("cnn")
    stats = weight_stats(one.model, str(next(la.weight for la in one.model.layers if la.name == LAYER)))
    view = view_of(f"{one.model.sha256}{how}", stats.name, _settings(recipe), stats)
    decoded, farthest = _decoded(recipe), 0
    for index in np.ndindex(decoded.shape):
        levels = _levels(view.grid, index)
        assert len(levels) == 2**bits - how.startswith("a8")
        assert decoded[index] in levels
        farthest += abs(decoded[index]) == np.abs(levels).max()
    scales = view.grid.scale.size
    assert farthest >= scales if "mse" not in how else farthest > 0
    assert stats.array is not None
    assert view.error.mse == pytest.approx(np.square(decoded.astype(float) - stats.array).mean(), rel=1e-5)


def test_bars_have_the_codes_of_the_file() -> None:
    """With a scale below zero the largest values have the most negative code, and zero is code 0."""
    recipe = Recipe.parse("w4-tensor")
    kind = _settings(recipe).grid_format
    assert has_signs(kind)
    grid = grid_from_range(*symmetric_ends(kind, -1.0, 2.0), kind, symmetric=True)
    edges = np.linspace(-1.75, 2.0, 31)
    info = histogram_info("w", np.ones(30), edges, grid)
    assert (info.levels, info.zero_code, info.zero_text) == (16, 0, "zero is code 0")
    assert (info.bars[0].codes, info.bars[-1].codes) == ("7", "-8")
