"""A layer that a rule keeps in float computes in float, also between codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import Builder
from tests.quantize.support import kernels, model_of, run

RULE = Recipe.parse("name: r\nweights: {}\nactivations: {}\nlayers:\n  - {match: keep, float: true}\n")


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


def _between(b: Builder, op: str, bias: bool, channels: int) -> dict[str, np.ndarray]:
    """``op`` with a float weight between two quantized layers of its own kind."""
    if op == "Gemm":
        turned = {"transB": 1} if channels == 6 else {}
        h = b.node("Gemm", b.input("x", ("n", 8)), b.normal(8, 12), b.normal(12))
        h = b.node(
            "Gemm",
            h,
            b.normal(*((8, 12) if turned else (12, 8))),
            *([b.normal(8)] if bias else []),
            name="keep",
            **turned,
        )
        b.output(b.node("Gemm", b.node("Relu", h), b.normal(8, 4)), 2)
        return {"x": b.random.normal(size=(32, 8)).astype(np.float32)}
    h = b.node("Relu", b.conv(b.input("x", ("n", 4, 8, 8)), 4, channels))
    group = 2 if op == "Conv" and channels == 6 else 1
    weight = b.normal(*((8, channels // group) if op == "Conv" else (channels, 8)), 3, 3)
    h = b.node(op, h, weight, *([b.normal(8)] if bias else []), name="keep", group=group)
    b.output(b.conv(b.node("Relu", h), 8, 4), 4)
    return {"x": b.random.normal(size=(32, 4, 8, 8)).astype(np.float32)}


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "Gemm"])
def test_onnx_runtime_leaves_its_weight_alone(op: str, bias: bool, channels: int, tmp_path: Path) -> None:
    """One float kernel of that operator runs, and the answers are those of the float weight, bit for bit nearly; with
    groups and turned over too."""
    b = Builder(3)
    feeds = _between(b, op, bias, channels)
    model = model_of(b.model(), "between")
    proto = emit(model, RULE, make_plan(model, RULE, collect(model, Split(feeds), threads=1)))
    found = kernels(proto, feeds, tmp_path)
    assert found[op] + found[f"Fused{op}"] == 1
    assert found["QLinearConv"] + found["QGemm"] == 2
    (got,), (wanted,) = run(proto, feeds), run(model.proto(), feeds)
    np.testing.assert_allclose(got, run(proto, feeds, simulated=True)[0], atol=1e-5)
    assert np.abs(got - wanted).max() < 0.05 * np.abs(wanted).max()
