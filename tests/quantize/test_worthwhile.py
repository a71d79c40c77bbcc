"""Which layers work on codes: a grid stands where a kernel uses it, and a mask on none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.worthwhile import coarse_scores, comes_as_codes
from tests.quantize.graphs import Builder
from tests.quantize.support import integer_kernels, model_of, run

Feeds = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


def _planned(model: Model, feeds: Feeds, recipe: str = "w8a8") -> Plan:
    return make_plan(model, Recipe.parse(recipe), collect(model, Split(feeds), threads=1))


def _sqnr(model: Model, feeds: Feeds, recipe: str) -> float:
    asked = Recipe.parse(recipe)
    got = run(emit(model, asked, _planned(model, feeds, recipe)), feeds)[0]
    wanted = run(model.proto(), feeds)[0]
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((got - wanted) ** 2)))


def _normalization(b: Builder, x: str, width: int) -> str:
    """A layer normalization as older exporters write it."""
    centred = b.node("Sub", x, b.node("ReduceMean", x, b.constant(np.array([-1])), name="mean"), name="centred")
    squares = b.node("Pow", centred, b.constant(np.float32(2)))
    spread = b.node(
        "Sqrt", b.node("Add", b.node("ReduceMean", squares, b.constant(np.array([-1]))), b.constant(np.float32(1e-5)))
    )
    scaled = b.node("Mul", b.node("Div", centred, spread, name="divided"), b.normal(width), name="scaled")
    return str(b.node("Add", scaled, b.normal(width), name="shifted"))


def test_a_decomposed_normalization_has_no_grid_inside() -> None:
    """Between two products only what the second one reads is on a grid; the rest computes in float and says why."""
    b = Builder(2)
    h = b.node("MatMul", b.input("x", ("n", 16)), b.normal(16, 16), name="first")
    b.output(b.node("MatMul", _normalization(b, h, 16), b.normal(16, 4), name="second"), 2)
    model, feeds = model_of(b.model(), "normalized"), {"x": b.random.normal(size=(64, 16)).astype(np.float32)}
    plan = _planned(model, feeds)
    on_grids = {name for name, tensor in plan.tensors.items() if tensor.kind == "activation"}
    assert on_grids == {"x", "first_out", "shifted_out", "second_out"}
    assert plan.layer("first").treatment == plan.layer("second").treatment == "quantized"
    assert "no integer kernel takes Sub" in plan.layer("centred").reason
    assert "computed in float" in plan.layer("scaled").reason


def test_an_addition_between_convolutions_keeps_its_integer_kernel(tmp_path: Path) -> None:
    """A residual sum reads codes and is read as codes, so that it runs on them; at the end of a model it does not."""
    b = Builder(3)
    x = b.input("x", ("n", 4, 6, 6))
    first = b.node("Relu", b.conv(x, 4, 4))
    total = b.node("Add", first, b.conv(first, 4, 4), name="inner")
    b.output(b.node("Add", b.conv(total, 4, 4), total, name="last"), 4)
    model, feeds = model_of(b.model(), "residuals"), {"x": b.random.normal(size=(16, 4, 6, 6)).astype(np.float32)}
    plan = _planned(model, feeds)
    assert plan.layer("inner").treatment == "quantized"
    assert plan.layer("last").treatment == "float"
    assert "no quantized layer reads" in plan.layer("last").reason
    assert integer_kernels(emit(model, Recipe.parse("w8a8"), plan), feeds, tmp_path) == {
        "QLinearConv": 3,
        "QLinearAdd": 1,
    }


def test_floats_are_moved_as_floats_and_codes_as_codes() -> None:
    """What is left of a float tensor behind a Slice gets the range of what is left; behind a layer codes are moved."""
    b = Builder(4)
    ends = [b.constant(np.array([v])) for v in (0, 4, 1)]
    part = b.node("Slice", b.input("x", ("n", 8)), *ends, name="small")
    h = b.node("Gemm", part, b.normal(4, 8), b.normal(8), name="dense")
    b.output(b.node("Gemm", b.node("Reshape", h, b.constant(np.array([-1, 8])), name="moved"), b.normal(8, 2)), 2)
    values = b.random.normal(size=(64, 8)).astype(np.float32)
    values[:, 4:] *= 1000
    model = model_of(b.model(), "sliced")
    plan = _planned(model, {"x": values})
    assert plan.layer("small").treatment == "float"
    assert "the grid stands behind it" in plan.layer("small").reason
    assert "x" not in plan.tensors
    assert float(plan.tensors["small_out"].grid.scale) < 0.1
    assert plan.layer("moved").treatment == "passthrough"


def _masked(operator: str, mask: float) -> tuple[Model, Feeds]:
    """Attention whose scores get a mask of large numbers where the other input is 0."""
    b = Builder(5)
    x, seen = b.input("x", ("n", 6, 16)), b.input("seen", ("n", 1, 6))
    query, key, value = (b.node("MatMul", x, b.normal(16, 16)) for _ in range(3))
    product = b.node("MatMul", query, b.node("Transpose", key, perm=[0, 2, 1]))
    scores = b.node(operator, product, b.constant(np.float32(0.25 if operator == "Mul" else 4)))
    hidden = b.node("Mul", b.node("Sub", b.constant(np.float32(1)), seen), b.constant(np.float32(mask)))
    total = b.node("Add", scores, hidden, name="masked")
    b.output(b.node("MatMul", b.node("Softmax", total, axis=-1, name="softmax"), value), 3)
    random = np.random.default_rng(0)
    present = (np.arange(6) < random.integers(2, 7, size=(64, 1, 1))).astype(np.float32)
    return model_of(b.model(), "masked"), {"x": random.normal(size=(64, 6, 16)).astype(np.float32), "seen": present}


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-mse", "w8a8-kl", "w8a8-percentile", "w8a8-sym"])
@pytest.mark.parametrize(("operator", "mask"), [("Div", -1e4), ("Mul", -1e4), ("Mul", -100.0), ("Mul", -3.4e38)])
def test_a_mask_of_large_numbers_is_on_no_grid(operator: str, mask: float, recipe: str) -> None:
    """Scores with a mask of any size keep at least 30 dB by every calibrator; on one grid they had 4."""
    assert _sqnr(*_masked(operator, mask), recipe) > 30


def test_a_mask_that_calibration_never_showed_is_on_no_grid() -> None:
    """Where no calibration sample was padded, padding still hides what it should."""
    model, feeds = _masked("Mul", -1e4)
    plan = make_plan(
        model, Recipe.parse("w8a8"), collect(model, Split({**feeds, "seen": np.ones_like(feeds["seen"])}), threads=1)
    )
    got, wanted = run(emit(model, Recipe.parse("w8a8"), plan), feeds)[0], run(model.proto(), feeds)[0]
    assert np.sum((got - wanted) ** 2) < 1e-3 * np.sum(wanted**2)
    assert "mask" in plan.layer("masked").reason


@pytest.mark.parametrize(
    ("factor", "recipe", "treatment"),
    [(0.1, "w8a8", "quantized"), (2.5, "w8a8", "float"), (30.0, "w8a8", "float"), (30.0, "w8a16", "quantized")],
)
def test_scores_that_spread_too_far_for_their_grid_stay_float(factor: float, recipe: str, treatment: str) -> None:
    """A softmax whose scores spread over hundreds reads floats: steps of one would be a factor of e each, of a fifth
    still 10 % at half a step; 16 bits have steps that are fine enough."""
    b = Builder(6)
    scores = b.node("MatMul", b.input("x", ("n", 8, 8)), b.normal(8, 8, scale=factor))
    b.output(b.node("MatMul", b.node("Softmax", scores, axis=-1, name="softmax"), b.normal(8, 4)), 3)
    feeds = {"x": b.random.normal(size=(32, 8, 8)).astype(np.float32)}
    assert _planned(model_of(b.model(), "scores"), feeds, recipe).layer("softmax").treatment == treatment


def _classifier(operator: str, *tail: str) -> tuple[Model, Feeds]:
    """Two layers, the second a ``MatMul`` or ``Gemm``, then the operators of ``tail``."""
    b = Builder(6)
    h = b.node("Relu", b.node("Gemm", b.input("x", ("n", 32)), b.normal(32, 24), b.normal(24), name="first"))
    bias = (b.normal(6),) if operator == "Gemm" else ()
    z = b.node(operator, h, b.normal(24, 6), *bias, name="last")
    for index, op in enumerate(tail):
        z = b.node(op, z, name=f"tail{index}")
    b.output(z, 2)
    feeds = {"x": b.random.normal(size=(64, 32)).astype(np.float32)}
    return model_of(b.model(), "_".join(("classifier", operator, *tail))), feeds


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
def test_the_last_product_in_front_of_float_layers_gives_floats(operator: str, tmp_path: Path) -> None:
    """It has no grid of its own, and ONNX Runtime computes it on integers all the same."""
    model, feeds = _classifier(operator, "Sigmoid")
    plan = _planned(model, feeds)
    assert plan.layer("last").treatment == "quantized"
    assert "its sums become floats" in plan.layer("last").reason
    assert "last_out" not in plan.tensors
    assert plan.layer("tail0").treatment == "float"
    kernels = integer_kernels(emit(model, Recipe.parse("w8a8"), plan), feeds, tmp_path)
    assert sum(kernels.values()) == 2, kernels


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
@pytest.mark.parametrize("tail", [(), ("Flatten",), ("Relu",), ("Relu", "Sigmoid")])
def test_an_answer_and_what_is_bounded_keep_their_grid(operator: str, tail: tuple[str, ...], tmp_path: Path) -> None:
    """Backends are compared by steps of the answer's grid; a bound on codes is free, and in float it costs a kernel."""
    model, feeds = _classifier(operator, *tail)
    plan = _planned(model, feeds)
    assert "floats" not in plan.layer("last").reason
    kernels = integer_kernels(emit(model, Recipe.parse("w8a8"), plan), feeds, tmp_path)
    assert sum(kernels.values()) == 2, kernels


def test_a_product_that_leads_to_codes_through_floats_keeps_its_grid() -> None:
    """Only behind the last one does nobody want codes: here a second product reads what a Sigmoid makes."""
    b = Builder(7)
    h = b.node("Sigmoid", b.node("MatMul", b.input("x", ("n", 16)), b.normal(16, 8), name="first"))
    b.output(b.node("Sigmoid", b.node("MatMul", h, b.normal(8, 4), name="second")), 2)
    plan = _planned(model_of(b.model(), "two"), {"x": b.random.normal(size=(64, 16)).astype(np.float32)})
    assert "first_out" in plan.tensors
    assert "second_out" not in plan.tensors


@pytest.mark.parametrize("makes_codes", [True, False])
def test_codes_are_codes_however_often_they_were_moved(makes_codes: bool) -> None:
    """Two layers that move values give what stands in front of both."""
    made = SimpleNamespace(moves=False, makes_codes=makes_codes, data=("x",))
    moved = [SimpleNamespace(moves=True, makes_codes=False, data=(tensor,)) for tensor in ("product", "turned")]
    decisions: Any = {"product": made, "turn": moved[0], "cut": moved[1]}
    view: Any = SimpleNamespace(producer={"product": "product", "turned": "turn", "cut": "cut"})
    assert comes_as_codes("cut", decisions, view) == makes_codes
    assert not comes_as_codes("x", decisions, view)


@pytest.mark.parametrize(
    ("format", "spread", "coarse"),
    [
        ("uint8", 31.9, False),  # its steps are an eighth; scores 32 below the largest still count
        ("uint8", 32.1, True),  # 32.1 / 255 is more than an eighth
        ("uint4", 31.9, False),
        ("uint9", 60.0, False),  # 60 / 511 is less
        ("uint9", 66.0, True),
        ("int8", 32.1, True),
        ("uint16", 6000.0, False),
        ("pot", 6000.0, False),  # its steps shrink towards zero
        (None, 6000.0, False),
    ],
)
def test_scores_are_coarse_by_spread_and_step(format: str | None, spread: float, coarse: bool) -> None:
    """Beyond a spread of 32, where a step is more than an eighth; what was not observed is not judged."""
    spec = None if format is None else SimpleNamespace(format=format)
    asked = SimpleNamespace(activations=spec)
    softmax = SimpleNamespace(computes=True, layer=SimpleNamespace(op="Softmax"), data=("x",), spec=asked)
    observed = SimpleNamespace(count=9, minimum=-spread, maximum=0.0)
    decisions, statistics = {"s": softmax}, {"x": SimpleNamespace(histogram=observed)}
    found: Any = coarse_scores(decisions, statistics)  # type: ignore[arg-type]
    assert list(found) == (["s"] if coarse else [])
    assert not coarse_scores(decisions, {})  # type: ignore[arg-type]
    softmax.layer.op = "Sigmoid"
    assert not coarse_scores(decisions, statistics)  # type: ignore[arg-type]


def test_a_sum_of_codes_and_floats_is_worth_it_and_one_of_floats_is_not() -> None:
    """One operand that comes as codes is enough."""
    b = Builder(8)
    x, y = b.input("x", ("n", 16)), b.input("y", ("n", 16))
    mixed = b.node("Add", b.node("MatMul", x, b.normal(16, 16)), y, name="mixed")
    floats = b.node("Add", x, y, name="floats")
    b.output(b.node("MatMul", b.node("Concat", mixed, floats, axis=1), b.normal(32, 4)), 2)
    feeds = {name: b.random.normal(size=(64, 16)).astype(np.float32) for name in ("x", "y")}
    plan = _planned(model_of(b.model(), "sums"), feeds)
    assert plan.layer("mixed").treatment == "quantized"
    assert plan.layer("floats").treatment == "float"
    assert "computed in float" in plan.layer("floats").reason
