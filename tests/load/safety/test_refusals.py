"""What is refused on loading: one sentence, quickly, and nothing left behind.

These call the child's function in this process: the child itself is tested in ``test_model_child.py``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.errors import ModelError
from qexplorer.load.safety.check import checked_proto
from qexplorer.load.safety.finite import check_finite
from tests.load.model_graphs import F32, model, saved, small_cnn, value, weight
from tests.load.safety.refusing import load, refused


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"this is not a model\n" * 20, "text file"),
        ("größer als 512 Bytes: ".encode() * 40, "text file"),
        (b"\xff" * 600, "not a whole ONNX file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04" + b"\0" * 50, "zip archive"),
        (b"\x80\x04\x95" + b"\0" * 50, "pickle"),
        (b"\x1c\0\0\0TFL3" + b"\0" * 50, "TensorFlow Lite"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"a":{"dtype":"F32"}}', "safetensors"),
        (bytes(range(1, 200)), "not a whole ONNX file"),
        (b"\x08\x08", "no graph"),
    ],
)
def test_other_formats_are_named(data: bytes, says: str, tmp_path: Path) -> None:
    """A file of another kind is refused with its kind."""
    assert says in refused(data, tmp_path)


def test_truncated_file(tmp_path: Path) -> None:
    """A file cut at any of many places is refused as truncated or invalid, never loaded and never a traceback."""
    data = small_cnn().SerializeToString()
    for length in range(1, len(data), 23):
        refused(data[:length], tmp_path)


@given(data=st.data())
def test_flipped_bytes_give_a_sentence_or_a_model(data: st.DataObject) -> None:
    """Whatever single byte of a file is changed, the checks end with a model or with a ModelError."""
    original = bytearray(small_cnn().SerializeToString())
    place = data.draw(st.integers(0, len(original) - 1))
    original[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ModelError):
        proto, _, _ = checked_proto(bytes(original), None, "m.onnx")
        assert proto.graph.node


@pytest.mark.parametrize(("bad", "says"), [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "-Inf")])
def test_nonfinite_weight(bad: float, says: str, tmp_path: Path) -> None:
    """A weight that is not finite is named with its tensor and index."""
    proto = small_cnn()
    array = numpy_helper.to_array(proto.graph.initializer[0]).copy()
    array[2, 1, 0, 2] = bad
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "w"))
    assert f"'w'[2, 1, 0, 2] is {says}" in refused(proto, tmp_path)


def test_nan_in_a_constant_node(tmp_path: Path) -> None:
    """A NaN in a Constant node is found as well, under the name of the tensor that it makes."""
    bad = numpy_helper.from_array(np.array([1, np.nan], np.float32))
    nodes = [helper.make_node("Constant", [], ["c"], value=bad), helper.make_node("Add", ["x", "c"], ["y"])]
    assert "'c'[1] is NaN" in refused(model(nodes, {"x": ["n", 2]}, ["y"]), tmp_path)


@pytest.mark.parametrize(("top", "says"), [(0.0, "NaN"), (1.0, "Inf")])
def test_a_weight_that_becomes_nonfinite(top: float, says: str, tmp_path: Path) -> None:
    """A weight that finite constants give is judged as well; elsewhere what they give may be what is never chosen."""
    bottom = np.array([[1, 2], [4, 0]], np.float32)
    given = {"a": np.array([[1, 1], [1, top]], np.float32), "b": bottom}
    nodes = [helper.make_node("Div", ["a", "b"], ["k"]), helper.make_node("MatMul", ["x", "k"], ["y"])]
    told = refused(model(nodes, {"x": ["n", 2]}, ["y"], given), tmp_path)
    assert f"'k'[1, 1], computed from constants, is {says}" in told
    nodes[1] = helper.make_node("Where", ["chosen", "k", "x"], ["y"])
    load(saved(model(nodes, {"x": [2, 2]}, ["y"], given | {"chosen": bottom > 0}), tmp_path))


def test_an_infinite_scale_of_one_block(tmp_path: Path) -> None:
    """Weights that come as codes have finite scales, too."""
    scale = np.array([[1, 1], [1, np.inf]], np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["k"], axis=0, block_size=16),
        helper.make_node("MatMul", ["x", "k"], ["y"]),
    ]
    given = {"q": np.ones((32, 2), np.int8), "s": scale}
    assert "'s'[1, 1] is Inf" in refused(model(nodes, {"x": ["n", 32]}, ["y"], given), tmp_path)


@pytest.mark.parametrize(("code", "loads"), [(1, True), (2, False)])
def test_a_finite_scale_of_one_block_that_is_too_large(code: int, loads: bool, tmp_path: Path) -> None:
    """What a code and its scale make is judged: 3e38 is a float32, and twice that is none."""
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["k"], axis=0, block_size=16),
        helper.make_node("MatMul", ["x", "k"], ["y"]),
    ]
    codes = np.ones((32, 2), np.int8)
    codes[17, 1] = -code
    given = {"q": codes, "s": np.array([[1, 1], [1, 3e38]], np.float32)}
    proto = model(nodes, {"x": ["n", 32]}, ["y"], given)
    if loads:
        load(saved(proto, tmp_path))
    else:
        assert "the weight 'q'[17, 1], decoded by its scale, is -Inf; allowed: finite" in refused(proto, tmp_path)


def test_scales_that_do_not_fit_their_codes(tmp_path: Path) -> None:
    """Where they have to be decoded to be judged, that is one sentence."""
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["k"], axis=0),
        helper.make_node("MatMul", ["x", "k"], ["y"]),
    ]
    given = {"q": np.ones((32, 2), np.int8), "s": np.full(3, 3e38, np.float32)}
    assert "the scales 's' do not fit the weight 'q'" in refused(model(nodes, {"x": ["n", 32]}, ["y"], given), tmp_path)


def test_minus_infinity_in_a_mask_is_meant(tmp_path: Path) -> None:
    """An additive mask of minus infinities loads, and the layer that reads it stays in float with the reason."""
    mask = np.triu(np.full((4, 4), -np.inf, np.float32), 1)
    nodes = [helper.make_node("Add", ["x", "mask"], ["a"]), helper.make_node("Softmax", ["a"], ["y"])]
    found = load(saved(model(nodes, {"x": ["n", 4, 4]}, ["y"], {"mask": mask}), tmp_path))
    add, softmax = found["model"]["layers"]  # type: ignore[index]
    assert not add["quantizable"]
    assert "infinities" in add["reason"]
    assert softmax["quantizable"]


@pytest.mark.parametrize(
    ("nodes", "outputs", "says"), [(20_001, 1, "20,001 operators"), (1_001, 1_001, "1,001 outputs")]
)
def test_more_than_can_be_loaded_soon(nodes: int, outputs: int, says: str, tmp_path: Path) -> None:
    """A graph that would take minutes to look through is refused with what is allowed."""
    made = [helper.make_node("Relu", ["x"], [f"y{i}"]) for i in range(nodes)]
    assert says in refused(model(made, {"x": ["n", 4]}, [f"y{i}" for i in range(outputs)]), tmp_path)


@pytest.mark.parametrize(
    ("shape", "kind", "says"),
    [
        ([1] * 4000, F32, "4,000 axes"),
        ([0, 2**62], F32, "impossible shape"),
        ([1, 2**40], F32, "GB"),
        (["n", 4], TensorProto.COMPLEX64, "complex numbers"),
        (["n", 4], 0, "element type that does not exist"),
        (["n", 4], 77, "element type that does not exist"),
    ],
)
def test_inputs_that_nothing_can_be_fed_to(shape: list[int | str], kind: int, says: str, tmp_path: Path) -> None:
    """An input with a shape or a type that no array has is refused by name."""
    proto = model([helper.make_node("Identity", ["x"], ["y"])], {"x": ["n", 4]}, ["y"])
    proto.graph.input[0].CopyFrom(value("x", shape, kind))
    sentence = refused(proto, tmp_path)
    assert says in sentence
    assert "'x'" in sentence


def declared(shape: list[int], data: bytes) -> onnx.TensorProto:
    """A float tensor whose data need not be what its shape says."""
    return TensorProto(name="w", data_type=F32, dims=shape, raw_data=data)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ([2**40, 2**20], "declares about 10^18 values"),
        ([5], "declares 5 values"),
        ([-4], "impossible shape"),
        ([0, 2**62], "impossible shape"),
        ([1] * 70, "70 axes"),
    ],
)
def test_declared_size_disagrees_with_data(shape: list[int], says: str, tmp_path: Path) -> None:
    """A weight whose shape and data disagree is refused by name, whatever its shape asks for."""
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": ["n", 4]}, ["y"])
    proto.graph.initializer.append(declared(shape, b"\0" * 16))
    sentence = refused(proto, tmp_path)
    assert says in sentence
    assert "'w'" in sentence


@pytest.mark.parametrize("op", ["ConstantOfShape", "Expand", "Tile", "Range", "Resize", "Pad"])
def test_allocation_bomb(op: str, tmp_path: Path) -> None:
    """A few bytes that ask for terabytes are refused before anything is allocated."""
    big = np.array([2**20, 2**20], np.int64)
    one = np.ones((1, 1), np.float32)
    empty = np.zeros(0, np.float32)
    weights: dict[str, np.ndarray] = {
        "ConstantOfShape": {"s": big},
        "Expand": {"o": one, "s": big},
        "Tile": {"o": one, "s": big},
        "Range": {"from": np.array(0, np.float32), "to": np.array(1e13, np.float32), "by": np.array(1, np.float32)},
        "Resize": {"o": one, "r": empty, "f": np.array([2**20, 2**20], np.float32)},
        "Pad": {"o": one, "s": np.array([0, 0, 2**20, 2**20], np.int64)},
    }[op]
    nodes = [helper.make_node(op, list(weights), ["b"]), helper.make_node("ReduceMax", ["b"], ["m"], keepdims=0)]
    nodes.append(helper.make_node("Add", ["x", "m"], ["y"]))
    assert "GB" in refused(model(nodes, {"x": ["n", 4]}, ["y"], weights), tmp_path)


def test_bomb_from_shape_arithmetic(tmp_path: Path) -> None:
    """A huge size that is multiplied together inside the graph is refused as well."""
    k = np.array([2**15], np.int64)
    nodes = [
        helper.make_node("Mul", ["k", "k"], ["k2"]),
        helper.make_node("Concat", ["k2", "k"], ["s"], axis=0),
        helper.make_node("Expand", ["one", "s"], ["b"]),
        helper.make_node("ReduceMax", ["b"], ["m"], keepdims=0),
        helper.make_node("Add", ["x", "m"], ["y"]),
    ]
    proto = model(nodes, {"x": ["n", 4]}, ["y"], {"k": k, "one": np.ones((1, 1), np.float32)})
    assert "GB" in refused(proto, tmp_path)


def test_a_weight_in_segments(tmp_path: Path) -> None:
    """A weight that is kept in segments, which nothing reads, is refused by name."""
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": ["n", 4]}, ["y"], {"w": weight(4)})
    proto.graph.initializer[0].segment.end = 2
    assert "'w' is kept in segments" in refused(proto, tmp_path)


def test_sparse_weight(tmp_path: Path) -> None:
    """A sparse weight is refused by name."""
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": ["n", 4]}, ["y"])
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.array([2], np.int64), "i")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    assert "'w' is sparse" in refused(proto, tmp_path)


@pytest.mark.parametrize("opset", [0, 1, 6])
def test_old_opset(opset: int, tmp_path: Path) -> None:
    """Opsets below 7 are refused with what is allowed."""
    sentence = refused(small_cnn(opset=opset), tmp_path)
    assert "opset 7 or later" in sentence


def test_opset_from_the_future(tmp_path: Path) -> None:
    """An opset that no converter knows is refused, with the opset in the sentence."""
    assert "99" in refused(small_cnn(opset=99, ir=10), tmp_path)


def test_no_inputs(tmp_path: Path) -> None:
    """A model that takes nothing is refused."""
    proto = model([helper.make_node("Relu", ["w"], ["y"])], {}, ["y"], {"w": weight(3)})
    assert "no inputs" in refused(proto, tmp_path)


def test_no_outputs(tmp_path: Path) -> None:
    """A model that gives nothing is refused."""
    assert "no outputs" in refused(model([helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}, []), tmp_path)


def test_text_input(tmp_path: Path) -> None:
    """A model that reads text is refused."""
    proto = model([helper.make_node("Identity", ["x"], ["y"])], {"x": [1]}, ["y"])
    proto.graph.input[0].CopyFrom(value("x", [1], TensorProto.STRING))
    assert "holds text" in refused(proto, tmp_path)


def test_sequence_output(tmp_path: Path) -> None:
    """A model whose output is a sequence is refused."""
    proto = model([helper.make_node("SequenceConstruct", ["x"], ["y"])], {"x": [1, 4]}, ["y"])
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(F32, [1, 4]))
    proto.graph.output[0].CopyFrom(helper.make_value_info("y", kind))
    assert "is a sequence" in refused(proto, tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: model(
            [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])], {"x": [4]}, ["b"]
        ),
        lambda: model(
            [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["y"])], {"x": [4]}, ["y"]
        ),
        lambda: model([helper.make_node("Relu", ["nothing"], ["y"])], {"x": [4]}, ["y"]),
        lambda: model(
            [helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape="three")],
            {"x": [1, 3, 8, 8]},
            ["y"],
            {"w": weight(4, 3, 3, 3)},
        ),
    ],
    ids=["cycle", "name made twice", "input from nowhere", "attribute of another type"],
)
def test_invalid_graph(broken: Callable[[], onnx.ModelProto], tmp_path: Path) -> None:
    """A graph that is not valid is refused as such."""
    assert "not a valid ONNX model" in refused(broken(), tmp_path)


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        ("", "'shift' (RequantShift) is no operator of ONNX, and the file names no other domain for it"),
        ("nobody.knows", "'shift' (RequantShift) is of the domain 'nobody.knows', which the file does not import"),
    ],
)
def test_an_operator_that_nothing_defines_is_named(domain: str, says: str, tmp_path: Path) -> None:
    """Tools that write operators of their own often leave out where they come from: the node is named."""
    nodes = [
        helper.make_node("Relu", ["x"], ["h"], name="first"),
        helper.make_node("RequantShift", ["h"], ["y"], name="shift", domain=domain),
    ]
    assert says in refused(model(nodes, {"x": [4]}, ["y"]), tmp_path)


def test_of_an_invalid_graph_operators_that_may_be_somewhere_are_not_blamed(tmp_path: Path) -> None:
    """Those of a domain that the file imports, and its own functions."""
    opsets = [helper.make_opsetid("some.body", 1)]
    body = helper.make_function("some.body", "Own", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    body.opset_import.append(helper.make_opsetid("", 21))
    nodes = [
        helper.make_node("Theirs", ["x"], ["h"], domain="some.body"),
        helper.make_node("Own", ["h"], ["i"], domain="some.body"),
        helper.make_node("Relu", ["nothing"], ["y"]),
    ]
    said = refused(model(nodes, {"x": [4]}, ["y"], opsets=opsets, functions=[body]), tmp_path)
    assert "not a valid ONNX model" in said


@pytest.mark.parametrize("zero", [0, 100])
def test_scales_of_activations_are_not_those_of_weights(zero: int) -> None:
    """What is fed is decoded as the model runs: its grid says nothing of a constant."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    constants = {"s": np.float32(1e37), "z": np.int8(zero)}
    check_finite(model(nodes, {"x": [4]}, ["y"], {n: np.asarray(v) for n, v in constants.items()}), "m", computed=True)
