"""Between which layers a channel can be scaled, what may stand between them, and what scaling does to a weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.layerwise.chains import (
    Pair,
    bias_constant,
    channel_sizes,
    pairs_of,
    scaled_in,
    scaled_out,
    why_alone,
)
from tests.quantize.graphs import Builder

Between = Callable[[Builder, str], str]


def _scalar(b: Builder, value: float) -> str:
    return b.constant(np.float32(value))


def _ints(b: Builder, *values: int) -> str:
    return b.constant(np.array(values, np.int64))


def _clip(low: float | None, high: float | None, *, computed: int | None = None) -> Between:
    """A Clip with these bounds; the one at the place ``computed`` is made while the model runs."""

    def build(b: Builder, h: str) -> str:
        bounds = [_scalar(b, each) if each is not None else "" for each in (low, high)]
        if computed is not None:
            bounds[computed] = b.node("Identity", b.node("ReduceMax", b.input("c", ("n",)), keepdims=0))
        while bounds and not bounds[-1]:
            bounds.pop()
        return str(b.node("Clip", h, *bounds, name="clip"))

    return build


def _pad(*pads: int, value: float | None = None, mode: str | None = None, computed: bool = False) -> Between:
    def build(b: Builder, h: str) -> str:
        wanted = b.node("Identity", _ints(b, *pads), name="computed") if computed else _ints(b, *pads)
        more = {} if mode is None else {"mode": mode}
        return str(b.node("Pad", h, wanted, *([] if value is None else [_scalar(b, value)]), **more))

    return build


def _op(op: str, **attributes: Any) -> Between:
    return lambda b, h: str(b.node(op, h, **attributes))


def _pool(b: Builder, h: str) -> str:
    return str(b.node("GlobalAveragePool", h))


def _convolutions(*between: Between, second: str = "Conv", inputs: int = 4, bias: Any = 4) -> GraphIndex:
    """A Conv of 4 channels, what stands between, and a Conv or a Gemm of ``inputs`` values."""
    b = Builder(0)
    biases = [] if bias is None else [b.normal(*np.atleast_1d(bias))]
    h = b.node("Conv", b.input("x", ("n", 3, 6, 6)), b.normal(4, 3, 1, 1), *biases, name="first")
    for each in between:
        h = each(b, h)
    if second == "Conv":
        b.output(b.node("Conv", h, b.normal(2, inputs, 1, 1), name="second"), 4)
    else:
        b.output(b.node("Gemm", h, b.normal(inputs, 2), name="second"), 2)
    return GraphIndex(b.model())


PLAIN = (0, 0, 1, 1, 0, 0, 1, 1)
FLAT = {"second": "Gemm", "inputs": 144}


@pytest.mark.parametrize(
    ("between", "more", "repeat", "clips"),
    [
        ((), {}, 1, ()),
        ((), {"bias": None}, 1, ()),
        ((), {"bias": 4}, 1, ()),
        ((_clip(0, 6),), {}, 1, ("clip",)),
        ((_clip(0, None),), {}, 1, ("clip",)),
        ((_op("Relu"), _clip(0, 6)), {}, 1, ("clip",)),
        ((_pad(*PLAIN),), {}, 1, ()),
        ((_pad(*PLAIN, value=0, mode="constant"),), {}, 1, ()),
        ((_op("Flatten"),), FLAT, 36, ()),
        ((_op("Flatten", axis=1),), FLAT, 36, ()),
        ((_pool, _op("Flatten")), {"second": "Gemm", "inputs": 4}, 1, ()),
    ],
)
def test_a_factor_goes_through(
    between: tuple[Between, ...], more: dict[str, Any], repeat: int, clips: tuple[str, ...]
) -> None:
    """Bounds from zero, zeros put on at positions, and a Flatten, behind which each position of a channel counts."""
    assert pairs_of(_convolutions(*between, **more)) == [Pair("first", "second", 4, repeat, clips)]


@pytest.mark.parametrize(
    ("between", "more"),
    [
        ((_clip(-1, 6),), {}),
        ((_clip(None, 6),), {}),
        ((_clip(None, 6, computed=0),), {}),
        ((_clip(0, None, computed=1),), {}),
        ((_pad(*PLAIN, value=1),), {}),
        ((_pad(*PLAIN, mode="edge"),), {}),
        ((_pad(*PLAIN, computed=True),), {}),
        ((_pad(0, 1, 0, 0, 0, 0, 0, 0),), {"inputs": 5}),
        ((_pad(0, 0, 0, 0, 0, 4, 0, 0),), {"inputs": 8}),
        ((_op("Softplus"),), {}),
        ((_op("Flatten", axis=2),), {"second": "Gemm", "inputs": 36}),
        ((_op("Flatten"), _op("Flatten")), FLAT),
        ((_op("Flatten"), lambda b, h: str(b.node("Add", h, b.normal(144)))), FLAT),
        ((lambda b, h: str(b.node("Add", h, b.normal(4, 1, 1))),), {}),
    ],
)
def test_a_factor_does_not_go_through(between: tuple[Between, ...], more: dict[str, Any]) -> None:
    """Other bounds, bounds that are computed, other padding, channels that are put on, and what is not linear."""
    view = _convolutions(*between, **more)
    assert pairs_of(view) == []
    assert why_alone(view)["first"] == "none follows by operators that keep a factor"


def _products(op: str = "MatMul", **changed: Any) -> GraphIndex:
    """Two products of matrices, with an addition between them where ``bias`` gives its shape."""
    b = Builder(1)
    weight = b.normal(*changed.get("weight", (5, 6)))
    attributes = changed.get("attributes", {})
    h = b.node(op, b.input("x", changed.get("shape", ("n", 5))), weight, name="first", **attributes)
    for shape in changed.get("bias", [(6,)]):
        constant = b.normal(*shape)
        h = b.node("Add", *((constant, h) if changed.get("turned") else (h, constant)), name=f"add{len(b.nodes)}")
    if changed.get("read"):
        b.output(b.node("Identity", constant), len(shape))
    h = b.node("Relu", h)
    h = b.node("MatMul", b.normal(6, 6), h) if changed.get("behind") else h
    other = weight if changed.get("tied") else b.normal(*changed.get("second", (6, 3)))
    b.output(b.node("Gemm", h, other, name="second", **changed.get("later", {})), 2)
    return GraphIndex(b.model())


@pytest.mark.parametrize(
    ("changed", "paired"),
    [
        ({}, True),
        ({"turned": True}, True),
        ({"bias": []}, True),
        ({"bias": [(1, 6)]}, True),
        ({"bias": [(1,)]}, True),
        ({"bias": [()]}, True),
        ({"bias": [(6,), (6,)]}, False),  # what is added behind an addition is no bias of the layer
        ({"bias": [(6,)], "read": True}, False),
        ({"op": "Gemm", "bias": []}, True),
        ({"op": "Gemm"}, False),  # its bias is an input of its own
        ({"op": "Gemm", "bias": [], "weight": (6, 5), "attributes": {"transB": 1}}, True),
        ({"op": "Gemm", "bias": [], "shape": (5, "n"), "attributes": {"transA": 1}}, False),
        ({"op": "Gemm", "bias": [], "attributes": {"beta": 0.0}}, False),
        ({"op": "Gemm", "bias": [], "attributes": {"beta": 0.5}}, True),
        ({"second": (3, 6), "later": {"transB": 1}}, True),
        ({"weight": (6, 6), "shape": ("n", 6), "second": (6, 6), "tied": True}, False),
    ],
)
def test_products_and_their_biases(changed: dict[str, Any], paired: bool) -> None:
    """The constant behind a product is its bias if nothing else reads it; weights must be one layer's own."""
    assert pairs_of(_products(**changed)) == ([Pair("first", "second", 6)] if paired else [])


def test_why_a_layer_is_first_of_no_pair() -> None:
    """By its operator, by a weight that is not its own, or by what follows; layers of a pair are left out."""
    b = Builder(2)
    x = b.input("x", ("n", 4, 6, 6))
    turned = b.node("ConvTranspose", x, b.normal(4, 4, 1, 1), name="turned")
    shared = b.normal(4, 4, 1, 1)
    h = b.node("Conv", b.node("Conv", turned, shared, name="once"), shared, name="twice")
    h = b.node("Conv", b.node("Conv", h, b.normal(4, 4, 1, 1), name="front"), b.normal(4, 4, 1, 1), name="last")
    b.output(h, 4)
    view = GraphIndex(b.model())
    assert [(pair.first, pair.second) for pair in pairs_of(view)] == [("front", "last")]
    alone = "its weight is read elsewhere too, or is no matrix"
    assert why_alone(view) == {
        "turned": "the operator ConvTranspose is not taken",
        "once": alone,
        "twice": alone,
        "last": "none follows by operators that keep a factor",
    }


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, ("add1", 1)),
        ({"turned": True}, ("add1", 0)),
        ({"bias": []}, None),
        ({"bias": [(1, 6)]}, ("add1", 1)),
        ({"bias": [(1,)]}, ("add1", 1)),
        ({"bias": [(6,)], "read": True}, None),
    ],
)
def test_where_the_bias_of_a_product_is(changed: dict[str, Any], found: tuple[str, int] | None) -> None:
    """The Add behind it and which of its inputs; none where nothing is added, or others read the constant."""
    view = _products(**changed)
    assert bias_constant(view.nodes["first"], view) == found


def test_where_other_layers_have_their_bias() -> None:
    """Their own third input, if there is one."""
    for bias, found in ((4, ("first", 2)), (None, None)):
        view = _convolutions(bias=bias)
        assert bias_constant(view.nodes["first"], view) == found


LAYERS: dict[str, tuple[str, tuple[int, ...], dict[str, int], int, int]] = {
    "MatMul": ("MatMul", (3, 4), {}, 1, 0),
    "Gemm": ("Gemm", (3, 4), {}, 1, 0),
    "Gemm turned": ("Gemm", (3, 4), {"transB": 1}, 0, 1),
    "Conv": ("Conv", (4, 3, 2, 2), {}, 0, 1),
}
"""Operator, shape of its weight, attributes, axis of the outputs, axis of the inputs. (ONNX, opset 21)"""


@pytest.mark.parametrize("layer", LAYERS)
def test_channels_are_scaled_along_their_axis(layer: str) -> None:
    """Each output, or each input, times its own factor; sizes are largest magnitudes along the same axis."""
    op, shape, attributes, outputs, inputs = LAYERS[layer]
    node = helper.make_node(op, ["x", "w"], ["y"], **attributes)
    weight = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for axis, scaled in ((outputs, scaled_out), (inputs, scaled_in)):
        factor = 2.0 ** np.arange(shape[axis])
        spread = [-1 if k == axis else 1 for k in range(weight.ndim)]
        np.testing.assert_array_equal(scaled(node, weight, factor), weight * factor.reshape(spread).astype(np.float32))
        sizes = np.abs(np.moveaxis(weight, axis, 0)).reshape(shape[axis], -1).max(1)
        np.testing.assert_array_equal(channel_sizes(node, weight, inputs=axis == inputs), sizes.astype(np.float32))


def test_groups_read_inputs_of_their_own() -> None:
    """Of a convolution in two groups the first half of the outputs reads the first half of the inputs."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=2)
    weight = np.arange(1, 13, dtype=np.float32).reshape(4, 3, 1, 1)
    factor = 10.0 ** np.arange(6)
    wanted = weight * np.repeat(factor.reshape(2, 3), 2, 0).reshape(4, 3, 1, 1)
    np.testing.assert_allclose(scaled_in(node, weight, factor), wanted, rtol=1e-6)
    assert channel_sizes(node, weight, inputs=True).tolist() == [4, 5, 6, 10, 11, 12]
    assert channel_sizes(node, weight, inputs=False).tolist() == [3, 6, 9, 12]


def test_inputs_side_by_side_are_one_channel() -> None:
    """Behind a Flatten of two positions the size of a channel is the larger of both."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"])
    weight = np.array([[1, -5], [2, 2], [3, 0], [-4, 1]], np.float32)
    assert channel_sizes(node, weight, inputs=True, repeat=2).tolist() == [5, 4]
