"""What a bound costs in the file: nothing where the code range ends there, a Clip on codes, or the node itself."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are kept in one workspace."""


@cache
def _observed(op: str, _: Path) -> tuple[Model, Statistics, Any]:
    """Two layers with a Relu, with a Clip to -1 and 2, or with nothing between them; and samples."""
    b = Builder(3)
    h = b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6, scale=1), name="first")
    if op == "Relu":
        h = b.node("Relu", h, name="between")
    if op == "Clip":
        h = b.node("Clip", h, b.constant(np.float32(-1)), b.constant(np.float32(2)), name="between")
    b.output(b.node("Gemm", h, b.normal(6, 3), name="second"), 2)
    model = model_of(b.model(), f"bounded by {op}")
    feeds = {"x": b.random.normal(size=(64, 6)).astype(np.float32)}
    return model, collect(model, Split(feeds), threads=1), feeds


NOTHING: dict[str, int] = {}
ONE, THREE = {"Clip": 1}, {"Clip": 3}
COSTS: dict[tuple[str, bool], tuple[dict[str, int], dict[str, int], dict[str, int]]] = {
    ("uint8", True): (NOTHING, ONE, ONE),  # zero is in the middle of the codes, and a bound is not an end of them
    ("int8", True): (NOTHING, ONE, ONE),
    ("uint8", False): (NOTHING, NOTHING, NOTHING),
    ("int8", False): (NOTHING, NOTHING, NOTHING),
    ("uint16", True): (NOTHING, {"Relu": 1}, ONE),  # nodes stay behind 16 bits, and the grid needs no other bound
    ("int16", False): (NOTHING, {"Relu": 1}, ONE),
    ("uint6", True): (THREE, THREE, THREE),  # all three grids are narrower than what carries them
    ("int5", False): (THREE, THREE, THREE),
    ("uint12", False): (THREE, {"Relu": 1, "Clip": 3}, {"Clip": 4}),
    ("int12", True): (THREE, {"Relu": 1, "Clip": 3}, {"Clip": 4}),
}
"""Format and symmetry of activations -> nodes that bound values, with nothing, a Relu or a Clip between two layers."""


@pytest.mark.parametrize(("format", "symmetric"), COSTS)
@pytest.mark.parametrize("op", ["", "Relu", "Clip"])
def test_what_bounds_cost_and_that_they_hold(op: str, format: str, symmetric: bool, shared_workspace: Path) -> None:
    """Nodes are as few as can be, and values far beyond those that were observed end where the grid does."""
    model, statistics, feeds = _observed(op, shared_workspace)
    activations = f"activations: {{format: {format}, symmetric: {str(symmetric).lower()}}}"
    asked = Recipe.parse(f"weights: {{format: int8}}\n{activations}")
    plan = make_plan(model, asked, statistics)
    proto = emit(model, asked, plan)
    found = Counter(node.op_type for node in proto.graph.node)
    assert {name: found[name] for name in ("Relu", "Clip") if found[name]} == COSTS[format, symmetric][
        ["", "Relu", "Clip"].index(op)
    ]
    held = next(name for name in ("between_out", "first_out") if name in plan.tensors)
    reader = next(node for node in proto.graph.node if node.name == "second")
    seen = onnx.ModelProto()
    seen.CopyFrom(proto)
    seen.graph.output.append(onnx.ValueInfoProto(name=reader.input[0]))
    values = run(seen, {"x": 20 * feeds["x"]}, simulated=True)[-1]
    grid = plan.tensors[held].grid
    assert values.min() == pytest.approx(float(grid.low), abs=1e-6)
    assert values.max() == pytest.approx(float(grid.high), rel=1e-6)


def test_a_bound_behind_a_bound_is_kept_where_others_read_what_lies_between() -> None:
    """A Relu that two layers read, one of them behind a Clip to 1.5: their grids differ in the upper end alone."""
    b = Builder(3)
    h = b.node("Relu", b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6, scale=1), name="first"), name="between")
    low = b.node("Clip", h, b.constant(np.float32(0)), b.constant(np.float32(1.5)), name="lower")
    b.output(b.node("Gemm", low, b.normal(6, 3), name="behind"), 2)
    b.output(b.node("Gemm", h, b.normal(6, 3), name="beside"), 2)
    model = model_of(b.model(), "a bound behind a bound")
    feeds = {"x": b.random.normal(size=(64, 6)).astype(np.float32)}
    asked = Recipe.parse("w8a8")
    plan = make_plan(model, asked, collect(model, Split(feeds), threads=1))
    proto = emit(model, asked, plan)
    for name in ("behind", "beside"):
        reader = next(node for node in proto.graph.node if node.name == name)
        proto.graph.output.append(onnx.ValueInfoProto(name=reader.input[0]))
    lower, whole = run(proto, feeds, simulated=True)[-2:]
    step = float(plan.tensors["between_out"].grid.scale)
    assert whole.max() > 3
    assert lower == pytest.approx(np.minimum(whole, 1.5), abs=step / 2)
