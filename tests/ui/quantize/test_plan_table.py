"""The table of a plan, and what a plan depends on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.plan_types import LayerPlan, Plan
from qexplorer.ui.quantize import plan as plan_page
from qexplorer.ui.quantize.plan import plan_of, plan_rows
from tests.ui.screens import screen_of

PLAN = Plan(
    (
        LayerPlan("first", "Conv", "quantized", "int8", "uint8", "by the recipe", 10, 40),
        LayerPlan("shape", "Reshape", "passthrough", None, None, "moves data", 0, 0, computes=False),
        LayerPlan("softmax", "Softmax", "float", None, None, "no kernel", 0, 0),
        LayerPlan("gather", "Gather", "float", None, None, "not asked for", 5, 20, computes=False),
    ),
    {},
)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("All layers", ["first", "softmax"]),
        ("Why float?", ["softmax"]),
        ("Quantized", ["first"]),
        ("All nodes", ["first", "shape", "softmax", "gather"]),
    ],
)
def test_a_filter_keeps_its_layers_with_their_places(kind: str, names: list[str]) -> None:
    """Nodes that only move data stand among all nodes alone, and places are those in the whole model."""
    rows = plan_rows(PLAN, kind)
    places = {"first": 1, "shape": 2, "softmax": 3, "gather": 4}
    assert [(row["#"], row["layer"]) for row in rows] == [(places[name], name) for name in names]


def test_a_row_leaves_empty_what_there_is_not() -> None:
    """A layer without a weight has no bytes, and one in float no formats."""
    first, softmax = plan_rows(PLAN, "All layers")
    assert first == {
        "#": 1,
        "layer": "first",
        "operator": "Conv",
        "treatment": "integers",
        "weights": "int8",
        "activations": "uint8",
        "bytes": 40,
        "why": "by the recipe",
    }
    assert (softmax["weights"], softmax["activations"], softmax["bytes"]) == ("", "", None)


def test_a_choice_of_ranges_makes_no_other_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan is made once for all calibrators of weights, in the recipe and in its rules, and again for a format."""
    model, planned = SimpleNamespace(sha256="no model of any session"), []

    def planner(_: object, recipe: Recipe) -> Plan:
        planned.append(recipe)
        return Plan((), {})

    monkeypatch.setattr("qexplorer.quantize.changes.apply.preview_plan", planner)

    def plan(weights: str, rule: str, rest: str = "") -> Plan:
        text = f"weights: {{{weights}}}\n{rest}layers: [{{match: conv1, weights: {{{rule}}}}}]\n"
        return plan_of(cast("Model", model), Recipe.parse(text))

    first = plan("format: int8", "format: int4")
    assert plan("format: int8, calibrator: mse", "format: int4") is first
    assert plan("format: int8", "format: int4, calibrator: mse") is first
    assert plan("format: int8, calibrator: percentile, percentile: 99.0", "format: int4") is first
    assert plan("format: int8", "format: int4, calibrator: percentile, percentile: 99.0") is first
    (seen,) = planned
    assert seen.layers[0].weights == {"format": "int4"}
    for other in (
        plan("format: int8", "format: int2"),
        plan("format: int8, symmetric: false", "format: int4"),
        plan("format: int8", "format: int4", "activations: {format: uint8}\n"),
    ):
        assert other is not first
    assert len(planned) == 4


@pytest.mark.parametrize(
    ("asked", "rows", "chosen", "said"),
    [
        (None, [0, 1, 2], ["first", "softmax"], "2 chosen:"),
        ("Why float?", [0], ["softmax"], "1 chosen:"),
        ("All nodes", [3], ["gather"], "1 chosen:"),
        ("Why float?", [1], [], "Choose rows to give their layers another format."),
    ],
)
def test_rows_are_chosen_in_the_table_that_is_shown(
    asked: str | None, rows: list[int], chosen: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stood in a longer table is chosen no more."""
    event = SimpleNamespace(selection=SimpleNamespace(rows=rows))
    screen = screen_of(monkeypatch, plan_page, Show=asked, dataframe=event)
    plan_page.draw_table(PLAN)
    assert screen.of("segmented_control")[0][0][1][-1] == "All nodes"
    assert said in screen.said
    assert [named["args"][0] for _, named in screen.of("button")] == [chosen] * 3 * bool(chosen)
    few = screen_of(monkeypatch, plan_page, Show="Quantized")
    plan_page.draw_table(Plan(PLAN.layers[2:3], {}))
    assert few.said == "No such layer under this recipe."
    assert "All nodes" not in few.of("segmented_control")[0][0][1]
