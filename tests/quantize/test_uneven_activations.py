"""Activations on levels that are not evenly spaced: rounded in float operators, exactly as the grid says."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, get_format
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.recipe import ActivationSpec, Recipe
from qexplorer.core.recipe_words.names import own_name, short_name
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.emit.rounded import write_rounded
from qexplorer.quantize.emit.writer import GraphWriter
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.quantize import quantize_model
from tests.quantize.support import case, run

UNEVEN = [each.name for each in FORMATS if "activation" in each.roles and each.has_scale and not each.is_uniform]
every = pytest.mark.parametrize("name", UNEVEN)


def test_floats_of_8_bits_and_powers_are_formats_of_activations() -> None:
    """FP8 in both forms, power-of-two and logarithmic levels, and no other table."""
    assert set(UNEVEN) == {"fp8_e4m3", "fp8_e5m2", "pot", "log"}


@every
@pytest.mark.parametrize("reach", [1.0, 0.37, 30.0])
def test_the_nodes_round_as_the_grid_says(name: str, reach: float) -> None:
    """Levels, halves between them, the float32 beside each, and what lies beyond, bit for bit but the sign of zero."""
    grid = grid_from_range(-reach, reach, get_format(name), symmetric=True)
    levels = grid.levels().astype(np.float64)
    exact = np.concatenate([levels, (levels[1:] + levels[:-1]) / 2, [3 * reach, -3 * reach]]).astype(np.float32)
    x = np.concatenate([exact, *(np.nextafter(exact, np.float32(end)) for end in (-np.inf, np.inf))])
    writer = GraphWriter({"x", "y"})
    write_rounded(writer, "x", "x", grid, "y")
    ends = [helper.make_tensor_value_info(each, 1, [x.size]) for each in "xy"]
    graph = helper.make_graph(writer.nodes, "g", ends[:1], ends[1:], writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    for simulated in (True, False):
        (found,) = run(model, {"x": x}, simulated=simulated)
        np.testing.assert_array_equal(found, fake_quantize(x, grid))


def _recipe(name: str, weights: str = "int8") -> Recipe:
    return Recipe.model_validate({"weights": {"format": weights}, "activations": {"format": name}})


@every
@pytest.mark.parametrize("network", ["cnn", "mlp", "attention", "residual", "unmoved"])
@pytest.mark.usefixtures("shared_workspace")
def test_a_network_on_them_runs_and_says_that_it_is_simulated(name: str, network: str) -> None:
    """It loads at every level with the same answers, near those in float; no integer kernel is promised."""
    found, recipe = case(network), _recipe(name)
    plan = make_plan(found.model, recipe, found.statistics)
    grids = [each.grid for each in plan.tensors.values() if each.kind == "activation"]
    assert grids
    assert {grid.format.name for grid in grids} == {name}
    reasons = [each.reason or "" for each in plan.layers if each.treatment == "quantized"]
    assert reasons
    assert all("simulated" in reason for reason in reasons)
    model = emit(found.model, recipe, plan)
    onnx.checker.check_model(model)
    (fast,), (simulated,) = run(model, found.feeds), run(model, found.feeds, simulated=True)
    (floats,) = run(found.model.proto(), found.feeds)
    spread = float(np.ptp(floats))
    assert np.abs(fast - simulated).max() < 0.1 * spread
    assert np.abs(simulated - floats).mean() < 0.2 * spread


@every
@pytest.mark.usefixtures("shared_workspace")
def test_weights_of_the_same_kind_go_with_them(name: str) -> None:
    """Both on the same levels: the file opens, and its size is that of the packed codes with what stands beside."""
    found = case("mlp")
    made = quantize_model(found.model, _recipe(name, name), found.statistics)
    assert np.isfinite(run(onnx.load_from_string(made.onnx), found.feeds)[0]).all()
    assert made.weight_bytes < found.model.weight_bytes


@every
def test_it_has_no_zero_point(name: str) -> None:
    """Symmetric where nothing is said, refused where something else is; dynamic ranges are those of uint8."""
    assert ActivationSpec.model_validate({"format": name}).symmetric
    for more, says in (
        ({"symmetric": False}, "has no zero point"),
        ({"mode": "dynamic"}, "dynamic activations are uint8"),
    ):
        with pytest.raises(RecipeError, match=says):
            Recipe.parse(f"weights: {{format: int8}}\nactivations: {_flow({'format': name, **more})}")
    assert short_name(_recipe(name)) is None
    assert f"{name} activations" in own_name(_recipe(name))


def _flow(fields: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {str(value).lower()}" for key, value in fields.items()) + "}"


@pytest.mark.parametrize("name", ["int9", "uint12"])
@pytest.mark.usefixtures("shared_workspace")
def test_activations_narrower_than_16_bits_stay_within_their_own_codes(name: str) -> None:
    """Carried by 16 bits they are clipped to their grid: values far outside the range come out at its ends."""
    found, recipe = case("attention"), _recipe(name)
    plan = make_plan(found.model, recipe, found.statistics)
    model = emit(found.model, recipe, plan)
    far = {key: value * np.float32(50) for key, value in found.feeds.items()}
    output = model.graph.output[0].name
    grid = plan.tensors[output].grid
    (answer,) = run(model, far, simulated=True)
    assert float(grid.low) <= answer.min()
    assert answer.max() <= float(grid.high)
    assert np.ptp(answer) > 0
