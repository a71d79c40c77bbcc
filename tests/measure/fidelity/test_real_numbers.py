"""A graph in float64."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.real_numbers import RealNumbers, holds_halves, widened

THIRD = np.array([1 / 3], np.float32)


def _cast_between(kind: int, half: type) -> ModelProto:
    """``y = cast(cast(x, half) * c)`` with a constant of 16 bits, the result in 32."""
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=kind),
        helper.make_node("Mul", ["h", "c"], ["m"]),
        helper.make_node("Cast", ["m"], ["y"], to=TensorProto.FLOAT),
    ]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    constant = numpy_helper.from_array(np.asarray([3], half), "c")
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], [constant])
    graph.value_info.extend(helper.make_tensor_value_info(name, kind, ["n"]) for name in ("h", "m"))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize(
    ("kind", "half"), [(TensorProto.FLOAT16, np.float16), (TensorProto.BFLOAT16, ml_dtypes.bfloat16)]
)
def test_16_bit_floats_are_wide_too_or_are_all_that_is_rounded_to(kind: int, half: type) -> None:
    """In float64 a cast to 16 bits rounds nothing; asked for, it rounds each result to them as the graph says."""
    model = _cast_between(kind, half)
    assert holds_halves(model)
    assert {item.data_type for item in widened(model).graph.initializer} == {TensorProto.DOUBLE}
    wide = RealNumbers(model, 1).run({"x": THIRD}, ["y"])["y"]
    assert wide.dtype == np.float64
    assert wide[0] == 3 * float(THIRD[0])
    rounded = RealNumbers(model, 1, halves=True).run({"x": THIRD}, ["y"])["y"]
    assert rounded[0] == float(half(3 * float(half(THIRD[0]))))
    assert rounded[0] != wide[0]


def test_floats_of_constants_are_as_given() -> None:
    """A Constant that gives a plain number gives a float64; whole numbers stay whole."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value_float=0.1),
        helper.make_node("Constant", [], ["i"], value_ints=[1]),
        helper.make_node("Mul", ["x", "c"], ["p"]),
        helper.make_node("Reshape", ["p", "i"], ["y"]),
    ]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert not holds_halves(model)
    found = RealNumbers(model, 1).run({"x": THIRD}, ["y"])["y"]
    assert found[0] == float(np.float32(0.1)) * float(THIRD[0])


def test_a_graph_inside_a_node_is_not_computed() -> None:
    """Its floats would stay what they are, so that it is refused by name."""
    info = helper.make_tensor_value_info("t", TensorProto.FLOAT, [1])
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["t"])], "body", [], [info])
    node = helper.make_node("If", ["when"], ["y"], "choice", then_branch=body, else_branch=body)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    when = helper.make_tensor_value_info("when", TensorProto.BOOL, [])
    graph = helper.make_graph([node], "g", [when, infos[0]], infos[1:])
    with pytest.raises(BackendError, match="choice"):
        widened(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
