"""Half precision: which layers go to float16, and why others do not."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of

pytestmark = pytest.mark.usefixtures("shared_workspace")


def test_float16_keeps_layers_beyond_its_range_in_float32() -> None:
    """A weight of 1e5 has no float16; its layer stays float32 and says so."""
    b = Builder()
    x = b.input("x", ("n", 4))
    h = b.node("MatMul", x, b.constant(np.full((4, 4), 1e5, np.float32)), name="large")
    b.output(b.node("MatMul", h, b.normal(4, 4), name="small"), 2)
    model = model_of(b.model(), "large")
    plan = make_plan(model, Recipe.parse("fp16"), None)
    assert plan.layer("large").treatment == "float"
    assert "float16 ends at 65504" in plan.layer("large").reason
    assert plan.layer("small").treatment == "half"


def test_float16_looks_at_magnitudes_below_zero_too() -> None:
    """A tensor that reached -80,000 on calibration data keeps its layers in float32, where 65,504 is the end."""
    b = Builder()
    h = b.node("Gemm", b.input("x", ("n", 4)), b.constant(-2e4 * np.eye(4, dtype=np.float32)), name="deep")
    b.output(b.node("Gemm", h, b.normal(4, 2), name="reader"), 2)
    model = model_of(b.model(), "deep")
    statistics = collect(model, Split({"x": np.abs(np.full((8, 4), 4, np.float32))}), threads=1)
    plan = make_plan(model, Recipe.parse("fp16"), statistics)
    assert plan.layer("deep").reason == plan.layer("reader").reason
    assert "'deep_out' reached 80000, and float16 ends at 65504" in plan.layer("deep").reason


def test_what_has_a_state_or_graphs_inside_stays_in_float32() -> None:
    """LSTM and If are not cast to half precision, and say why."""
    plan = make_plan(case("branches").model, Recipe.parse("fp16"), None)
    assert plan.layer("memory").reason == "LSTM is kept in float32: its state would lose too much"
    assert plan.layer("choice").reason == "If holds a graph of its own, which runs in float32"
    assert plan.layer("dense").treatment == plan.layer("head").treatment == "half"


@pytest.mark.parametrize(("value", "treatment"), [(65504, "half"), (65536, "float")])
def test_the_largest_float16_fits(value: float, treatment: str) -> None:
    """65,504 is a number of float16, and nothing above."""
    b = Builder()
    weight = np.full((4, 4), value, np.float32)
    b.output(b.node("MatMul", b.input("x", ("n", 4)), b.constant(weight), name="large"), 2)
    assert make_plan(model_of(b.model(), "edge"), Recipe.parse("fp16"), None).layer("large").treatment == treatment
