"""The layer map: what each node holds, costs and allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.core.model import Layer
from qexplorer.load.child import describe
from qexplorer.load.layers import layer_map
from qexplorer.load.macs import layer_macs
from qexplorer.load.normal.tidy import name_everything
from qexplorer.load.shapes import add_shapes
from tests.load.model_graphs import I64, Shape, model, value, weight


def layers(proto: onnx.ModelProto) -> tuple[Layer, ...]:
    """The layer map of a model as it is, with names and shapes but no simplification."""
    name_everything(proto)
    add_shapes(proto)
    return layer_map(proto)


def one(op: str, shape: Shape, weights: dict[str, np.ndarray], **attributes: Any) -> Layer:
    """The map of a graph with one node, which reads ``x`` and then the weights."""
    node = helper.make_node(op, ["x", *weights], ["y"], **attributes)
    return layers(model([node], {"x": shape}, ["y"], weights))[0]


# By hand: outputs x values of the weight that go into each.
@pytest.mark.parametrize(
    ("op", "shape", "weights", "attributes", "macs", "axis"),
    [
        ("Conv", ["n", 3, 8, 8], {"w": (4, 3, 3, 3)}, {}, 4 * 6 * 6 * 27, 0),
        ("Conv", [2, 3, 8, 8], {"w": (4, 3, 3, 3)}, {}, 4 * 6 * 6 * 27, 0),
        ("Conv", ["n", 4, 8, 8], {"w": (4, 1, 3, 3)}, {"group": 4, "strides": [2, 2]}, 4 * 3 * 3 * 9, 0),
        ("Conv", ["n", 3, 10], {"w": (4, 3, 5)}, {"dilations": [2]}, 4 * 2 * 15, 0),
        ("ConvTranspose", ["n", 3, 5, 5], {"w": (3, 4, 2, 2)}, {"strides": [2, 2]}, 3 * 25 * 16, 1),
        ("Gemm", ["n", 6], {"w": (6, 5)}, {}, 30, 1),
        ("Gemm", ["n", 6], {"w": (5, 6)}, {"transB": 1}, 30, 0),
        ("MatMul", ["n", 7, 6], {"w": (6, 5)}, {}, 7 * 30, 1),
        ("MatMul", ["n", 6], {"w": (6,)}, {}, 6, None),
        ("MatMul", ["n", 3, 4, 6], {"w": (3, 6, 5)}, {}, 3 * 4 * 30, 2),
    ],
)
def test_macs_and_axis(
    op: str,
    shape: Shape,
    weights: dict[str, tuple[int, ...]],
    attributes: dict[str, object],
    macs: int,
    axis: int | None,
) -> None:
    """Multiply-accumulates are those of one sample, with a free or fixed batch; the axis is that of the outputs."""
    layer = one(op, shape, {k: weight(*s) for k, s in weights.items()}, **attributes)
    assert (layer.macs, layer.weight_axis, layer.weight, layer.quantizable) == (macs, axis, "w", True)
    assert isinstance(layer.macs, int)
    assert layer.parameters == np.prod(weights["w"])


def test_bounds_and_sizes_are_no_parameters() -> None:
    """What says how an operator works is not counted, whatever its type; a number that is read as a value too is."""
    scalar = np.array(0.5, np.float32)
    nodes = [
        helper.make_node("Clip", ["x", "low", "high"], ["a"]),
        helper.make_node("Resize", ["a", "", "scales"], ["b"]),
        helper.make_node("Clip", ["b", "", "both"], ["c"]),
        helper.make_node("Mul", ["c", "both"], ["d"]),
        helper.make_node("PRelu", ["d", "slope"], ["y"]),
    ]
    constants = {"low": scalar, "high": scalar, "both": scalar, "slope": weight(3, 1, 1)}
    constants["scales"] = np.array([1, 1, 2, 2], np.float32)
    found = layers(model(nodes, {"x": ["n", 3, 4, 4]}, ["y"], constants))
    assert [layer.parameters for layer in found] == [0, 0, 1, 0, 3]


@pytest.mark.parametrize("names", [("low", "high"), ("", "high"), ("low",)])
def test_a_models_own_count_leaves_out_bounds(tmp_path: Path, names: tuple[str, ...]) -> None:
    """The number of a whole file is that of its layers, whichever bounds a Clip has."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Clip", ["a", *names], ["y"])]
    bounds = {name: np.array(1.5, np.float32) for name in names if name}
    proto = model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 5)} | bounds)
    name_everything(proto)
    found = describe(proto, tmp_path / "out.onnx", "bounded", "0" * 64, ())
    assert found.parameters == sum(layer.parameters for layer in found.layers) == 20


def test_a_product_turned_over_sums_along_its_first_axis() -> None:
    """Four outputs of five channels, each of six products."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)
    assert layer_macs(node, {"x": (6, 4), "w": (6, 5), "y": (4, 5)}) == 4 * 5 * 6


def test_a_product_that_could_be_turned_over_and_is_not() -> None:
    """A flag of 0 is none."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transA=0)
    assert layer_macs(node, {"x": (4, 6), "w": (6, 5), "y": (4, 5)}) == 4 * 5 * 6


@pytest.mark.parametrize(("heads", "macs"), [({}, None), ({"q_num_heads": 2}, None), ({"kv_num_heads": 2}, 160)])
def test_attention_in_rows_needs_to_know_its_heads(heads: dict[str, int], macs: int | None) -> None:
    """By the heads of the keys the width of a value is told."""
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], **heads)
    shapes = {"q": (1, 4, 8), "k": (1, 5, 8), "v": (1, 5, 6)}
    assert layer_macs(node, shapes) == macs
    assert layer_macs(node, {name: (*shape, 1, 1) for name, shape in shapes.items()}) is None


def test_free_sizes_give_unknown_macs() -> None:
    """A convolution over images of any size has no number of multiply-accumulates, rather than 0."""
    assert one("Conv", ["n", 3, "h", "w"], {"w": weight(4, 3, 3, 3)}).macs is None


# By hand: 2 heads, 5 queries, 7 keys, 4 values in each query and key, 6 in each value.
@pytest.mark.parametrize(
    ("shapes", "heads"),
    [
        ({"q": ["n", 2, 5, 4], "k": ["n", 2, 7, 4], "v": ["n", 2, 7, 6]}, {}),
        ({"q": ["n", 5, 8], "k": ["n", 7, 8], "v": ["n", 7, 12]}, {"q_num_heads": 2, "kv_num_heads": 2}),
        ({"q": ["n", 5, 8], "k": ["n", 7, 4], "v": ["n", 7, 6]}, {"q_num_heads": 2, "kv_num_heads": 1}),
    ],
)
def test_attention_multiplies_queries_with_keys_and_scores_with_values(
    shapes: dict[str, Shape], heads: dict[str, int]
) -> None:
    """Both products count, whether heads have an axis of their own or lie in rows, and whether they share keys."""
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], **heads)
    (layer,) = layers(model([node], shapes, ["y"], opset=23, ir=11))
    assert layer.macs == 2 * 5 * 7 * (4 + 6)


def test_attention_over_a_past_of_any_length_has_no_number() -> None:
    """Keys that are handed in from before are not among the shapes of the new ones."""
    past = {"pk": ["n", 2, "past", 4], "pv": ["n", 2, "past", 6]}
    shapes: dict[str, Shape] = {"q": ["n", 2, 5, 4], "k": ["n", 2, 7, 4], "v": ["n", 2, 7, 6], **past}
    node = helper.make_node("Attention", ["q", "k", "v", "", "pk", "pv"], ["y", "a", "b"])
    (layer,) = layers(model([node], shapes, ["y"], opset=23, ir=11))
    assert layer.macs is None


@pytest.mark.parametrize(
    ("reads", "batch", "macs"),
    [
        ("qkv", 1, 560),
        ("qkv", 2, 280),
        ("qkv", 3, 560),
        ("qkvm", 1, 560),
        ("qkvmp", 1, None),
        ("qkv,p", 1, None),
        ("qkv,,p", 1, None),
        ("qkv,,,m", 1, 560),
        ("qku", 1, None),
    ],
)
def test_attention_counts_what_is_known_for_one_sample(reads: str, batch: int, macs: int | None) -> None:
    """Either half of a past makes it unknown, as does a free length; a mask does not. By hand: 2 * 4 * 5 * (8 + 6)."""
    shapes = {"q": (1, 2, 4, 8), "k": (1, 2, 5, 8), "v": (1, 2, 5, 6), "u": (1, 2, None, 6), "m": (4, 5), "p": (1, 2)}
    names = ["" if name == "," else name for name in reads]
    found = layer_macs(helper.make_node("Attention", names, ["y"]), shapes, batch)
    assert (found, type(found)) == (macs, type(macs))


@pytest.mark.parametrize(
    ("op", "x", "w", "y", "macs"),
    [
        ("Conv", (2, 3, 8), (0, 3, 3), (2, 0, 6), 0),
        ("Conv", (1, 3, 8), (4, 3, 3), (1, 4, None), None),
        ("Conv", (1, 3, 8), (4, None, 3), (1, 4, 6), None),
        ("ConvTranspose", (1, None, 5), (3, 2, 2), (1, 2, 6), None),
        ("Gemm", (None, 5), (5, 7), (3, 7), None),
        ("ConvTranspose", (4, 3, 5), (3, 2, 2), (4, 2, 6), 60),
        ("ConvTranspose", (4, 0, 5), (0, 2, 2), (4, 2, 6), 0),
        ("Gemm", (3, 5), (5, 7), (3, 7), 105),
        ("MatMul", (4, 3, 5), (5, 7), (4, 3, 7), 105),
        ("MatMul", (5,), (5, 7), (7,), 35),
        ("Relu", (None,), (3,), (None,), 0),
    ],
)
def test_products_of_a_batch_are_divided_where_that_is_whole(
    op: str, x: Shape, w: Shape, y: Shape, macs: int | None
) -> None:
    """By a batch of 4: rows that are not the batch's, and empty layers, give no fractions and no failure."""
    assert layer_macs(helper.make_node(op, ["x", "w"], ["y"]), {"x": x, "w": w, "y": y}, 4) == macs


def test_an_operator_of_another_domain_has_no_products_that_are_known() -> None:
    """Its name says nothing."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], domain="com.example")
    assert layer_macs(node, {"x": (3, 5), "w": (5, 7), "y": (3, 7)}) == 0


def test_shared_weights_count_once() -> None:
    """A weight that two layers share is counted with the first and named in both."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["y"])]
    first, second = layers(model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 4)}))
    assert (first.parameters, second.parameters) == (16, 0)
    assert first.weight == second.weight == "w"


def test_two_activations_multiply_without_weight() -> None:
    """A MatMul of two activations can be quantized and has no weight."""
    node = helper.make_node("MatMul", ["x", "z"], ["y"])
    (layer,) = layers(model([node], {"x": ["n", 3, 4], "z": ["n", 4, 5]}, ["y"]))
    assert (layer.quantizable, layer.weight, layer.inputs, layer.macs) == (True, None, ("x", "z"), 60)


def refusal(
    node: onnx.NodeProto, inputs: dict[str, Shape], weights: dict[str, np.ndarray], kind: int = 1, opset: int = 21
) -> str:
    """Why the node cannot be quantized; inputs are of ``kind``."""
    proto = model([node], {}, [], weights, opset=opset)
    proto.graph.input.extend(value(name, shape, kind) for name, shape in inputs.items())
    proto.graph.output.append(value(node.output[0], None, kind))
    layer = layers(proto)[0]
    assert not layer.quantizable
    assert layer.weight is None
    return layer.reason or ""


def test_reasons() -> None:
    """Each thing that stands in the way is named for what it is."""
    x: dict[str, Shape] = {"x": ["n", 4]}
    image: dict[str, Shape] = {"x": ["n", 3, 8, 8]}
    assert "int64" in refusal(helper.make_node("Add", ["x", "x"], ["y"]), x, {}, I64)
    assert "float16" in refusal(helper.make_node("Relu", ["x"], ["y"]), x, {}, TensorProto.FLOAT16)
    assert "weight is computed at run time" in refusal(
        helper.make_node("Conv", ["x", "w"], ["y"]), image | {"w": [4, 3, 3, 3]}, {}
    )
    conv = helper.make_node("Conv", ["x", "w", "b"], ["y"])
    assert "bias is computed at run time" in refusal(conv, image | {"b": [4]}, {"w": weight(4, 3, 3, 3)})
    assert "first factor" in refusal(
        helper.make_node("MatMul", ["w", "x"], ["y"]), {"x": [4, "n"]}, {"w": weight(3, 4)}
    )
    clip = helper.make_node("Clip", ["x", "low"], ["y"])
    assert "limits are computed" in refusal(clip, x | {"low": []}, {})
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear")
    assert "linear" in refusal(resize, image, {"s": np.array([1, 1, 2, 2], np.float32)})
    pool = helper.make_node("MaxPool", ["x"], ["y", "places"], kernel_shape=[2, 2])
    assert "places of the maxima" in refusal(pool, image, {})
    assert "Erf has no quantized form" in refusal(helper.make_node("Erf", ["x"], ["y"]), x, {})
    relu = helper.make_node("Relu", ["x"], ["y"])
    assert "opset 12" in refusal(relu, x, {}, opset=12)
    assert layers(model([relu], x, ["y"], opset=13))[0].quantizable
    embedding = helper.make_node("Gather", ["t", "x"], ["y"])
    assert "all numbers that it reads" in refusal(embedding, {"x": ["n"]}, {"t": weight(9, 4)}, opset=21)


def test_resize_by_nearest_moves_values() -> None:
    """Resize in mode nearest can be quantized, as its output holds only values of its input."""
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest")
    (layer,) = layers(model([node], {"x": ["n", 3, 8, 8]}, ["y"], {"s": np.array([1, 1, 2, 2], np.float32)}))
    assert layer.quantizable


def test_layers_that_compute_are_told_from_plumbing() -> None:
    """A table of weights and sums of floats compute; views, casts, shapes and arithmetic of dimensions do not."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["words"], "words"),
        helper.make_node("Shape", ["ids"], ["shape"], "shape"),
        helper.make_node("Mul", ["shape", "two"], ["twice"], "twice"),
        helper.make_node("Greater", ["ids", "two"], ["large"], "large"),
        helper.make_node("Cast", ["large"], ["mask"], "mask", to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "two"], ["column"], "column"),
        helper.make_node("Add", ["words", "column"], ["masked"], "masked"),
        helper.make_node("Gather", ["masked", "first"], ["y"], "first", axis=1),
    ]
    constants = {"table": np.ones((9, 4), np.float32), "two": np.array([2]), "first": np.array(0)}
    proto = model(nodes, {}, ["y"], constants)
    proto.graph.input.append(value("ids", ["n", 3], I64))
    found = layers(proto)
    assert [layer.name for layer in found if layer.computes] == ["words", "masked"]
