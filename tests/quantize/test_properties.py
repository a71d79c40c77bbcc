"""Any recipe on any graph of the zoo keeps the promises of plan and emission."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qexplorer.core.formats import FORMATS
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import ZOO
from tests.quantize.support import case, run

_INTEGERS = [f.name for f in FORMATS if f.is_uniform]
_OPS = ["Conv", "Gemm", "MatMul", "Relu", "Add", "Softmax", "MaxPool", "Concat", "*"]


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _weights() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "format": st.sampled_from(_INTEGERS),
            "granularity": st.sampled_from(["tensor", "channel", "block"]),
            "block": st.sampled_from([8, 16]),
            "symmetric": st.booleans(),
        }
    )


def _activations() -> st.SearchStrategy[dict[str, Any]]:
    static = st.fixed_dictionaries(
        {
            "format": st.sampled_from(_INTEGERS),
            "mode": st.just("static"),
            "symmetric": st.booleans(),
            "calibrator": st.sampled_from(["minmax", "average", "percentile"]),
        }
    )
    return st.one_of(static, st.just({"format": "uint8", "mode": "dynamic"}))


def _rule() -> st.SearchStrategy[dict[str, Any]]:
    match = st.sampled_from(_OPS).map(lambda op: f"op:{op}")
    to_float = st.fixed_dictionaries({"match": match, "float": st.just(True)})
    change = st.fixed_dictionaries({"match": match}, optional={"weights": _weights(), "activations": _activations()})
    half = {"format": "fp16", "mode": "static"}
    to_half = st.fixed_dictionaries(
        {"match": match, "weights": st.just({"format": "fp16"}), "activations": st.just(half)}
    )
    return st.one_of(to_float, change, to_half)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Recipes of every kind, as YAML that was read back."""
    value: dict[str, Any] = {"name": "drawn", "layers": draw(st.lists(_rule(), max_size=3))}
    if draw(st.booleans()) or draw(st.booleans()):
        value["weights"] = draw(_weights())
    if draw(st.booleans()) or draw(st.booleans()):
        value["activations"] = draw(_activations())
    return Recipe.parse(yaml.safe_dump(json.loads(json.dumps(value))))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(recipe=recipes(), graph=st.sampled_from(sorted(ZOO)))
def test_any_recipe_gives_a_valid_graph_whose_outputs_are_on_the_promised_grids(recipe: Recipe, graph: str) -> None:
    """The checker accepts the file, it runs, and every output that was promised a grid lies on it."""
    one = case(graph)
    try:
        plan = make_plan(one.model, recipe, one.statistics)
    except Exception as error:
        assert type(error).__name__ == "RecipeError"  # noqa: PT017 - the only refusal that a recipe may meet
        return
    proto = emit(one.model, recipe, plan)
    onnx.checker.check_model(proto, full_check=True)
    outputs = dict(zip((o.name for o in one.model.outputs), run(proto, one.feeds, simulated=True), strict=True))
    treatments = {o: p.treatment for p in plan.layers for o in one.model.layer(p.name).outputs}
    for name, value in outputs.items():
        assert np.isfinite(value).all()
        if name in plan.tensors and treatments[name] in ("quantized", "passthrough"):
            grid = plan.tensors[name].grid
            steps = value / grid.scale + grid.zero_point
            np.testing.assert_allclose(steps, np.rint(steps), atol=0.02)
            assert grid.qmin <= np.rint(steps).min() <= np.rint(steps).max() <= grid.qmax


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(recipe=recipes(), graph=st.sampled_from(sorted(ZOO)))
def test_planning_twice_decides_the_same(recipe: Recipe, graph: str) -> None:
    """Plans are deterministic, and so are the files: equal bytes."""
    one = case(graph)
    try:
        plans = [make_plan(one.model, recipe, one.statistics) for _ in range(2)]
    except Exception as error:
        assert type(error).__name__ == "RecipeError"  # noqa: PT017 - the only refusal that a recipe may meet
        return
    assert plans[0].to_json() == plans[1].to_json()
    files = [emit(one.model, recipe, plan).SerializeToString(deterministic=True) for plan in plans]
    assert files[0] == files[1]
