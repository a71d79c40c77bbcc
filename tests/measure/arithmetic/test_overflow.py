"""int32 accumulators: the bound against brute force, bits, biases, and what samples reach."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from qexplorer.measure.arithmetic.integer_layers import integer_layers
from qexplorer.measure.arithmetic.overflow import accumulator_bound, bits_of, largest_in_data
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.integer_graphs import conv_graph, gemm_graph


@given(st.lists(st.integers(-128, 127), min_size=3, max_size=3), st.integers(0, 255), st.integers(-(2**20), 2**20))
def test_the_bound_is_the_largest_accumulator_of_any_input(weights: list[int], zero: int, bias: int) -> None:
    """Over all corners of the input range the largest size of the sum, bias included, is the bound."""
    weight = np.array(weights, np.int8).reshape(3, 1)
    (layer,), _ = integer_layers(gemm_graph(weight, zero=zero, bias=np.array([bias], np.int32)))
    corners = [
        abs(bias + sum((x - zero) * w for x, w in zip(xs, weights, strict=True))) for xs in product((0, 255), repeat=3)
    ]
    found = accumulator_bound(layer)
    assert found.largest == max(corners)
    assert found.bias == abs(bias)
    assert found.bits == bits_of(max(corners)) <= 32


@pytest.mark.parametrize(("largest", "bits"), [(0, 1), (1, 2), (127, 8), (128, 9), (2**31 - 1, 32), (2**31, 33)])
def test_bits_count_the_sign(largest: int, bits: int) -> None:
    """127 needs 8 bits, 128 nine, 2**31 - 1 just fits int32."""
    assert bits_of(largest) == bits


def test_samples_stay_within_the_bound_and_come_near_it(tmp_path: Path) -> None:
    """What samples reach is read back from the simulation to the unit, channel by channel."""
    rng = np.random.default_rng(3)
    weight = rng.integers(-127, 128, (4, 3, 3, 2)).astype(np.int8)
    model = conv_graph(weight, zero=9, bias=np.array([1000, -2000, 3, 0], np.int32), pads=[1, 1, 1, 1])
    (layer,), left = integer_layers(model)
    assert left == ()
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.append(helper.make_tensor_value_info(layer.output, TensorProto.FLOAT, None))
    shown.graph.output.append(helper.make_tensor_value_info(layer.codes, TensorProto.UINT8, None))
    path = tmp_path / "shown.onnx"
    onnx.save(shown, str(path))
    x = rng.uniform(-1, 13, (6, 3, 5, 6)).astype(np.float32)
    session = BACKENDS.get("onnxruntime").load(path, SessionOptions(Mode.SIMULATED))
    _, output, codes = session.run({"x": x})
    exact = 0
    padded = np.pad(codes.astype(np.int64) - 9, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for r, c in product(range(5), range(7)):
        patch = padded[:, :, r : r + 3, c : c + 2]
        sums = np.einsum("nchw,mchw->nm", patch, weight.astype(np.int64)) + np.array([1000, -2000, 3, 0])
        exact = max(exact, int(np.abs(sums).max()))
    assert largest_in_data(layer, output) == exact
    assert exact <= accumulator_bound(layer).largest


def test_products_of_any_rank_have_their_channels_last() -> None:
    """Each channel has its own step, also where a sample has five rows of them."""
    (layer,), _ = integer_layers(gemm_graph(np.ones((3, 4), np.int8)))
    sums = np.arange(-40, 0).reshape(2, 5, 4)
    assert largest_in_data(layer, (sums * layer.step).astype(np.float32)) == 40


def test_wide_codes_can_overflow() -> None:
    """16-bit codes on both sides pass 2**31 with a few products; the bound says so."""
    model = gemm_graph(np.full((4, 1), 1, np.int8))
    wide = {"w": np.full((4, 1), 32767, np.int16), "wz": np.zeros(1, np.int16), "xz": np.uint16(0)}
    for item in model.graph.initializer:
        if item.name in wide:
            item.CopyFrom(numpy_helper.from_array(np.asarray(wide[item.name]), item.name))
    (layer,), _ = integer_layers(model)
    found = accumulator_bound(layer)
    assert found.largest == 4 * 65535 * 32767
    assert found.bits > 32


def test_a_layer_without_an_integer_bias_says_why() -> None:
    """No bias, or one that stays in float: None with a reason, never 0."""
    (layer,), _ = integer_layers(gemm_graph(np.ones((2, 1), np.int8)))
    found = accumulator_bound(layer)
    assert (found.bias, found.reason) == (None, "it has no bias")
    found = accumulator_bound(replace(layer, float_bias=True))
    assert (found.bias, found.reason, found.largest) == (
        None,
        "its bias stays in float",
        accumulator_bound(layer).largest,
    )
    assert largest_in_data(layer, np.zeros((0, 1), np.float32)) == 0


def test_layers_that_multiply_floats_are_left_out_with_the_reason() -> None:
    """A product whose weight is no constant of codes is not taken for an integer layer."""
    model = gemm_graph(np.ones((2, 1), np.int8))
    next(node for node in model.graph.node if node.op_type == "Gemm").input[1] = "ws"
    layers, left = integer_layers(model)
    assert layers == ()
    assert left == (("layer", "its weight is no constant of codes"),)


def _gemm(**settings: object) -> onnx.ModelProto:
    """A product with these attributes."""
    model = gemm_graph(np.arange(8, dtype=np.int8).reshape(2, 4))
    _node(model).attribute.extend(helper.make_attribute(name, value) for name, value in settings.items())
    return model


def _node(model: onnx.ModelProto, op: str = "Gemm", place: int = 0) -> onnx.NodeProto:
    return [node for node in model.graph.node if node.op_type == op][place]


def _with(model: onnx.ModelProto, **constants: object) -> onnx.ModelProto:
    """The model with other constants."""
    for item in model.graph.initializer:
        if item.name in constants:
            item.CopyFrom(numpy_helper.from_array(np.asarray(constants[item.name]), item.name))
    return model


def _from_floats(model: onnx.ModelProto) -> onnx.ModelProto:
    _node(model).input[0] = "x"
    return model


def _by_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    _node(model, "DequantizeLinear", 1).attribute.append(helper.make_attribute("block_size", 2))
    return model


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (_from_floats(_gemm()), "its input is no tensor of codes"),
        (_gemm(transA=1), "it scales or transposes its input"),
        (_gemm(alpha=0.5), "it scales or transposes its input"),
        (_with(_gemm(), xs=np.float32([0.1, 0.2])), "its scales are finer than one for each channel"),
        (_by_blocks(_gemm()), "its scales are finer than one for each channel"),
        (_with(_gemm(), w=np.zeros((2, 2, 2), np.int8)), "its weight has more than two axes"),
        (_with(_gemm(), xz=np.int32(0)), "no integer kernel multiplies int32 codes"),
        (_gemm(transA=0, alpha=1.0), None),
    ],
)
def test_what_is_no_integer_layer_says_why(model: onnx.ModelProto, why: str | None) -> None:
    """By its input, its attributes, its scales, its shape and its type."""
    layers, left = integer_layers(model)
    assert left == (() if why is None else (("layer", why),))
    assert len(layers) == (why is None)


def test_a_layer_is_read_as_kernels_take_it() -> None:
    """Scales, zero points and biases of one value count for every channel; a transposed weight is turned; codes
    without a zero point are unsigned and begin at 0."""
    model = _with(_gemm(), ws=np.float32(0.25), wz=np.int8(3), xz=np.uint8(7))
    (layer,), _ = integer_layers(model)
    assert layer.weight.tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7]]]
    assert (layer.weight_scale.tolist(), layer.weight_zero.tolist()) == ([0.25] * 4, [3] * 4)
    assert (layer.code_type, layer.low, layer.high, layer.zero, layer.weight_type) == ("uint8", 0, 255, 7, "int8")
    assert layer.step == pytest.approx([0.0125] * 4)
    (turned,), _ = integer_layers(_gemm(transB=1))
    assert turned.weight.tolist() == [[[0, 4], [1, 5], [2, 6], [3, 7]]]
    del _node(model, "DequantizeLinear").input[2]
    (bare,), _ = integer_layers(model)
    assert (bare.code_type, bare.zero, bare.low) == ("uint8", 0, 0)
    _node(model).input.append("")
    (left_out,), _ = integer_layers(model)
    assert (left_out.bias, left_out.float_bias) == (None, False)
    biased = gemm_graph(np.ones((2, 1), np.int8), bias=np.array([5], np.int32))
    _node(biased).input[2] = "bs"
    (plain,), _ = integer_layers(biased)
    assert (plain.bias, plain.float_bias) == (None, True)


@pytest.mark.parametrize(
    ("shape", "groups", "depthwise"),
    [((4, 1, 3, 3), 4, True), ((4, 1, 3, 3), 1, False), ((4, 2, 3, 3), 2, False), ((4, 1, 1, 1), 4, True)],
)
def test_a_layer_is_depthwise_where_each_output_reads_one_channel(
    shape: tuple[int, ...], groups: int, *, depthwise: bool
) -> None:
    """Of several; a convolution of one channel is none, nor a product."""
    (layer,), _ = integer_layers(conv_graph(np.ones(shape, np.int8), group=groups))
    assert layer.depthwise is depthwise
    (product_layer,), _ = integer_layers(_gemm())
    assert not product_layer.depthwise
