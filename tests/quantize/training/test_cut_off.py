"""Where gradients end, told from the graph before anything runs, as torch says it afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.training.cut_off import WITHOUT_GRADIENT, gradients_end
from qexplorer.torchgraph.executor import GraphModule

_ONE = ("ArgMax", "ArgMin", "IsInf", "IsNaN", "NonZero")
_TWO = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")


def _graph(*last: tuple[str, list[str], list[str], dict[str, int]], outputs: tuple[str, ...] = ("end",)) -> ModelProto:
    """A layer with a weight, and behind it ``last``."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "fc")]
    nodes += [helper.make_node(op, reads, makes, f"n{i}", **more) for i, (op, reads, makes, more) in enumerate(last)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs],
        [numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4) - 5, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("op", [*_ONE, *_TWO])
def test_an_operator_of_the_table_ends_gradients_in_torch_too(op: str) -> None:
    """What the table says of an operator of floats is what torch does, and the sentence names it."""
    assert op in WITHOUT_GRADIENT
    proto = _graph((op, ["y", "y"] if op in _TWO else ["y"], ["end"], {}))
    module = GraphModule(proto)
    for weight in module.parameters():
        weight.requires_grad_(True)
    assert not module.tensors({"x": torch.ones(2, 3)}, ["end"])["end"].requires_grad
    error = gradients_end(GraphIndex(proto), ["w"])
    assert error is not None
    assert error.sentence.startswith(f"n0: no gradient passes through {op}, so that nothing in front of it can learn")


@pytest.mark.parametrize("op", ["Round", "Floor", "Ceil", "Sign"])
def test_a_staircase_gives_no_gradient_either(op: str) -> None:
    """Torch gives zeros, with which a training would run and learn nothing; beside what is rounded one comes."""
    proto = _graph((op, ["y"], ["end"], {}))
    module = GraphModule(proto)
    weights = [weight.requires_grad_(True) for weight in module.parameters()]
    end = module.tensors({"x": torch.ones(2, 3)}, ["end"])["end"]
    assert not end.requires_grad or not any(each.any() for each in torch.autograd.grad(end.sum(), weights))
    assert f"no gradient passes through {op}," in getattr(gradients_end(GraphIndex(proto), ["w"]), "sentence", "")
    rest = _graph((op, ["y"], ["steps"], {}), ("Sub", ["y", "steps"], ["end"], {}))
    assert gradients_end(GraphIndex(rest), ["w"]) is None


def test_a_way_around_lets_them_pass() -> None:
    """Scores beside the class, values beside places, a mask on what it masks, floats cast: a gradient may come."""
    twice = _graph(("ArgMax", ["y"], ["end"], {}), outputs=("end", "y"))
    assert gradients_end(GraphIndex(twice), ["w"]) is None
    masked = _graph(("Greater", ["y", "y"], ["mask"], {}), ("Where", ["mask", "y", "y"], ["end"], {}))
    assert gradients_end(GraphIndex(masked), ["w"]) is None
    cast = _graph(("Cast", ["y"], ["end"], {"to": TensorProto.FLOAT16}))
    assert gradients_end(GraphIndex(cast), ["w"]) is None


def test_places_and_whole_numbers_end_them() -> None:
    """The second answer of TopK, and a Cast to integers."""
    best = _graph(("TopK", ["y", "k"], ["values", "end"], {}))
    best.graph.initializer.append(numpy_helper.from_array(np.array([2]), "k"))
    whole = _graph(("Cast", ["y"], ["end"], {"to": TensorProto.INT64}))
    for proto, op in ((best, "TopK"), (whole, "Cast")):
        error = gradients_end(GraphIndex(proto), ["w"])
        assert error is not None
        assert f"through {op}," in error.sentence
