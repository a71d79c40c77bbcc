"""Which activations get a grid, and whose wishes decide it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import index_of
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.weights import array_stats
from qexplorer.quantize.activations import Source, missing_statistics
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run

FIRST, SECOND = "{format: int8, symmetric: true}", "{format: uint8, calibrator: percentile}"


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


def _two_layers() -> tuple[Model, dict[str, np.ndarray]]:
    b = Builder(1)
    h = b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6), name="first")
    b.output(b.node("Gemm", h, b.normal(6, 3), name="second"), 2)
    return model_of(b.model(), "two"), {"x": b.random.normal(size=(64, 6)).astype(np.float32)}


def _planned(**activations: str) -> Plan:
    model, feeds = _two_layers()
    rules = "".join(f"  - {{match: {name}, activations: {spec}}}\n" for name, spec in activations.items())
    recipe = Recipe.parse(f"name: r\nweights: {{}}\nactivations: {{}}\nlayers:\n{rules}")
    return make_plan(model, recipe, collect(model, Split(feeds), threads=1))


@pytest.mark.parametrize(
    ("rules", "owner", "format"),
    [
        ({"first": FIRST, "second": SECOND}, "first", "int8"),
        ({"first": SECOND, "second": FIRST}, "first", "uint8"),
        ({"second": FIRST}, "second", "int8"),
    ],
)
def test_the_maker_decides_before_the_reader_and_a_rule_before_the_default(
    rules: dict[str, str], owner: str, format: str
) -> None:
    """Of two rules that of the layer which makes a tensor counts; of one rule and the default, the rule."""
    tensor = _planned(**rules).tensors["first_out"]
    assert tensor.grid.format.name == format
    assert f"as asked for '{owner}'" in tensor.reason


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_was_not_finite_on_data_has_no_grid(bad: float) -> None:
    """One NaN or infinity among the values is said, nothing observed as well; finite values need no excuse."""
    model, _ = _two_layers()
    view, recipe = index_of(model), Recipe.parse("w8a8")
    assert recipe.activations is not None
    source = Source("x", None, None, recipe.activations, "first")
    values = np.linspace(-1, 1, 60, dtype=np.float32).reshape(10, 6)
    assert missing_statistics(source, {"x": array_stats("x", values, None)}, view) is None
    assert "no statistics were collected for 'x'" in (missing_statistics(source, {}, view) or "")
    empty = array_stats("x", values[:0], None)
    assert missing_statistics(source, {"x": empty}, view) == "no statistics were collected for 'x'"
    broken = values.copy()
    broken[3, 2] = bad
    said = missing_statistics(source, {"x": array_stats("x", broken, None)}, view)
    assert said == "'x' held NaN or infinity on the calibration data"
    assert missing_statistics(Source("x", "y", None, recipe.activations, "first"), {}, view) is None


@pytest.mark.parametrize(
    ("format", "symmetric", "lowest"),
    [("int8", True, -128), ("int4", True, -7), ("uint8", False, 0), ("int8", False, -128)],
)
def test_the_carriers_own_lowest_code_is_left_to_it(format: str, symmetric: bool, lowest: int) -> None:
    """A symmetric grid leaves the most negative code out, but where the type itself ends there nothing is clipped."""
    spec = f"{{format: {format}, symmetric: {str(symmetric).lower()}}}"
    assert _planned(first=spec).tensors["first_out"].grid.qmin == lowest


def _chain(*operators: str, recipe: str = "w8a8") -> tuple[Model, Plan, dict[str, np.ndarray], Recipe]:
    """A layer, operators such as ``Clip 2 6`` behind it, and a layer that reads what they make."""
    b = Builder(2)
    h = b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6, scale=3), name="first")
    for place, text in enumerate(operators):
        op, *bounds = text.split()
        constants = [b.constant(np.float32(bound)) if bound != "-" else "" for bound in bounds]
        h = b.node(op, h, *constants, name=f"step{place}", **({"axis": -1} if op == "Softmax" else {}))
    b.output(b.node("Gemm", h, b.normal(6, 3), name="second"), 2)
    model, asked = model_of(b.model(), "_".join(("chain", *operators))), Recipe.parse(recipe)
    feeds = {"x": b.random.normal(size=(64, 6)).astype(np.float32)}
    return model, make_plan(model, asked, collect(model, Split(feeds), threads=1)), feeds, asked


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-sym"])
@pytest.mark.parametrize(
    ("bounds", "ends"),
    [
        (("Relu", "Clip - 2"), (0, 2)),
        (("Clip -3 3", "Clip -1 9"), (-1, 3)),
        (("Clip 2 6", "Clip 0 1"), (1, 1)),
        (("Clip 0 1", "Clip 2 6"), (2, 2)),
        (("Relu", "Clip - -1"), (-1, -1)),
        (("Clip -9 -1", "Relu"), (0, 0)),
        (("Relu", "Clip 3 1"), (1, 1)),
    ],
    ids=str,
)
def test_bounds_behind_a_layer_hold_in_their_order(
    bounds: tuple[str, ...], ends: tuple[float, float], recipe: str
) -> None:
    """Of bounds that exclude each other the last one decides, as it does in float."""
    model, plan, feeds, asked = _chain(*bounds, recipe=recipe)
    grid = plan.tensors["step1_out"].grid
    found = [(code - int(grid.zero_point)) * float(grid.scale) for code in (grid.qmin, grid.qmax)]
    np.testing.assert_allclose(found, ends, atol=0.51 * float(grid.scale))
    (got,), (wanted,) = run(emit(model, asked, plan), feeds), run(model.proto(), feeds)
    assert np.abs(got - wanted).max() < 0.04 * max(np.abs(wanted).max(), 1)


def test_a_softmax_has_the_range_of_probabilities_whatever_was_seen() -> None:
    """From 0 to 1 in 255 steps."""
    _, plan, _, _ = _chain("Softmax")
    grid = plan.tensors["step0_out"].grid
    assert float(grid.scale) == pytest.approx(1 / 255)
    assert int(grid.zero_point) == 0
    assert "between 0 and 1" in plan.tensors["step0_out"].reason


def test_the_rule_of_an_absorbed_bound_decides_as_its_layers_would() -> None:
    """A Relu that names other activations gets them, although the layer in front of it makes the tensor."""
    rule = "weights: {}\nactivations: {}\nlayers: [{match: step0, activations: {format: int8, symmetric: true}}]"
    _, plan, _, _ = _chain("Relu", recipe=rule)
    assert plan.tensors["step0_out"].grid.format.name == "int8"
    assert "as asked for 'step0'" in plan.tensors["step0_out"].reason


def test_a_bound_behind_moved_codes_stays_on_them() -> None:
    """Behind a Flatten, which moves codes, a Relu bounds codes; behind a float layer it is float and says so."""
    _, plan, _, _ = _chain("Flatten", "Relu")
    assert plan.layer("step1").treatment == "passthrough"
    assert plan.layer("step1").reason.endswith("only bounds the codes")
    assert plan.tensors["step1_out"].grid.scale == plan.tensors["first_out"].grid.scale
    _, plan, _, _ = _chain("Sin", "Relu")
    assert plan.layer("step1").reason.startswith("it follows a float layer")


@pytest.mark.parametrize("bound", ["Relu", "Clip 0 2"])
def test_what_a_bound_in_float_reads_has_the_range_of_what_is_left(bound: str) -> None:
    """A rule keeps the bound in float; the tensor in front of it was not observed, and codes beyond are not needed."""
    rule = "weights: {}\nactivations: {}\nlayers: [{match: step0, float: true}]"
    _, plan, _, _ = _chain(bound, recipe=rule)
    assert plan.layer("step0").treatment == "float"
    before, after = plan.tensors["first_out"].grid, plan.tensors["step0_out"].grid
    assert (float(before.scale), int(before.zero_point)) == (float(after.scale), 0)


def test_a_tensor_that_more_than_a_bound_reads_keeps_a_grid_of_its_own() -> None:
    """An output in front of a Relu is not bounded by it: the Relu bounds codes behind it."""
    b = Builder(2)
    h = b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6), name="first")
    b.output(h, 2)
    b.output(b.node("Gemm", b.node("Relu", h, name="bound"), b.normal(6, 3), name="second"), 2)
    model = model_of(b.model(), "read_twice")
    feeds = {"x": b.random.normal(size=(64, 6)).astype(np.float32)}
    plan = make_plan(model, Recipe.parse("w8a8"), collect(model, Split(feeds), threads=1))
    before, after = plan.tensors["first_out"].grid, plan.tensors["bound_out"].grid
    assert (before.qmin, before.scale) == (0, after.scale)
    assert after.qmin == int(before.zero_point) > 0
    assert "only bounds the codes" in plan.layer("bound").reason
