"""The pictures of a plan: their sums are the plan's, and float is drawn at its true size."""

from __future__ import annotations

import json
from dataclasses import replace

import altair
import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.model import load_model
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import LayerPlan, Plan
from qexplorer.report.layer_charts.plan import MOST_LAYERS, TREATMENTS, layers_spec, plan_info, whole_spec


@pytest.fixture
def model(shared_workspace: object) -> Model:  # noqa: ARG001 - only read
    """The smallest sample."""
    return load_model("tumour_mlp")


@pytest.mark.parametrize("name", ["w8a8", "w8a8-dynamic", "w4", "fp16", "float"])
def test_sums(model: Model, name: str) -> None:
    """Bars before add up to the weights in float, and bars after to the bar of the whole."""
    info = plan_info(model, make_plan(model, Recipe.parse(name), None), name)
    assert info.float_bytes == pytest.approx(model.weight_bytes, rel=0.02)
    assert sum(info.whole.values()) == info.bytes
    assert sum(info.counts.values()) == len(model.layers)
    assert (info.bytes < info.float_bytes) == (name != "float")


def test_pictures_are_vega_lite(model: Model) -> None:
    """Both pictures are valid, start at zero and draw float beside what becomes of it."""
    info = plan_info(model, make_plan(model, Recipe.parse("w8a8"), None), "w8a8")
    altair.Chart.from_dict(json.loads(json.dumps(whole_spec(info))))
    altair.LayerChart.from_dict(json.loads(json.dumps(layers_spec(info))))
    rows = layers_spec(info)["datasets"]["layers"]
    assert all(0 < row["after"] < row["before"] for row in rows)


def test_many_layers_are_cut_to_the_largest(model: Model) -> None:
    """Of more layers than can be drawn the largest stay, in their order, and the rest is counted."""
    plan = make_plan(model, Recipe.parse("w8"), None)
    weighted = next(layer for layer in plan.layers if layer.weight_bytes)
    many = [replace(weighted, name=f"l{i}", parameters=100 + i, weight_bytes=50 + i) for i in range(MOST_LAYERS + 7)]
    info = plan_info(model, replace(plan, layers=tuple(many)), "w8", made=5_000)
    assert (len(info.bars), info.left_out) == (MOST_LAYERS, 7)
    assert [bar.name for bar in info.bars] == [f"l{i}" for i in range(7, MOST_LAYERS + 7)]


def test_every_treatment_has_a_colour_of_its_own() -> None:
    """No two treatments share a colour, so that a bar can be read."""
    colours = [colour for _, colour in TREATMENTS.values()]
    assert len(set(colours)) == len(colours)


def test_what_is_planned_is_summed_by_what_becomes_of_it(model: Model) -> None:
    """Weights that no layer has stay in float, and scales go to what there is most of; what moves data is no layer."""
    layers = (
        LayerPlan("a", "Conv", "quantized", "int8", "uint8", "", 100, 120),
        LayerPlan("b", "Reshape", "passthrough", None, None, "", 0, 0, computes=False),
        LayerPlan("c", "Softmax", "float", None, None, "", 0, 0),
        LayerPlan("d", "Gemm", "weight-only", "int4", None, "", 50, 30),
        LayerPlan("e", "Conv", "quantized", "int8", "uint8", "", 10, 15),
    )
    info = plan_info(replace(model, weight_bytes=700), Plan(layers, {}), "mine", made=270)
    assert info.whole == {"quantized": 120 + 15 + 45, "weight-only": 30, "float": 60}
    assert list(info.whole) == ["quantized", "weight-only", "float"]
    assert info.counts == {"quantized": 2, "weight-only": 1, "float": 1}
    assert (info.float_bytes, info.bytes, info.left_out) == (700, 270, 0)
    assert [(bar.place, bar.name, bar.float_bytes, bar.bytes, bar.weights) for bar in info.bars] == [
        (1, "a", 400, 120, "int8"),
        (4, "d", 200, 30, "int4"),
        (5, "e", 40, 15, "int8"),
    ]
