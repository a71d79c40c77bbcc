"""Axes that a tensor does not have are an error, as they are in ONNX, and are not wrapped around to one that it has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnx import NodeProto, helper

from qexplorer.core.errors import ModelError
from qexplorer.torchgraph.axes import axis_of, distinct_axes
from qexplorer.torchgraph.executor import GraphModule
from tests.torchgraph.helpers import model_of


def _node(op: str, *others: str, **settings: int) -> NodeProto:
    return helper.make_node(op, ["x", *others], ["y"], name="here", **settings)


def _run(node: NodeProto, **constants: np.ndarray) -> torch.Tensor:
    (found,) = GraphModule(model_of([node], {"x": (2, 3)}, ["y"], constants))(torch.ones(2, 3))
    return found


@pytest.mark.parametrize("axis", [7, -4, 3, 2**62])
def test_an_axis_outside_is_refused(axis: int) -> None:
    """Unsqueeze makes three dimensions here, all others have two: one sentence names node, operator and axis."""
    axes = np.array([axis])
    cases = [(_node("Unsqueeze", "a"), {"a": axes}), (_node("ReduceSum", "a"), {"a": axes})]
    cases += [(_node("Gather", "i", axis=axis), {"i": np.array([0])})]
    cases += [(_node("LayerNormalization", "s", axis=axis), {"s": np.ones(3, np.float32)})]
    for node, constants in cases:
        with pytest.raises(ModelError, match=rf"^here: {node.op_type} \(opset 21\) cannot .*axis {axis} does not lie"):
            _run(node, **constants)


def test_an_axis_named_twice_is_refused() -> None:
    """From the front and from the back it is the same one."""
    with pytest.raises(ModelError, match="an axis is named twice"):
        _run(_node("Unsqueeze", "a"), a=np.array([0, -4]))
    assert tuple(_run(_node("Unsqueeze", "a"), a=np.array([-1, 0])).shape) == (1, 2, 3, 1)


def test_axes_count_from_the_front() -> None:
    """In the order that they were given; a scalar has axis 0."""
    assert distinct_axes([-1, 0], 3) == [2, 0]
    assert [axis_of(0, 0), axis_of(-1, 0), axis_of(-3, 3)] == [0, 0, 0]
