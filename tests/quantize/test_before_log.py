"""Products whose power goes into a logarithm compute in float; nothing else is taken along."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from qexplorer.core.dataset import Split
from qexplorer.core.recipe import Recipe
from qexplorer.graph.before_log import before_log
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run


def _spectrum(b: Builder, x: str) -> str:
    """Power of two projections in decibels, through a bank of filters."""
    real = b.node("MatMul", x, b.normal(32, 16), name="real")
    imaginary = b.node("Neg", b.node("MatMul", x, b.normal(32, 16), name="imaginary"))
    magnitude = b.node("Sqrt", b.node("Add", b.node("Mul", real, real), b.node("Mul", imaginary, imaginary)))
    power = b.node("Pow", magnitude, b.constant(np.float32(2)))
    bands = b.node("MatMul", power, b.constant(np.abs(b.random.normal(size=(16, 16))).astype(np.float32)), name="bands")
    return str(b.node("Log", b.node("Add", bands, b.constant(np.float32(1e-7))), name="decibels"))


@pytest.mark.usefixtures("shared_workspace")
def test_a_spectrum_in_decibels_computes_in_float_and_keeps_its_answers() -> None:
    """Both projections and the filters, through magnitude and square; what follows is on codes; 20 dB are gained."""
    b = Builder(0)
    b.output(b.node("MatMul", _spectrum(b, b.input("x", ("n", 32))), b.normal(16, 4), name="classifier"), 2)
    model = model_of(b.model(), "heard")
    loud = 10.0 ** b.random.uniform(-3, 0, size=(128, 1))  # 60 dB between the loudest and the quietest
    feeds = {"x": (loud * b.random.normal(size=(128, 32))).astype(np.float32)}
    recipe, statistics = Recipe.parse("w8a8"), collect(model, Split(feeds), threads=1)
    plan = make_plan(model, recipe, statistics)
    treatments = {name: plan.layer(name).treatment for name in ("real", "imaginary", "bands", "classifier")}
    assert treatments == {"real": "float", "imaginary": "float", "bands": "float", "classifier": "quantized"}
    assert "goes into the logarithm 'decibels'" in plan.layer("real").reason
    assert plan.layer("real").weights is not None
    (wanted,), (got,) = run(model.proto(), feeds), run(emit(model, recipe, plan), feeds)
    assert 10 * np.log10(np.sum(wanted**2) / np.sum((got - wanted) ** 2)) > 30


def test_a_product_that_is_turned_before_it_is_squared_goes_along() -> None:
    """What lies between a product and its square, a sign here, does not part them."""
    b = Builder(0)
    turned = b.node("Neg", b.node("MatMul", b.input("x", ("n", 32)), b.normal(32, 8), name="behind"))
    b.output(b.node("Log", b.node("Mul", turned, turned), name="loudness"), 2)
    assert before_log(GraphIndex(b.model())) == {"behind": "loudness"}


def test_each_magnitude_and_all_that_is_linear_in_it_leads_there() -> None:
    """Squares by product, power and sum, and magnitudes; between them and the Log sums, limits and constant factors."""
    b = Builder(0)
    x, two = b.input("x", ("n", 32)), b.constant(np.float32(2))
    squares = {
        "Mul": lambda y: b.node("Mul", y, y),
        "Pow": lambda y: b.node("Pow", y, two),
        "Abs": lambda y: b.node("Abs", y),
        "ReduceL1": lambda y: b.node("ReduceL1", y),
        "ReduceL2": lambda y: b.node("ReduceL2", y),
        "ReduceSumSquare": lambda y: b.node("ReduceSumSquare", y),
    }
    behind = {
        "Mul": lambda y: b.node("Mul", y, two),
        "Pow": lambda y: b.node("Div", y, two),
        "Abs": lambda y: b.node("Max", y, two),
        "ReduceL1": lambda y: b.node("Clip", y, two),
        "ReduceL2": lambda y: b.node("Mul", two, b.node("Sqrt", y)),
        "ReduceSumSquare": lambda y: b.node("Add", y, two),
    }
    for name, square in squares.items():
        made = square(b.node("MatMul", x, b.normal(32, 8), name=f"of_{name}"))
        b.output(b.node("Log", behind[name](made), name=f"log_{name}"), 2)
    assert before_log(GraphIndex(b.model())) == {f"of_{name}": f"log_{name}" for name in squares}


def test_other_logarithms_take_nothing_along() -> None:
    """A softmax written out, logarithms of no square or of a cube, what stands in front of an activation function."""
    b = Builder(0)
    x = b.input("x", ("n", 32))
    scores = b.node("MatMul", x, b.normal(32, 8), name="scores")
    b.output(b.node("Log", b.node("ReduceSum", b.node("Exp", scores), b.constant(np.array([1])))), 2)
    b.output(b.node("Log", b.node("Add", scores, b.constant(np.float32(100)))), 2)
    hidden = b.node("Relu", b.node("MatMul", x, b.normal(32, 8), name="hidden"))
    last = b.node("MatMul", hidden, b.normal(8, 8), name="last")
    b.output(b.node("Log", b.node("Mul", last, last), name="power"), 2)
    cubed = b.node("Pow", b.node("MatMul", x, b.normal(32, 8), name="cubed"), b.constant(np.float32(3)))
    b.output(b.node("Log", b.node("Add", cubed, b.constant(np.float32(100)))), 2)
    left, right = (b.node("MatMul", x, b.normal(32, 8), name=name) for name in ("left", "right"))
    b.output(b.node("Log", b.node("Mul", left, right)), 2)
    assert before_log(GraphIndex(b.model())) == {"last": "power"}


def test_the_way_ends_where_an_operator_is_not_onnxs_own_or_computes_otherwise() -> None:
    """Logarithms and operators of another domain, and what reads a power but is no logarithm, take nothing along."""

    def found(last: dict[str, str], between: dict[str, str]) -> dict[str, str]:
        b = Builder(0)
        h = b.node("MatMul", b.input("x", ("n", 32)), b.normal(32, 8), name="front")
        h = b.node("Mul", h, h)
        h = b.node(between.get("op", "Identity"), h, domain=between.get("domain", ""))
        b.output(b.node(last.get("op", "Log"), h, name="end", domain=last.get("domain", "")), 2)
        graph = helper.make_graph(b.nodes, "g", b.inputs, b.outputs, b.constants)
        return before_log(GraphIndex(graph))

    assert found({}, {}) == {"front": "end"}
    assert found({"op": "Exp"}, {}) == {}
    assert found({"domain": "mine"}, {}) == {}
    assert found({}, {"domain": "mine"}) == {}
    assert found({}, {"op": "Sigmoid"}) == {}


def test_a_factor_must_be_constant_and_only_a_square_is_a_power() -> None:
    """Times or over a constant the way goes on; between two computed tensors, or to another power, it ends."""
    for op, computed, exponent, paired in (
        ("Mul", False, 2.0, True),
        ("Div", False, 2.0, True),
        ("Mul", True, 2.0, False),
        ("Div", True, 2.0, False),
        ("Mul", False, 3.0, False),
    ):
        b = Builder(0)
        x = b.input("x", ("n", 32))
        power = b.node("Pow", b.node("MatMul", x, b.normal(32, 8), name="front"), b.constant(np.float32(exponent)))
        other = b.node("Sigmoid", b.node("MatMul", x, b.normal(32, 8))) if computed else b.constant(np.float32(3))
        b.output(b.node("Log", b.node(op, power, other), name="end"), 2)
        assert before_log(GraphIndex(b.model())) == ({"front": "end"} if paired else {})
