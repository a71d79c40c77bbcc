"""Which inputs have an axis for the batch in front, as far as their shapes say so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.load.batch_axes import batch_names, stand_alone
from qexplorer.load.layers import layer_map

Shape = Sequence[int | str | None] | None


@pytest.mark.parametrize(
    ("shapes", "alone"),
    [
        ([("n", 3), ("n", 4)], (False, False)),
        ([(8, 3), (8, 4)], (False, False)),
        ([("n", "t"), (2, "n", 128), ()], (False, True, True)),
        ([(1, 576), (2, 1, 128)], (False, True)),
        ([(None, 3), (1, 4)], (False, False)),
        ([(16, 3), (8, 4)], (True, True)),
        ([(2, 1, 128)], (False,)),
        ([None, ("n", 3)], (False, False)),
    ],
)
def test_a_length_that_others_do_not_share_is_no_batch(shapes: list[Shape], alone: tuple[bool, ...]) -> None:
    """A state of two layers beside free samples, and a single number, have no batch in front; a batch of one is one."""
    assert stand_alone(shapes) == alone


def test_the_batch_has_its_name_wherever_it_stands() -> None:
    """Names of first axes, not of others."""
    assert batch_names([("n", "t"), (2, "n", 128), (), None]) == {"n"}


def test_a_state_does_not_hide_how_much_a_layer_computes() -> None:
    """Two layers of state are no batch of two, and its second axis is 1 where the batch is."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["state", "zero"], ["first"], "take", axis=0),
            helper.make_node("Add", ["x", "first"], ["sum"], "add"),
            helper.make_node("MatMul", ["sum", "w"], ["y"], "dense"),
        ],
        "stateful",
        [info("state", TensorProto.FLOAT, [2, "n", 4]), info("x", TensorProto.FLOAT, ["n", 4])],
        [info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.asarray(0), "zero"),
            numpy_helper.from_array(np.ones((4, 8), np.float32), "w"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert {layer.name: layer.macs for layer in layer_map(model)}["dense"] == 32
