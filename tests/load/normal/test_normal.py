"""What normalization does to a graph: everything is changed in form, nothing in what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from qexplorer.core.errors import ModelError
from qexplorer.load.model import load_model
from qexplorer.load.normal.fold import folded
from qexplorer.load.normal.normalize import normalized
from qexplorer.load.normal.tidy import tidied
from qexplorer.load.safety.limits import NEWEST_OPSET
from tests.load.model_graphs import I64, model, run, small_cnn, value, weight
from tests.load.normalized import load, operators, same


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


def test_where_converting_fails_the_newest_opset_that_runs_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept with a note; one above it, which nothing here runs, is refused."""

    def fails(*_arguments: object) -> None:
        raise RuntimeError("no adapter")

    monkeypatch.setattr(onnx.version_converter, "convert_version", fails)
    kept, notes = normalized(small_cnn(opset=NEWEST_OPSET, ir=13), "net")
    assert kept.opset_import[0].version == NEWEST_OPSET
    assert notes == [f"it stays at opset {NEWEST_OPSET}, because converting to 21 failed (no adapter)"]
    with pytest.raises(ModelError, match=rf"net: it uses opset {NEWEST_OPSET + 1}, which cannot be converted to 21"):
        normalized(small_cnn(opset=NEWEST_OPSET + 1, ir=13), "net")


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


def test_a_quantized_file_keeps_the_operator_set_in_which_it_opens(tmp_path: Path) -> None:
    """ONNX Runtime, with all optimizations, writes what it cannot load of int8 codes before a Transpose in opset 21."""
    import onnxruntime

    constants = {"s": np.array([0.05], np.float32), "z": np.array([0], np.int8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Transpose", ["d"], ["y"], perm=[0, 2, 1]),
    ]
    before = model(nodes, {"x": ["n", 4, 6]}, ["y"], constants, opset=10)
    _, after = load(before, tmp_path)
    session = onnxruntime.InferenceSession(after.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.ones((2, 4, 6), np.float32)})[0].shape == (2, 6, 4)
    same(before, after, x=weight(3, 4, 6))


def test_remarks_of_the_exporter_are_left_out() -> None:
    """Documentation and metadata of graph, nodes and values hold paths of somebody's machine; the model's own stay."""
    proto = small_cnn()
    graph = proto.graph
    for item in (proto, graph, graph.node[0], graph.input[0], graph.output[0], graph.initializer[0]):
        item.doc_string = "/home/somebody/train.py"
        item.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/home/somebody/train.py")
    kept, _ = normalized(proto, "net")
    assert kept.SerializeToString().count(b"somebody") == 1
    assert kept.metadata_props[0].value == "/home/somebody/train.py"


def test_a_constant_that_is_an_output_stays_a_node(tmp_path: Path) -> None:
    """What the model gives out is made by somebody."""
    nodes = [
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(weight(4))),
        helper.make_node("Add", ["x", "k"], ["y"]),
    ]
    before = model(nodes, {"x": ["n", 4]}, ["y", "k"])
    _, after = load(before, tmp_path)
    assert [value.name for value in after.graph.output] == ["y", "k"]
    same(before, after, x=weight(2, 4))


@pytest.mark.parametrize(
    ("nodes", "parts", "left"),
    [
        (["MatMul a b outer", "Add x outer y"], {"a": (400, 1), "b": (1, 400)}, ["Add"]),
        (["MatMul a b outer", "Add x outer y"], {"a": (1200, 1), "b": (1, 1200)}, ["MatMul", "Add"]),
        (["Mul a b outer", "Add x outer y"], {"a": (1200, 1), "b": (1, 1200)}, ["Mul", "Add"]),
        (["Add a b sum", "Add x sum y"], {"a": (1200, 12), "b": (12,)}, ["Add"]),
        (["ConstantOfShape a zeros", "Add x zeros y"], {"a": [8, 8]}, ["Add"]),
        (["ConstantOfShape a zeros", "Add x zeros y"], {"a": [400, 400]}, ["ConstantOfShape", "Add"]),
    ],
    ids=str,
)
def test_constants_are_computed_while_loading_unless_they_would_grow_large(
    nodes: list[str], parts: dict[str, Any], left: list[str]
) -> None:
    """Many values of small factors, and what is no larger than a weight; a fill of 160,000 stays as it is."""
    made = [helper.make_node(op, names[:-1], names[-1:]) for op, *names in map(str.split, nodes)]
    constants = {k: np.int64(v) if isinstance(v, list) else np.ones(v, np.float32) for k, v in parts.items()}
    before = model(made, {"x": [1, 1]}, ["y"], constants)
    assert operators(folded(before)) == left


@pytest.mark.parametrize(
    ("reads", "left"),
    [(["x"], []), (["x", "r"], []), (["x", "r", "no"], []), (["x", "r", "yes"], ["Dropout"])],
    ids=str,
)
def test_dropout_stays_where_it_is_in_training(reads: list[str], left: list[str]) -> None:
    """Else it hands on what it reads."""
    nodes = [helper.make_node("Dropout", reads, ["y"]), helper.make_node("Relu", ["y"], ["z"])]
    constants = {"r": np.float32(0.5), "yes": np.bool_(True), "no": np.bool_(False)}
    before = model(nodes, {"x": ["n", 4]}, ["z"], {k: np.asarray(v) for k, v in constants.items()})
    assert operators(folded(before)) == [*left, "Relu"]


def test_dropout_stays_where_its_mask_is_an_output() -> None:
    """Nothing else could give it."""
    nodes = [helper.make_node("Dropout", ["x"], ["y", "mask"]), helper.make_node("Relu", ["y"], ["z"])]
    assert operators(folded(model(nodes, {"x": ["n", 4]}, ["z", "mask"], opset=11))) == ["Dropout", "Relu"]


def test_functions_of_an_operator_set_that_is_none_are_one_sentence() -> None:
    """The converter's assertion does not escape."""
    function = helper.make_function(
        "local", "same", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", 21)]
    )
    before = model(
        [helper.make_node("same", ["x"], ["y"], domain="local")],
        {"x": ["n", 4]},
        ["y"],
        opsets=[helper.make_opsetid("local", 1)],
        functions=[function],
    )
    before.functions[0].opset_import[0].version = 99
    with pytest.raises(ModelError, match="functions of the model cannot be put in their places"):
        tidied(before)


def test_an_operator_whose_name_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    """Bytes in the place of letters: the file is damaged."""
    before = model([helper.make_node("Relu", ["x"], ["y"], name="first")], {"x": ["n", 4]}, ["y"])
    path = tmp_path / "broken.onnx"
    path.write_bytes(before.SerializeToString().replace(b"Relu", b"R\xfe\xffu"))
    with pytest.raises(ModelError, match=r"is not text|can't decode"):
        load_model(path)
