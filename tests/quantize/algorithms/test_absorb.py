"""High-bias absorption: the float function stays, grids hold less, and where nothing can be moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.algorithms.absorb import Absorb, AbsorbOptions
from qexplorer.quantize.changes.drafts import GraphDraft, Materials
from tests.quantize.given_data import given, quantized
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


X = np.random.default_rng(0).uniform(-1, 1, (64, 3, 8, 8)).astype(np.float32)
"""Bounded, so that 'always above' can be meant strictly."""


def _pair(
    kind: str = "conv", *, bias: bool = True, between: str = "Relu", padded: bool = False, groups: int = 1
) -> Any:
    """Two layers; what the first makes of even channels lies around 9, of odd ones around 0."""
    b = Builder(5)
    x = b.input("x", ("n", 3, 8, 8))
    shift = np.where(np.arange(8) % 2, 0, 9).astype(np.float32)
    h = b.node("Conv", x, b.normal(8, 3, 1, 1), b.constant(shift), name="first")
    if between == "Clip":
        h = b.node("Clip", h, b.constant(np.float32(0)), b.constant(np.float32(9.5)))
    else:
        h = b.node(between, h)
    constants = [b.normal(6)] if bias else []
    if kind == "conv":
        size = 3 if padded else 1
        weight, pads = b.normal(6 if groups == 1 else 8, 8 // groups, size, size), [size // 2] * 4
        constants = [b.normal(8)] if groups > 1 and bias else constants
        h = b.node("Conv", h, weight, *constants, name="second", pads=pads, group=groups)
    else:
        pool = b.node("Flatten", b.node("MaxPool", h, kernel_shape=[4, 4], strides=[4, 4]))
        h = b.node("Gemm", pool, b.normal(32, 6), *constants, name="second", alpha=0.5)
    b.output(h, 4 if kind == "conv" else 2)
    return b.model()


def _draft(proto: onnx.ModelProto, **options: Any) -> GraphDraft:
    draft = GraphDraft(model_of(proto, "pair"), Recipe.parse("w8a8"), Materials(data=given({"x": X})), Absorb())
    Absorb().change_graph(draft, AbsorbOptions(**options))
    return draft


@pytest.mark.parametrize(
    "shape",
    [{}, {"bias": False}, {"kind": "gemm"}, {"kind": "gemm", "bias": False}, {"groups": 8}, {"groups": 2}],
    ids=str,
)
def test_the_float_function_stays_and_channels_come_down(shape: dict[str, Any]) -> None:
    """Where no value lies below what is taken off, answers are the same up to rounding, also with groups, pooling, a
    Flatten, alpha and without a second bias; only channels that are always above zero are moved."""
    proto = _pair(**shape)
    draft = _draft(proto, deviations=6.0)
    before, after = run(proto, {"x": X})[0], run(draft.proto, {"x": X})[0]
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)
    view = GraphIndex(draft.proto)
    bias = view.array(view.nodes["first"].input[2])
    assert (bias[::2] < 5).all()
    assert not bias[1::2].any()
    assert "4 of its 8 channels gave up" in draft.remarks["first"][0]


def test_the_closed_form_of_equation_15() -> None:
    """What is taken off is the mean minus three deviations of each channel in front of the Relu."""
    proto = _pair()
    view = GraphIndex(proto)
    weight, bias = (view.array(view.nodes["first"].input[i]) for i in (1, 2))
    made = np.einsum("nchw,oc->onhw", X, weight[:, :, 0, 0]).reshape(8, -1) + bias[:, None]
    wanted = np.maximum(0, made.mean(1) - 3 * made.std(1))
    new = GraphIndex(_draft(proto).proto)
    found = bias - new.array(new.nodes["first"].input[2])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_the_range_that_a_grid_must_hold_is_less() -> None:
    """With one scale, 8 bits for the activation between the layers have a smaller step, and less error."""
    model, data = model_of(_pair(), "pair"), given({"x": X})
    wanted = run(model.proto(), {"x": X})[0]
    plain, found = quantized(model, "w8a8-minmax", data), quantized(model, "w8a8-minmax-absorb", data)
    between = next(iter(index for index in plain.plan.tensors if index.startswith("relu")))
    assert found.plan.tensors[between].grid.scale < 0.7 * plain.plan.tensors[between].grid.scale
    errors = [np.abs(run(onnx.load(q.path), {"x": X}, simulated=True)[0] - wanted).mean() for q in (plain, found)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"padded": True}, "pads with zeros"),
        ({"between": "LeakyRelu"}, "the operator LeakyRelu stands between them"),
        ({"between": "Tanh"}, "none follows by operators that keep a factor"),
        ({"between": "Clip"}, "no channel is always above zero"),
    ],
)
def test_what_a_constant_does_not_pass_is_left(shape: dict[str, Any], said: str) -> None:
    """Nothing changes and the layer says why; behind a Clip channels that reach the bound are left."""
    draft = _draft(_pair(**shape))
    assert draft.proto == draft.model.proto()
    assert said in draft.remarks["first"][0]
