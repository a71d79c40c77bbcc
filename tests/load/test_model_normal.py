"""What normalization does to a graph: everything is changed in form, nothing in what it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.model import Model
from qexplorer.load.child import load_file
from tests.load.model_graphs import I64, model, run, saved, small_cnn, value, weight


def load(proto: onnx.ModelProto, tmp_path: Path) -> tuple[Model, onnx.ModelProto]:
    """The model and the normalized graph."""
    path, out = saved(proto, tmp_path), tmp_path / "normalized.onnx"
    arguments = {"path": str(path), "out": str(out), "name": "m", "where": "m", "folder": None}
    found = load_file(arguments, lambda _: None)
    return Model.from_json(found["model"]), onnx.load(out)


def operators(proto: onnx.ModelProto) -> list[str]:
    """Operator types in execution order."""
    return [node.op_type for node in proto.graph.node]


def same(before: onnx.ModelProto, after: onnx.ModelProto, **feeds: np.ndarray) -> None:
    """Asserts that both compute the same."""
    for a, b in zip(run(before, **feeds), run(after, **feeds), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("opset", "ir", "listed"),
    [
        (7, 3, True),
        (9, 3, True),
        (9, 4, False),
        (11, 6, False),
        (13, 7, False),
        (17, 8, False),
        (22, 10, False),
        (26, 13, False),
    ],
)
def test_every_opset_comes_to_21(opset: int, ir: int, listed: bool, tmp_path: Path) -> None:
    """Files of opset 7 to 26, with weights among the inputs or not, come to opset 21 with the same answers."""
    before = small_cnn(opset=opset, ir=ir, weights_as_inputs=listed)
    loaded, after = load(before, tmp_path)
    assert (loaded.opset, after.ir_version) == (21, 10)
    assert [i.name for i in loaded.inputs] == ["x"]
    assert operators(after) == ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]
    assert all(layer.quantizable for layer in loaded.layers)
    same(before, after, x=weight(3, 3, 8, 8))


def test_opset_newer_than_the_runtime_is_lowered(tmp_path: Path) -> None:
    """A file of the newest opset that onnx writes, which ONNX Runtime does not take, is lowered and runs."""
    opset = onnx.defs.onnx_opset_version()
    proto = small_cnn(opset=opset, ir=onnx.IR_VERSION)
    loaded, after = load(proto, tmp_path)
    assert loaded.opset == 21
    assert run(after, x=weight(2, 3, 8, 8))[0].shape == (2, 5)


def test_fixed_batch_stays(tmp_path: Path) -> None:
    """A batch fixed at 1 is kept and told."""
    loaded, after = load(small_cnn(batch=1), tmp_path)
    assert loaded.fixed_batch == 1
    assert run(after, x=weight(1, 3, 8, 8))[0].shape == (1, 5)


def test_free_batch_stays(tmp_path: Path) -> None:
    """A free batch is not fixed by the run that checks the model."""
    loaded, after = load(small_cnn(), tmp_path)
    assert loaded.fixed_batch is None
    assert run(after, x=weight(7, 3, 8, 8))[0].shape == (7, 5)


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1, 1, 1, 1), (1,), ()])
def test_bias_of_any_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    """A bias added after a convolution, whatever its shape, becomes the convolution's own."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Add", ["b", "a"], ["y"])]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3), "b": weight(*shape, seed=1)})
    loaded, after = load(before, tmp_path)
    assert operators(after) == ["Conv"]
    assert loaded.layers[0].outputs == ("y",)
    same(before, after, x=weight(2, 3, 8, 8))


def test_a_summand_that_varies_over_space_is_no_bias(tmp_path: Path) -> None:
    """A constant that differs by place cannot be a bias, and stays an addition."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "b"], ["y"])]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3), "b": weight(1, 1, 6, 6)})
    _, after = load(before, tmp_path)
    assert operators(after) == ["Conv", "Add"]
    same(before, after, x=weight(2, 3, 8, 8))


def test_a_summand_that_enlarges_the_output_is_no_bias(tmp_path: Path) -> None:
    """A vector added to a convolution with one output channel makes more channels, and stays an addition."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "b"], ["y"])]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(1, 3, 3, 3), "b": weight(4, 1, 1)})
    _, after = load(before, tmp_path)
    assert operators(after) == ["Conv", "Add"]
    same(before, after, x=weight(2, 3, 8, 8))


@pytest.mark.parametrize("group", [1, 2])
def test_normalization_after_a_transposed_convolution(group: int, tmp_path: Path) -> None:
    """BatchNormalization folds into ConvTranspose, whose output channels lie differently, also with groups."""
    parts = {"w": weight(4, 3, 2, 2), "s": weight(3 * group), "b": weight(3 * group, seed=1)}
    parts |= {"m": weight(3 * group, seed=2), "v": np.abs(weight(3 * group, seed=3)) + 0.5}
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["a"], group=group, strides=[2, 2]),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 4, 5, 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["ConvTranspose"]
    same(before, after, x=weight(2, 4, 5, 5))


def test_scale_and_shift_fold_in_any_order(tmp_path: Path) -> None:
    """Mul, Sub, Div and Add by constants after a Gemm all end up in its weight and bias."""
    parts = {
        "w": weight(5, 4),
        "k": weight(4),
        "s": weight(1, 4, seed=1),
        "d": np.array([2], np.float32),
        "c": weight(4),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], alpha=0.5),
        helper.make_node("Mul", ["k", "a"], ["b"]),
        helper.make_node("Sub", ["s", "b"], ["c1"]),
        helper.make_node("Div", ["c1", "d"], ["d1"]),
        helper.make_node("Add", ["d1", "c"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["Gemm"]
    assert not [a.name for a in after.graph.node[0].attribute if a.name == "alpha"]
    same(before, after, x=weight(3, 5))


def test_matmul_and_add_become_gemm(tmp_path: Path) -> None:
    """A matrix times a constant plus a bias becomes one Gemm; with three axes it stays as it is."""
    parts = {"w": weight(5, 4), "b": weight(4)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "b"], ["y"])]
    before = model(nodes, {"x": ["n", 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["Gemm"]
    same(before, after, x=weight(3, 5))
    before = model(nodes, {"x": ["n", 2, 5]}, ["y"], parts)
    _, after = load(before, tmp_path)
    assert operators(after) == ["MatMul", "Add"]
    same(before, after, x=weight(3, 2, 5))


def test_values_read_twice_are_not_folded_away(tmp_path: Path) -> None:
    """A convolution whose raw output is read elsewhere, or is an output, keeps its own weights."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "k"], ["b"]),
        helper.make_node("Add", ["b", "a"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y", "a"], {"w": weight(4, 3, 3, 3), "k": weight(4, 1, 1)})
    _, after = load(before, tmp_path)
    assert operators(after) == ["Conv", "Mul", "Add"]
    same(before, after, x=weight(2, 3, 8, 8))


def test_shared_weights_fold_apart(tmp_path: Path) -> None:
    """Two convolutions that share a weight and are scaled differently get a weight each."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "k"], ["b"]),
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3), "k": weight(4, 1, 1)})
    loaded, after = load(before, tmp_path)
    assert len({layer.weight for layer in loaded.layers if layer.op == "Conv"}) == 2
    same(before, after, x=weight(2, 3, 8, 8))


def test_mean_over_space_is_pooling(tmp_path: Path) -> None:
    """ReduceMean over all spatial axes becomes GlobalAveragePool, with Flatten where axes are dropped."""
    axes = np.array([-1, -2], np.int64)
    for keep, wanted in ((1, ["GlobalAveragePool"]), (0, ["GlobalAveragePool", "Flatten"])):
        before = model(
            [helper.make_node("ReduceMean", ["x", "i"], ["y"], keepdims=keep)],
            {"x": ["n", 3, 8, 8]},
            ["y"],
            {"i": axes},
        )
        _, after = load(before, tmp_path)
        assert operators(after) == wanted
        same(before, after, x=weight(2, 3, 8, 8))


def test_constant_nodes_are_weights(tmp_path: Path) -> None:
    """A weight that comes from a Constant node, transposed and cast on its way, is found as the layer's weight."""
    constant = numpy_helper.from_array(weight(4, 6).astype(np.float64))
    nodes = [
        helper.make_node("Constant", [], ["c"], value=constant),
        helper.make_node("Cast", ["c"], ["f"], to=1),
        helper.make_node("Transpose", ["f"], ["w"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 6]}, ["y"])
    loaded, after = load(before, tmp_path)
    assert [layer.op for layer in loaded.layers] == ["MatMul"]
    assert loaded.layers[0].weight_shape == (6, 4)
    same(before, after, x=weight(3, 6))


def test_shape_arithmetic_with_fixed_sizes_disappears(tmp_path: Path) -> None:
    """Shape, Gather and Concat around a Reshape of known sizes are computed once; the batch stays free."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Shape", ["a"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n0"]),
        helper.make_node("Unsqueeze", ["n0", "zero1"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["a", "t"], ["y"]),
    ]
    parts = {
        "w": weight(4, 3, 3, 3),
        "zero": np.array(0, np.int64),
        "zero1": np.array([0], np.int64),
        "rest": np.array([-1], np.int64),
    }
    fixed = model(nodes, {"x": [1, 3, 8, 8]}, ["y"], parts)
    _, after = load(fixed, tmp_path)
    assert operators(after) == ["Conv", "Reshape"]
    free = model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], parts)
    loaded, after = load(free, tmp_path)
    assert loaded.layer(next(n.name for n in after.graph.node if n.op_type == "Reshape")).quantizable
    same(free, after, x=weight(5, 3, 8, 8))


def test_dropout_and_identity_disappear(tmp_path: Path) -> None:
    """Operators that do nothing at inference are removed; inputs and outputs keep their names."""
    nodes = [
        helper.make_node("Identity", ["x"], ["a"]),
        helper.make_node("Dropout", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Dropout", ["c"], ["d"]),
        helper.make_node("Identity", ["d"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 4]}, ["y"])
    loaded, after = load(before, tmp_path)
    assert operators(after) == ["Relu"]
    assert ([i.name for i in loaded.inputs], [o.name for o in loaded.outputs]) == (["x"], ["y"])
    same(before, after, x=weight(3, 4))


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    """Functions inside the model become plain operators with names of their own."""
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    body = [helper.make_node("Mul", ["x", "x"], ["t"]), helper.make_node("Relu", ["t"], ["y"])]
    function = helper.make_function("local", "square", ["x"], ["y"], body, opset)
    nodes = [
        helper.make_node("square", ["x"], ["a"], domain="local"),
        helper.make_node("square", ["a"], ["y"], domain="local"),
    ]
    before = model(nodes, {"x": ["n", 4]}, ["y"], opsets=[helper.make_opsetid("local", 1)], functions=[function])
    loaded, after = load(before, tmp_path)
    assert operators(after) == ["Mul", "Relu", "Mul", "Relu"]
    assert len({layer.name for layer in loaded.layers}) == 4
    same(before, after, x=weight(3, 4))


def test_nodes_without_names_get_unique_ones(tmp_path: Path) -> None:
    """Nameless and equally named nodes are told apart."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"], name="Relu_0"),
        helper.make_node("Relu", ["b"], ["y"], name="Relu_0"),
    ]
    loaded, _ = load(model(nodes, {"x": ["n", 4]}, ["y"]), tmp_path)
    names = [layer.name for layer in loaded.layers]
    assert len(set(names)) == 3
    assert all(names)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    """Two inputs of different types and two outputs are described in order."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("Add", ["e", "x"], ["y"]),
        helper.make_node("ArgMax", ["y"], ["z"], axis=-1, keepdims=0),
    ]
    before = model(nodes, {"x": ["n", 5, 8]}, ["y", "z"], {"table": weight(10, 8)})
    before.graph.input.insert(0, value("ids", ["n", 5], I64))
    before.graph.output[1].type.tensor_type.elem_type = I64
    loaded, after = load(before, tmp_path)
    assert [(i.name, i.dtype, i.shape) for i in loaded.inputs] == [
        ("ids", "int64", ("n", 5)),
        ("x", "float32", ("n", 5, 8)),
    ]
    assert [(o.name, o.dtype, o.shape) for o in loaded.outputs] == [
        ("y", "float32", ("n", 5, 8)),
        ("z", "int64", ("n", 5)),
    ]
    same(before, after, ids=np.ones((2, 5), np.int64), x=weight(2, 5, 8))


def loop_model() -> onnx.ModelProto:
    """Doubles its input three times in a Loop, with a Conv before and an If after it."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Mul", ["v", "two"], ["v2"])],
        "body",
        [value("i", [], I64), value("go", [], onnx.TensorProto.BOOL), value("v", None)],
        [value("go_on", [], onnx.TensorProto.BOOL), value("v2", None)],
        [numpy_helper.from_array(np.array(2, np.float32), "two")],
    )
    branches = [
        helper.make_graph([helper.make_node(op, ["l"], [f"{op}_out"])], op, [], [value(f"{op}_out", None)])
        for op in ("Relu", "Neg")
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Loop", ["three", "yes", "a"], ["l"], body=body),
        helper.make_node("If", ["yes"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    parts = {"w": weight(4, 3, 3, 3), "three": np.array(3, np.int64), "yes": np.array(True)}
    return model(nodes, {"x": ["n", 3, 8, 8]}, ["y"], parts)


@pytest.mark.parametrize("opset", [21, 17, 13])
def test_loop_and_if_load_and_run_in_float(opset: int, tmp_path: Path) -> None:
    """A model with Loop and If loads with the same answers; what is inside is listed with its reason."""
    before = loop_model()
    before.opset_import[0].version = opset
    loaded, after = load(before, tmp_path)
    reasons = {layer.op: layer.reason for layer in loaded.layers}
    assert reasons["Conv"] is None
    assert "graphs of its own" in (reasons["Loop"] or "")
    assert "inside" in (reasons["Mul"] or "")
    assert len({layer.name for layer in loaded.layers}) == len(loaded.layers)
    same(before, after, x=weight(2, 3, 8, 8))


def test_lstm_loads_and_says_why_it_stays_in_float(tmp_path: Path) -> None:
    """An LSTM layer is listed with its parameters and its reason, and the Gemm after it can be quantized."""
    parts = {"w": weight(1, 16, 3), "r": weight(1, 16, 4), "axes": np.array([0], np.int64), "fc": weight(4, 2)}
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=4),
        helper.make_node("Squeeze", ["h", "axes"], ["s"]),
        helper.make_node("Gemm", ["s", "fc"], ["y"]),
    ]
    before = model(nodes, {"x": [6, "n", 3]}, ["y"], parts)
    loaded, after = load(before, tmp_path)
    lstm, _, gemm = loaded.layers
    assert (lstm.parameters, lstm.reason) == (112, "LSTM has no quantized form here")
    assert gemm.quantizable
    same(before, after, x=weight(6, 2, 3))


def test_operators_of_another_domain_load_with_a_note(tmp_path: Path) -> None:
    """A model with operators that nobody here knows loads, is listed, and says that it may not run."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("Magic", ["a"], ["y"], domain="acme")]
    before = model(
        nodes, {"x": ["n", 3, 8, 8]}, ["y"], {"w": weight(4, 3, 3, 3)}, opsets=[helper.make_opsetid("acme", 1)]
    )
    loaded, _ = load(before, tmp_path)
    assert "acme" in " ".join(loaded.notes)
    assert not loaded.layers[-1].quantizable
    assert loaded.layers[0].quantizable


def test_a_model_that_cannot_run_on_made_up_inputs_still_loads(tmp_path: Path) -> None:
    """A model whose run depends on its data loads, with a note instead of a refusal."""
    before = model([helper.make_node("Reshape", ["x", "s"], ["y"])], {"x": ["n", 4]}, ["y"])
    before.graph.input.append(value("s", [2], I64))
    before.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))
    before.graph.output.append(value("z", None))
    loaded, _ = load(before, tmp_path)
    assert any("could not be checked by running" in note for note in loaded.notes)


def test_endless_loop_loads_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that never ends is stopped, and the model loads with a note."""
    monkeypatch.setattr("qexplorer.load.verify._RUN_S", 0.2)
    before = loop_model()
    before.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.array(2**62, np.int64), "three"))
    loaded, _ = load(before, tmp_path)
    assert any("could not be checked by running" in note for note in loaded.notes)


def test_random_numbers_are_not_compared(tmp_path: Path) -> None:
    """A model that draws random numbers loads, though no two runs of it agree."""
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    loaded, after = load(model(nodes, {"x": ["n", 4]}, ["y"]), tmp_path)
    assert operators(after) == ["RandomNormalLike", "Add"]
    assert any("random" in note for note in loaded.notes)


def test_remarks_of_the_exporter_are_dropped(tmp_path: Path) -> None:
    """Stack traces with somebody's paths, which exporters write into files, do not reach the normalized file."""
    before = small_cnn()
    before.metadata_props.add(key="path", value="/home/somebody/secret.py")
    before.graph.node[0].doc_string = "/home/somebody/secret.py"
    before.graph.node[0].metadata_props.add(key="stack", value="/home/somebody/secret.py")
    _, after = load(before, tmp_path)
    assert b"somebody" not in after.SerializeToString()


def test_quantized_files_say_so(tmp_path: Path) -> None:
    """A file that is quantized already loads, and its layers say why they are left alone."""
    parts = {"q": np.ones((4, 2), np.int8), "s": np.array(0.1, np.float32), "z": np.array(0, np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    loaded, after = load(model(nodes, {"x": ["n", 4]}, ["y"], parts), tmp_path)
    assert operators(after) == ["DequantizeLinear", "MatMul"]
    assert {layer.reason for layer in loaded.layers} == {"the file has it quantized already"}
