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
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of

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
    broken = values.copy()
    broken[3, 2] = bad
    said = missing_statistics(source, {"x": array_stats("x", broken, None)}, view)
    assert said == "'x' held NaN or infinity on the calibration data"
    assert missing_statistics(Source("x", "y", None, recipe.activations, "first"), {}, view) is None
