"""What runtimes take literally or refuse, although it can mean one thing only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.load.normal.dimensions import free_dimensions
from qexplorer.load.normal.normalize import normalized
from tests.load.model_graphs import model, run, small_cnn, value, weight
from tests.load.normalized import load, operators, same


def _names(ports: object) -> list[str]:
    return [port.name for port in ports]  # type: ignore[attr-defined]


def test_lengths_below_zero_are_free(tmp_path: Path) -> None:
    """Exporters mean "any length" by -1: the batch is free, costs are not negative, and a note tells."""
    proto = small_cnn(opset=17)
    proto.graph.input[0].CopyFrom(value("x", [-1, 3, -1, 8]))
    proto.graph.output[0].CopyFrom(value("y", [-1, 5]))
    loaded, after = load(proto, tmp_path)
    assert (loaded.inputs[0].shape, loaded.fixed_batch) == ((None, 3, None, 8), None)
    assert loaded.outputs[0].shape == (None, 5)
    assert all(layer.macs is None or layer.macs >= 0 for layer in loaded.layers)
    assert any("lengths of 0 or less" in note for note in loaded.notes)
    assert run(after, x=weight(7, 3, 8, 8))[0].shape == (7, 5)


def test_a_length_of_zero_is_free(tmp_path: Path) -> None:
    """Some exporters mean "any length" by 0: what is fed and what comes of it is free, and a note tells."""
    proto = small_cnn(opset=17)
    proto.graph.input[0].CopyFrom(value("x", [0, 3, 8, 8]))
    proto.graph.output[0].CopyFrom(value("y", [0, 5]))
    proto.graph.value_info.append(value("c", [0, 4, 8, 8]))
    loaded, after = load(proto, tmp_path)
    assert (loaded.inputs[0].shape, loaded.outputs[0].shape) == ((None, 3, 8, 8), (None, 5))
    assert any("lengths of 0 or less" in note for note in loaded.notes)
    assert run(after, x=weight(2, 3, 8, 8))[0].shape == (2, 5)


def test_an_output_that_is_always_empty_has_no_known_length(tmp_path: Path) -> None:
    """Nothing behind loading meets a length of 0."""
    nodes = [helper.make_node("Slice", ["x", "none", "none"], ["y"]), helper.make_node("Relu", ["x"], ["z"])]
    before = model(nodes, {"x": ["n", 4]}, ["y", "z"], {"none": np.zeros(2, np.int64)})
    loaded, _ = load(before, tmp_path)
    assert [output.shape for output in loaded.outputs] == [(None, None), ("n", 4)]


def test_names_of_lengths_can_be_shown(tmp_path: Path) -> None:
    """A name of a free length that is too long or not printable is replaced, alike wherever it stands."""
    odd, long = "\x1b[31m\n", "n" * 5000
    proto = model(
        [helper.make_node("Add", ["x", "x2"], ["y"])], {"x": [odd, long, "dim_0"], "x2": [odd, long, 1]}, ["y"]
    )
    loaded, _ = load(proto, tmp_path)
    assert [each.shape for each in loaded.inputs] == [("dim_1", "dim_2", "dim_0"), ("dim_1", "dim_2", 1)]
    assert loaded.outputs[0].shape[:2] == ("dim_1", "dim_2")


def test_a_length_whose_name_is_not_text_is_renamed() -> None:
    """Bytes that are no UTF-8 give way to a name that can be shown."""
    proto = small_cnn(opset=17, batch="batch")
    proto.ParseFromString(proto.SerializeToString().replace(b"batch", b"ba\xff\xfeh"))
    assert free_dimensions(proto) is False
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "dim_0"


def test_nodes_that_share_a_name_are_told_apart_and_converted(tmp_path: Path) -> None:
    """ONNX Runtime refuses such a file; here it comes to opset 21 with the same answers, and a note tells."""
    before = small_cnn(opset=17)
    right = onnx.ModelProto()
    right.CopyFrom(before)
    for node in before.graph.node:
        node.name = "same"
    loaded, after = load(before, tmp_path)
    assert loaded.opset == 21
    assert len({node.name for node in after.graph.node}) == len(after.graph.node)
    assert any("shared a name ('same')" in note for note in loaded.notes)
    same(right, after, x=weight(3, 3, 8, 8))


@pytest.mark.parametrize("op", ["Identity", "Dropout"])
@pytest.mark.parametrize("first", [True, False])
def test_an_output_that_renames_another_keeps_its_name(op: str, first: bool, tmp_path: Path) -> None:
    """Names, order and number of outputs stay, whichever of the two is listed first."""
    outputs = ["logits", "scores"] if first else ["scores", "logits"]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node(op, ["logits"], ["scores"])]
    before = model(nodes, {"x": ["n", 4]}, outputs, {"w": weight(4, 3)}, opset=17)
    _, after = load(before, tmp_path)
    assert _names(after.graph.output) == outputs
    assert "MatMul" in operators(after)
    same(before, after, x=weight(2, 4))


def test_two_names_of_a_hidden_value_stay(tmp_path: Path) -> None:
    """Both outputs are an Identity of a tensor that is none: each keeps its name."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Identity", ["h"], ["a"]),
        helper.make_node("Identity", ["h"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
    ]
    before = model(nodes, {"x": ["n", 4]}, ["a", "b", "c"], {"w": weight(4, 3)}, opset=17)
    _, after = load(before, tmp_path)
    assert _names(after.graph.output) == ["a", "b", "c"]
    same(before, after, x=weight(2, 4))


def test_an_output_may_be_an_input(tmp_path: Path) -> None:
    """It is handed on, and the shapes of what else is computed from it are known."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["o"])]
    before = model(nodes, {"x": ["n", 4]}, ["x", "o"], {"w": weight(4, 3)}, opset=17)
    loaded, after = load(before, tmp_path)
    assert [port.name for port in loaded.outputs] == ["x", "o"]
    assert (loaded.outputs[0].shape, loaded.macs) == (("n", 4), 12)
    same(before, after, x=weight(2, 4))


def test_what_comes_after_a_contrib_operator_is_typed(tmp_path: Path) -> None:
    """Behind Trilu types and shapes are known, for any batch, so a Gemm there can be quantized and is counted."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Trilu", ["h"], ["g"], domain="com.microsoft"),
        helper.make_node("Gemm", ["g", "v"], ["y"]),
    ]
    parts = {"w": weight(4, 6), "v": weight(6, 3, seed=1)}
    opsets = [helper.make_opsetid("com.microsoft", 1)]
    before = model(nodes, {"x": ["n", 4]}, ["y"], parts, opset=17, opsets=opsets)
    loaded, after = load(before, tmp_path)
    kinds = {value.name: value.type.tensor_type for value in after.graph.value_info}
    assert kinds["g"].elem_type == TensorProto.FLOAT
    assert [d.dim_param or d.dim_value for d in kinds["g"].shape.dim] == ["n", 6]
    gemm = next(layer for layer in loaded.layers if layer.op == "Gemm")
    assert (gemm.quantizable, gemm.macs, loaded.macs) == (True, 18, 42)


def test_an_operator_that_nobody_knows_leaves_the_rest_in_float(tmp_path: Path) -> None:
    """What stays unknown is said of the layer behind it, and loading does not fail."""
    nodes = [
        helper.make_node("Mystery", ["x"], ["h"], domain="nobody.knows"),
        helper.make_node("Gemm", ["h", "w"], ["y"]),
    ]
    opsets = [helper.make_opsetid("nobody.knows", 1)]
    before = model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 3)}, opsets=opsets)
    loaded, _ = load(before, tmp_path)
    gemm = next(layer for layer in loaded.layers if layer.op == "Gemm")
    assert gemm.reason == "the element type of 'h' is not known"


def test_shapes_are_no_parameters(tmp_path: Path) -> None:
    """Reshape's integers are not learned; a weight's floats, and codes with their int32 bias, are."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Reshape", ["h", "shape"], ["y"])]
    parts = {"w": weight(4, 6), "shape": np.array([0, 2, 3], np.int64)}
    loaded, _ = load(model(nodes, {"x": ["n", 4]}, ["y"], parts), tmp_path)
    assert loaded.parameters == 24
    assert [layer.parameters for layer in loaded.layers] == [24, 0]


def test_a_file_without_operators_of_the_standard_needs_no_opset(tmp_path: Path) -> None:
    """A tree of ai.onnx.ml alone imports that domain alone, as converters write it."""
    tree = helper.make_node(
        "LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=[0.5, -1.0], intercepts=[0.25], targets=1
    )
    graph = helper.make_graph(
        [tree],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
    )
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 1)], ir_version=7)
    _, after = load(before, tmp_path)
    np.testing.assert_allclose(run(after, x=np.array([[1, 2]], np.float32))[0], [[-1.25]])


def test_metadata_names_the_classes(tmp_path: Path) -> None:
    """They are kept, and a table of as many values is one of scores; the file's own size is told."""
    proto = small_cnn()
    proto.metadata_props.add(key="names", value=str(dict(enumerate("abcde"))))
    loaded, _ = load(proto, tmp_path)
    assert (loaded.classes, [each.classes for each in loaded.outputs]) == (tuple("abcde"), [True])
    assert loaded.given_bytes == len(proto.SerializeToString())


def test_names_of_another_number_are_about_something_else(tmp_path: Path) -> None:
    """Three names for five outputs are left aside."""
    proto = small_cnn()
    proto.metadata_props.add(key="labels", value="a,b,c")
    loaded, _ = load(proto, tmp_path)
    assert (loaded.classes, [each.classes for each in loaded.outputs]) == ((), [False])


@pytest.mark.parametrize(
    ("last", "shape", "known"),
    [("Softmax", ["n", 3], True), ("Sigmoid", ["n", 3], False), ("Relu", ["n", 3], False), (None, ["n", 3], False)],
)
def test_which_outputs_name_a_class(last: str | None, shape: list[str | int], known: bool, tmp_path: Path) -> None:
    """A Softmax makes scores of classes; a table of logits could as well be coordinates."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y" if last is None else "h"])]
    nodes += [] if last is None else [helper.make_node(last, ["h"], ["y"])]
    loaded, _ = load(model(nodes, {"x": ["n", 4]}, ["y"], {"w": weight(4, 3)}), tmp_path)
    assert loaded.outputs[0].classes is known
    assert loaded.outputs[0].shape == tuple(shape)


def test_class_numbers_name_a_class(tmp_path: Path) -> None:
    """One whole number a sample, as ArgMax makes them."""
    nodes = [helper.make_node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)]
    before = model(nodes, {"x": ["n", 4]}, ["y"])
    before.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    loaded, _ = load(before, tmp_path)
    assert loaded.outputs[0].classes


@pytest.mark.parametrize("form", ["one index a value", "one index an axis"])
def test_a_sparse_constant_is_written_out_and_converted(form: str, tmp_path: Path) -> None:
    """The version converter does not take sparse tensors; dense ones it does, with the same answers."""
    dense = np.zeros((4, 3), np.float32)
    dense[0, 1], dense[2, 2] = 2.0, -1.0
    places = np.array([1, 8]) if form == "one index a value" else np.array([[0, 1], [2, 2]])
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.array([2.0, -1.0], np.float32), "w"), numpy_helper.from_array(places), [4, 3]
    )
    nodes = [
        helper.make_node("Constant", [], ["w"], sparse_value=sparse),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    loaded, after = load(model(nodes, {"x": ["n", 4]}, ["y"], opset=17), tmp_path)
    assert (loaded.opset, [layer.weight for layer in loaded.layers]) == (21, ["w"])
    x = weight(2, 4)
    np.testing.assert_allclose(run(after, x=x)[0], x @ dense, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "kept"), [("n" * 64, True), ("n" * 65, False), ("batch size", True), ("  ", False), ("a\tb", False)]
)
def test_which_names_of_lengths_are_kept(name: str, kept: bool) -> None:
    """Up to 64 letters that can be printed, one of them at least."""
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [name, 4]}, ["y"])
    assert free_dimensions(proto) is False
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == (name if kept else "dim_0")


@pytest.mark.parametrize(
    ("fed", "made", "free", "left"),
    [
        ([-1, 4], [2, 4], True, ([None, 4], [2, 4])),
        ([0, 4], [0, 4], True, ([None, 4], [None, 4])),
        ([2, 4], [0, 4], False, ([2, 4], [0, 4])),
        ([2, 4], [-2, 4], True, ([2, 4], [None, 4])),
        ([2, 4], [2, 4], False, ([2, 4], [2, 4])),
    ],
)
def test_which_lengths_are_taken_for_free_ones(
    fed: list[int], made: list[int], free: bool, left: tuple[list[int | None], list[int | None]]
) -> None:
    """Those below zero anywhere; zero where something empty is fed, and not where an output may really be empty."""
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": fed}, ["y"])
    proto.graph.output[0].CopyFrom(value("y", made))
    assert free_dimensions(proto) is free
    for port, wanted in zip((proto.graph.input[0], proto.graph.output[0]), left, strict=True):
        dims = port.type.tensor_type.shape.dim
        assert [d.dim_value if d.HasField("dim_value") else None for d in dims] == wanted


def test_of_several_shared_names_one_is_told_and_the_others_are_counted() -> None:
    """The first node of each keeps it; empty names are not shared ones."""
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in zip("xabcde", "abcdef", strict=True)]
    for node, name in zip(nodes, ["one", "two", "one", "two", "", ""], strict=True):
        node.name = name
    kept, notes = normalized(model(nodes, {"x": ["n", 4]}, ["f"]), "net")
    assert len({node.name for node in kept.graph.node}) == 6
    assert [node.name for node in kept.graph.node][:2] == ["one", "two"]
    assert notes == ["nodes that shared a name ('one' and 1 more) were given distinct ones"]
