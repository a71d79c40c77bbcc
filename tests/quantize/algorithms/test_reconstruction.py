"""BRECQ, AutoRound and learned scales in recipes: their order, what they exclude, what they say, what they leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.grid import quantize
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.changes.apply import preview_plan
from qexplorer.quantize.plan_types import QuantizedModel
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _error(found: QuantizedModel, graph: str) -> float:
    """Of the outputs on calibration samples, as a share of their mean square."""
    one = case(graph)
    inputs = dict(one.split.inputs)
    answers, wanted = run(onnx.load(found.path), inputs, simulated=True)[0], run(one.model.proto(), inputs)[0]
    return float(np.mean((answers - wanted) ** 2) / np.mean(wanted**2))


def _with(recipe: str, name: str, options: str) -> str:
    return Recipe.parse(f"{recipe}-{name}").to_yaml().replace(f"- {name}", f"- {name}: {options}")


@pytest.mark.parametrize("name", ["brecq", "autoround", "learned_scales"])
@pytest.mark.parametrize("graph", ["residual", "mlp"])
def test_the_network_comes_closer_to_the_float_one(graph: str, name: str) -> None:
    """On the samples that it learned from, with three bits, by a fifth of the error at least."""
    one = case(graph)
    plain, found = (quantized(one.model, recipe, data_of(one)) for recipe in ("w3a8", f"w3a8-{name}"))
    assert _error(found, graph) < 0.8 * _error(plain, graph)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("w4-adaround-brecq", "both choose the codes of weights"),
        ("w4-gptq-autoround", "both choose the codes of weights"),
        ("w4-autoround-brecq", "both choose the codes of weights"),
        ("w4-qat-brecq", "both choose the codes of weights"),
        ("w4-learned_scales-qat", "both let scales learn"),
        ("w4-adaround-learned_scales", "it finds the scales that codes are chosen on"),
        ("w4-brecq-hqq", "it finds the scales that codes are chosen on"),
        ("w4-learned_scales-hqq", "scales learn from where it left them"),
    ],
)
def test_order_and_exclusions_are_told_with_the_reason(recipe: str, why: str) -> None:
    """One sentence that names both."""
    with pytest.raises(RecipeError, match=why):
        Recipe.parse(recipe)


def test_codes_are_chosen_on_scales_that_learned() -> None:
    """AdaRound behind learned scales: the scales are theirs, the codes are not the nearest, and the plan tells both."""
    one = case("cnn")
    scales, both = (quantized(one.model, f"w3-learned_scales{end}", data_of(one)) for end in ("", "-adaround"))
    keys = [each[1] for each in both.plan.constants.values() if 1 in each]
    assert all(np.array_equal(both.plan.tensors[k].grid.scale, scales.plan.tensors[k].grid.scale) for k in keys)
    assert any(not np.array_equal(both.plan.tensors[k].codes, scales.plan.tensors[k].codes) for k in keys)  # type: ignore[arg-type]
    reasons = [layer.reason for layer in both.plan.layers]
    assert any("Learned scales: " in reason and "AdaRound: " in reason for reason in reasons)


@pytest.mark.parametrize("error", ["blocks", "network"])
def test_learned_scales_leave_weights_and_the_other_side_alone(error: str) -> None:
    """Codes are the nearest on the scales that came out; of activations alone, no weight's grid moves."""
    one = case("residual")
    plain = quantized(one.model, "w3a8", data_of(one))
    found = quantized(one.model, _with("w3a8", "learned_scales", f"{{error: {error}}}"), data_of(one))
    only = quantized(
        one.model, _with("w3a8", "learned_scales", f"{{error: {error}, scales: activations}}"), data_of(one)
    )
    moved: dict[str, bool] = {}
    for key, tensor in found.plan.tensors.items():
        first = plain.plan.tensors[key.split("#")[0]] if tensor.kind != "bias" else None
        if first is not None:
            moved[tensor.kind] = moved.get(tensor.kind, False) or not np.array_equal(
                first.grid.scale, tensor.grid.scale
            )
        if tensor.kind == "weight" and tensor.codes is not None:
            values = onnx.numpy_helper.to_array(
                next(item for item in one.model.proto().graph.initializer if item.name == tensor.name)
            )
            assert np.array_equal(tensor.codes, quantize(values, tensor.grid))
    assert moved == {"weight": True, "activation": True}
    pairs = [(plain.plan.tensors[k], each) for k, each in only.plan.tensors.items() if each.kind == "weight"]
    assert all(np.array_equal(a.grid.scale, b.grid.scale) for a, b in pairs)
    assert _error(only, "residual") <= _error(plain, "residual")


def test_brecq_tells_its_blocks_before_and_after() -> None:
    """Foretold without data; then which layers learned together and what that did to the end of their block."""
    one = case("residual")
    plan = preview_plan(one.model, Recipe.parse("w4a8-brecq"))
    assert any("will choose its codes together with those of its block" in layer.reason for layer in plan.layers)
    found = quantized(one.model, "w3a8-brecq", data_of(one))
    reasons = " ".join(layer.reason for layer in found.plan.layers)
    assert "BRECQ: learned together with 'conv" in reasons
    assert "of its size, before" in reasons
    assert "of its codes are other ones" in reasons


@pytest.mark.parametrize("name", ["brecq", "autoround", "learned_scales"])
def test_formats_without_even_steps_stay(name: str) -> None:
    """There is no up or down by one step; the plan says so."""
    one = case("mlp")
    found = quantized(one.model, f"nf4-{name}", data_of(one))
    assert any("has no even steps" in layer.reason for layer in found.plan.layers)


def test_offsets_without_ranges_keep_the_scales() -> None:
    """``ranges: false`` leaves every grid as it was; with ranges some become narrower."""
    one = case("mlp")
    plain = quantized(one.model, "w3", data_of(one))
    for ranges, same in (("false", True), ("true", False)):
        found = quantized(one.model, _with("w3", "autoround", f"{{ranges: {ranges}}}"), data_of(one))
        scales = [(plain.plan.tensors[k].grid.scale, each.grid.scale) for k, each in found.plan.tensors.items()]
        assert all(np.array_equal(a, b) for a, b in scales) == same
        assert all(np.all(b <= a * 1.000001) for a, b in scales)
