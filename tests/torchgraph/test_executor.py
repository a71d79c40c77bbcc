"""The module itself: what it names, keeps, frees and refuses."""

from __future__ import annotations

import itertools
import weakref
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from qexplorer.core.errors import ModelError
from qexplorer.torchgraph.executor import GraphModule, missing_operators
from qexplorer.torchgraph.graph import graph_of
from qexplorer.torchgraph.host import host_nodes
from qexplorer.torchgraph.operators import operator_names, supported
from qexplorer.torchgraph.registry import operator
from tests.torchgraph.helpers import DEVICES, model_of, run_node

RELU = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Neg", ["h"], ["y"])]


def test_missing_operators_are_all_named() -> None:
    """A graph with operators that torch has no kernel for is refused; the sentence names each of them with the first
    node of its kind: by its name, or by what it makes where it has none."""
    nodes = [
        helper.make_node("NonMaxSuppression", ["x", "x"], ["boxes"]),
        helper.make_node("Unique", ["x"], ["u"], name="distinct"),
        helper.make_node("Unique", ["u"], ["again"], name="once more"),
        helper.make_node("Strange", ["x"], ["y"], domain="my.domain"),
    ]
    model = model_of(nodes, {"x": (1, 2, 4)}, ["y", "u"], {}, 11)
    model.opset_import.append(helper.make_opsetid("my.domain", 3))
    names = (
        "'boxes' (NonMaxSuppression, opset 11)",
        "'distinct' (Unique, opset 11)",
        "'y' (Strange, version 3 of my.domain)",
    )
    assert missing_operators(model) == names
    with pytest.raises(ModelError) as caught:
        GraphModule(model)
    assert all(name in caught.value.sentence for name in names)


def test_an_operator_that_ends_is_missing_later() -> None:
    """Upsample exists up to opset 9 and Scatter up to 10; after that they are not supported."""
    assert supported("Upsample", "", 9)
    assert not supported("Upsample", "", 10)
    assert supported("Scatter", "ai.onnx", 10)
    assert not supported("Scatter", "", 11)
    assert not supported("Gelu", "", 19)


def test_run_node_names_an_operator_it_lacks() -> None:
    """The error says which operator in which version."""
    with pytest.raises(ModelError, match=r"Unique \(opset 11\)"):
        run_node(helper.make_node("Unique", ["x"], ["y"]), [torch.zeros(3)], 11)


def test_what_onnx_defines_by_other_operators_is_written_out() -> None:
    """Attention has no kernel of its own, and runs all the same."""
    assert "Attention" not in operator_names()
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"])
    model = model_of([node], dict.fromkeys("qkv", (1, 2, 3, 4)), ["y"], {}, 23)
    assert missing_operators(model) == ()
    q, k, v = torch.randn(3, 1, 2, 3, 4).unbind()
    wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(GraphModule(model)(q, k, v)[0], wanted)


def test_the_same_version_twice_is_an_error() -> None:
    """A second kernel for a version of an operator is refused."""
    with pytest.raises(ValueError, match="twice"):
        operator("Relu", since=1)(lambda _, x: x)


def test_a_path_is_read(tmp_path: Path) -> None:
    """A model may be given as a file."""
    path = tmp_path / "m.onnx"
    onnx.save(model_of(RELU, {"x": (3,)}, ["y"], {}), str(path))
    module = GraphModule(path)
    assert (module.input_names, module.output_names) == (("x",), ("y",))
    assert module(torch.tensor([-1.0, 0.0, 2.0]))[0].tolist() == [0, 0, -2]


def test_any_tensor_can_be_asked_for() -> None:
    """Intermediate values, outputs and constants by name; an unknown name is a sentence."""
    nodes = [*RELU, helper.make_node("Add", ["y", "c"], ["z"])]
    module = GraphModule(model_of(nodes, {"x": (2,)}, ["z"], {"c": np.array([1, 2], np.float32)}))
    found = module.tensors({"x": torch.tensor([-1.0, 3.0])}, ["h", "c", "z", "x"])
    assert {name: value.tolist() for name, value in found.items()} == {
        "h": [0, 3],
        "c": [1, 2],
        "z": [1, -1],
        "x": [-1, 3],
    }
    with pytest.raises(ModelError, match="nowhere"):
        module.tensors({"x": torch.zeros(2)}, ["nowhere"])
    with pytest.raises(ModelError, match="no value was given for the input 'x'"):
        module.tensors({}, ["z"])


def test_the_number_of_inputs_is_checked() -> None:
    """Too many or too few inputs are a sentence that names the inputs."""
    module = GraphModule(model_of(RELU, {"x": (2,)}, ["y"], {}))
    with pytest.raises(ModelError, match="2 inputs were given; allowed: x"):
        module(torch.zeros(2), torch.zeros(2))


def test_inputs_that_an_operator_cannot_take_are_a_sentence() -> None:
    """What torch refuses is told with the node's name and operator."""
    node = helper.make_node("MatMul", ["x", "c"], ["y"], name="product")
    with pytest.raises(ModelError, match=r"product: MatMul \(opset 21\) cannot take these inputs"):
        GraphModule(model_of([node], {"x": (2, 2)}, ["y"], {"c": np.ones((3, 3), np.float32)}))(torch.zeros(2, 2))
    node = helper.make_node("Cast", ["x"], ["y"], name="to text", to=TensorProto.STRING)
    with pytest.raises(ModelError, match=r"to text: Cast \(opset 21\).*STRING"):
        GraphModule(model_of([node], {"x": (2,)}, ["y"], {}))(torch.zeros(2))


def test_an_input_that_is_left_out_is_told_without_code() -> None:
    """Nothing is said of the functions that compute operators."""
    node = helper.make_node("Unsqueeze", ["x"], ["y"], name="longer")
    with pytest.raises(ModelError, match=r"^longer: Unsqueeze \(opset 21\) cannot take these inputs") as found:
        GraphModule(model_of([node], {"x": (2,)}, ["y"], {}))(torch.zeros(2))
    assert "unsqueeze" not in str(found.value)
    assert "argument" not in str(found.value)


def test_a_tensor_is_freed_when_nobody_reads_it_any_more() -> None:
    """When the last of a chain of nodes runs, the first one's answer is gone."""
    seen: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    @operator("Watch", domain="test.free", since=1)
    def watch(node: object, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
        alive.append(sum(reference() is not None for reference in seen))
        found = x + 1
        seen.append(weakref.ref(found))
        return found

    names = ["x", *(f"t{index}" for index in range(6))]
    nodes = [helper.make_node("Watch", [a], [b], domain="test.free") for a, b in itertools.pairwise(names)]
    model = model_of(nodes, {"x": (2,)}, [names[-1]], {})
    model.opset_import.append(helper.make_opsetid("test.free", 1))
    with torch.no_grad():
        GraphModule(model)(torch.zeros(2))
    assert alive == [0, 1, 1, 1, 1, 1]


def shape_graph() -> onnx.ModelProto:
    """A view as exporters write it: the batch from Shape, the rest from a constant; and a scale from the shape."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Concat", ["n", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["x", "to"], ["r"]),
        helper.make_node("Cast", ["n"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["r", "f"], ["y"]),
    ]
    constants = {"zero": np.array([0]), "rest": np.array([-1])}
    return model_of(nodes, {"x": (2, 3, 4)}, ["y"], constants)


@pytest.mark.parametrize("device", DEVICES)
def test_shape_arithmetic_stays_in_the_processors_memory(device: str) -> None:
    """Everything but the reshaping and the product is computed in NumPy, for any batch."""
    model = shape_graph()
    graph = graph_of(model)
    assert {graph.nodes[index].op_type for index in host_nodes(graph)} == {"Shape", "Gather", "Concat", "Cast"}
    module = GraphModule(model).to(device)
    for batch in (2, 5):
        x = torch.ones(batch, 3, 4, device=device)
        assert torch.equal(module(x)[0], x.reshape(batch, 12) * batch)


def test_buffers_follow_the_module() -> None:
    """Constants are buffers or parameters: they move, and are cast, with the module."""
    model = model_of([helper.make_node("Add", ["x", "c"], ["y"])], {"x": (2,)}, ["y"], {"c": np.ones(2, np.float32)})
    assert GraphModule(model).to(torch.float64)(torch.zeros(2, dtype=torch.float64))[0].dtype is torch.float64
    assert {tensor.device.type for tensor in GraphModule(model).to("meta").buffers()} == {"meta"}


def test_weights_in_the_file_are_given_their_values_once() -> None:
    """A DequantizeLinear of constants is not a step of every run, unless its weights are trained."""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["f"]),
        helper.make_node("MatMul", ["x", "f"], ["y"]),
    ]
    constants = {"w": np.array([[1, -2]], np.int8), "s": np.float32(0.5)}
    model = model_of(nodes, {"x": (1, 1)}, ["y"], constants)
    assert len(GraphModule(model)._plan(("y",))) == 1
    assert len(GraphModule(model, trainable=True)._plan(("y",))) == 2
    for trainable in (False, True):
        assert GraphModule(model, trainable=trainable)(torch.ones(1, 1))[0].tolist() == [[0.5, -1.0]]
