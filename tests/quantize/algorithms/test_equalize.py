"""Cross-layer equalization: the float function stays, ranges become alike, and what cannot be gone through is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.algorithms.equalize import Equalize, EqualizeOptions
from qexplorer.quantize.changes.drafts import GraphDraft, Materials
from qexplorer.quantize.layerwise.chains import pairs_of
from tests.quantize.given_data import data_of, quantized
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _equalized(proto: onnx.ModelProto, **options: Any) -> GraphDraft:
    draft = GraphDraft(model_of(proto, "graph"), Recipe.parse("w8"), Materials(), Equalize())
    Equalize().change_graph(draft, EqualizeOptions(**options))
    return draft


def _chain(between: str, *, second: str = "Conv", groups: int = 1, bias: Any = "vector", **attributes: Any) -> Any:
    """Two layers with channels of very unequal size and what stands between them."""
    b = Builder(7)
    sizes = np.logspace(-2, 1, 8).astype(np.float32)
    x = b.input("x", ("n", 3, 8, 8))
    weight = b.random.normal(size=(8, 3, 3, 3)).astype(np.float32) * sizes[:, None, None, None]
    biases = {"vector": lambda: [b.constant(b.random.normal(size=8).astype(np.float32) * sizes)], None: list}
    h = b.node("Conv", x, b.constant(weight), *biases[bias](), name="first", pads=[1, 1, 1, 1])
    if between == "Clip":
        h = b.node("Clip", h, b.constant(np.float32(0)), b.constant(np.float32(6)), name="between")
    elif between == "PoolFlatten":
        h = b.node("Flatten", b.node("MaxPool", h, kernel_shape=[4, 4], strides=[4, 4]))
    elif between:
        h = b.node(between, h, name="between", **attributes)
    if second == "Gemm":
        inputs = 32 if between == "PoolFlatten" else 8
        h = b.node("Gemm", h, b.normal(inputs, 4), b.normal(4), name="second")
    else:
        h = b.conv(h, 8, 8, group=groups)
    b.output(h, 2 if second == "Gemm" else 4)
    return b.model()


CHAINS: list[dict[str, Any]] = [
    {"between": ""},
    {"between": "Relu"},
    {"between": "Relu", "bias": None},
    {"between": "Relu", "groups": 8},
    {"between": "Relu", "groups": 2},
    {"between": "LeakyRelu", "alpha": 0.2},
    {"between": "AveragePool", "kernel_shape": [2, 2]},
    {"between": "PoolFlatten", "second": "Gemm"},
]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_the_float_function_stays_and_channels_become_alike(chain: dict[str, Any]) -> None:
    """Outputs are the same up to rounding; each channel's range is the same in both weights (section 4.1)."""
    proto = _chain(**chain)
    draft = _equalized(proto)
    x = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    before, after = run(proto, {"x": x})[0], run(draft.proto, {"x": x})[0]
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())
    (pair,) = [each for each in pairs_of(GraphIndex(draft.proto)) if each.first == "first"]
    view = GraphIndex(draft.proto)
    one = view.array(view.nodes["first"].input[1])
    out = np.abs(one).reshape(8, -1).max(1)
    old = np.abs(GraphIndex(proto).array(view.nodes["first"].input[1])).reshape(8, -1).max(1)
    assert out.max() / out.min() < 0.2 * old.max() / old.min()
    other = view.array(view.nodes[pair.second].input[1])
    into = np.abs(other).max(1).reshape(8, -1).max(1) if chain.get("second") else None
    if into is None and not chain.get("groups"):
        into = np.abs(other).max((0, 2, 3))
    if into is not None:
        np.testing.assert_allclose(out, into, rtol=1e-3)


def test_a_clip_is_gone_through_with_a_higher_bound_or_left() -> None:
    """What was not cut off stays what it was; with ``open_clips: false`` nothing changes at all."""
    proto = _chain("Clip", bias=None)
    small = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32) * 0.01
    draft = _equalized(proto)
    before, after = run(proto, {"x": small})[0], run(draft.proto, {"x": small})[0]
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())
    view = GraphIndex(draft.proto)
    clip = view.nodes["between"]
    assert view.array(clip.input[2]) > 6
    assert set(view.initializers) == {name for node in view.order for name in node.input} - {"x"} - set(view.made_at)
    assert "higher bound" in " ".join(draft.remarks["first"])
    left = _equalized(proto, open_clips=False)
    assert left.proto == left.model.proto()


@pytest.mark.parametrize("kind", ["two readers", "output", "shared weight", "tanh"])
def test_what_cannot_be_gone_through_is_left(kind: str) -> None:
    """Nothing changes, and the layer says so."""
    b = Builder(8)
    x = b.input("x", ("n", 8))
    weight = b.normal(8, 8)
    h = b.node("Gemm", x, weight, b.normal(8), name="first")
    r = b.node("Tanh" if kind == "tanh" else "Relu", h)
    other = weight if kind == "shared weight" else b.normal(8, 8)
    b.output(b.node("Gemm", r, other, b.normal(8), name="second"), 2)
    if kind == "two readers":
        b.output(b.node("Sigmoid", r), 2)
    if kind == "output":
        b.output(h, 2)
    draft = _equalized(b.model())
    assert draft.proto == draft.model.proto()
    assert "not equalized" in draft.remarks["first"][0]


def test_a_product_with_an_addition_behind_it_and_one_number_as_bias() -> None:
    """MatMul, Add, Relu, Gemm: the addition's constant is divided as well, also where it is one number."""
    for bias in (np.linspace(-1, 1, 6, dtype=np.float32), np.float32(0.5)):
        b = Builder(9)
        h = b.node("MatMul", b.input("x", ("n", 5)), b.normal(5, 6), name="first")
        h = b.node("Relu", b.node("Add", b.constant(bias), h))
        wide = b.constant(b.random.normal(size=(6, 3)).astype(np.float32) * 20)
        b.output(b.node("Gemm", h, wide, name="second"), 2)
        proto = b.model()
        draft = _equalized(proto)
        x = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
        before, after = run(proto, {"x": x})[0], run(draft.proto, {"x": x})[0]
        assert draft.proto != proto
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_channels_of_zeros_are_left_as_they_are() -> None:
    """A dead channel has no range to equalize, and no factor is infinite."""
    proto = _chain("Relu")
    weight = onnx.numpy_helper.to_array(proto.graph.initializer[0]).copy()
    weight[3] = 0
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, proto.graph.initializer[0].name))
    draft = _equalized(proto)
    arrays = [onnx.numpy_helper.to_array(item) for item in draft.proto.graph.initializer]
    assert all(np.isfinite(each).all() for each in arrays)
    assert not arrays[0][3].any()


def test_one_scale_for_a_weight_serves_all_channels_after_it() -> None:
    """The error of the outputs with one scale for each weight falls to a fraction."""
    one = case("depthwise")
    data = data_of(one)
    wanted = run(one.model.proto(), one.feeds)[0]
    errors = [
        float(np.mean((run(onnx.load(quantized(one.model, recipe, data).path), one.feeds)[0] - wanted) ** 2))
        for recipe in ("w4-tensor", "w4-tensor-equalize")
    ]
    assert errors[1] < errors[0]
