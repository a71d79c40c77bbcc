"""What is known of each operator's output, element by element: a number, the name of a free length, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from qexplorer.load.normal import known_shapes
from qexplorer.load.normal.known_shapes import _Value

INT64, FLOAT, BOOL = ir.DataType.INT64, ir.DataType.FLOAT, ir.DataType.BOOL
LEFT_OUT = object()
Elements = tuple[int | str | None, ...]


def _known(given: Elements | int | str | np.ndarray | None, known: dict[ir.Value, _Value]) -> ir.Value:
    """An input: a vector, a scalar, a constant array, or one of which nothing is known."""
    value = ir.Value(name=f"i{len(known)}")
    if isinstance(given, np.ndarray):
        value.const_value = ir.tensor(given)
    elif isinstance(given, tuple):
        known[value] = _Value(given)
    elif given is not None:
        known[value] = _Value((given,), scalar=True)
    return value


def _rule(op: str, inputs: list[Any], **attributes: Any) -> Elements | int | str | None:
    """What the rule says: a vector, a scalar, or None."""
    known: dict[ir.Value, _Value] = {}
    node = ir.node(op, [None if given is LEFT_OUT else _known(given, known) for given in inputs], attributes)
    found = known_shapes._RULES[op](node, known)
    if found is None:
        return None
    return found.elements[0] if found.scalar else found.elements


NUMBERS, FREE = (2, 3, 5), ("n", 3, None)
RULES: list[tuple[str, list[Any], dict[str, Any], Any]] = [
    ("Gather", [NUMBERS, 1], {}, 3),
    ("Gather", [NUMBERS, -3], {}, 2),
    ("Gather", [NUMBERS, 2], {}, 5),
    ("Gather", [NUMBERS, 3], {}, None),
    ("Gather", [NUMBERS, -4], {}, None),
    ("Gather", [FREE, (0, 0, 2)], {}, ("n", "n", None)),
    ("Gather", [FREE, (0,)], {}, ("n",)),
    ("Gather", [NUMBERS, "n"], {}, None),
    ("Gather", [NUMBERS, None], {}, None),
    ("Gather", [7, 0], {}, None),
    ("Gather", [None, 0], {}, None),
    ("Gather", [NUMBERS, 1], {"axis": 1}, None),
    ("Slice", [NUMBERS, 1, 3], {}, (3, 5)),
    ("Slice", [NUMBERS, (0,), (-1,)], {}, (2, 3)),
    ("Slice", [FREE, (0,), (2,), (0,)], {}, ("n", 3)),
    ("Slice", [NUMBERS, (0,), (9,), (0,), (2,)], {}, (2, 5)),
    ("Slice", [NUMBERS, (0,), (9,), LEFT_OUT, LEFT_OUT], {}, NUMBERS),
    ("Slice", [NUMBERS, (0,), (9,), (0,), (1,)], {}, NUMBERS),
    ("Slice", [NUMBERS, (2,), (-9,), (0,), (-1,)], {}, None),
    ("Slice", [NUMBERS, (0,), (9,), (0,), ("n",)], {}, None),
    ("Slice", [NUMBERS, (0, 0), (9,)], {}, None),
    ("Slice", [NUMBERS, ("n",), (9,)], {}, None),
    ("Slice", [NUMBERS, (0,), None], {}, None),
    ("Slice", [7, (0,), (1,)], {}, None),
    ("Slice", [None, (0,), (1,)], {}, None),
    ("Unsqueeze", ["n", (0,)], {}, ("n",)),
    ("Unsqueeze", [4, -1], {}, (4,)),
    ("Unsqueeze", [4, 1], {}, None),
    ("Unsqueeze", [4, (0, 1)], {}, None),
    ("Unsqueeze", [(4,), (0,)], {}, None),
    ("Unsqueeze", [None, (0,)], {}, None),
    ("Squeeze", [("n",), (0,)], {}, "n"),
    ("Squeeze", [NUMBERS], {}, None),
    ("Squeeze", [None], {}, None),
    ("Reshape", ["n", (-1,)], {}, ("n",)),
    ("Reshape", [4, (1,)], {}, (4,)),
    ("Reshape", [FREE, (3,)], {}, FREE),
    ("Reshape", [FREE, (2,)], {}, None),
    ("Reshape", [FREE, (1, 3)], {}, None),
    ("Reshape", [FREE, ("n",)], {}, None),
    ("Reshape", [None, (-1,)], {}, None),
    ("Concat", [FREE, (4,)], {"axis": 0}, ("n", 3, None, 4)),
    ("Concat", [FREE, None], {"axis": 0}, None),
    ("Concat", [None, FREE], {"axis": 0}, None),
    ("Concat", [FREE, 4], {"axis": 0}, None),
    ("Identity", [FREE], {}, FREE),
    ("Identity", [None], {}, None),
    ("Cast", [FREE], {"to": INT64.value}, FREE),
    ("Cast", ["n"], {"to": ir.DataType.INT32.value}, "n"),
    ("Cast", [FREE], {"to": FLOAT.value}, None),
    ("Cast", [FREE], {"to": BOOL.value}, None),
    ("ConstantOfShape", [(3,)], {"value": ir.tensor(np.array([7]))}, (7, 7, 7)),
    ("ConstantOfShape", [(0,)], {"value": ir.tensor(np.array([7]))}, ()),
    ("ConstantOfShape", [(64,)], {"value": ir.tensor(np.array([1]))}, (1,) * 64),
    ("ConstantOfShape", [(65,)], {"value": ir.tensor(np.array([1]))}, None),
    ("ConstantOfShape", [(-1,)], {"value": ir.tensor(np.array([1]))}, None),
    ("ConstantOfShape", [(3, 1)], {"value": ir.tensor(np.array([7]))}, None),
    ("ConstantOfShape", [("n",)], {"value": ir.tensor(np.array([7]))}, None),
    ("ConstantOfShape", [(3,)], {"value": ir.tensor(np.array([0.5]))}, None),
    ("ConstantOfShape", [(3,)], {}, None),
    ("Add", [FREE, 0], {}, FREE),
    ("Add", [FREE, 4], {}, (None, 7, None)),
    ("Add", [0, FREE], {}, (None, 3, None)),
    ("Add", [2, 5], {}, 7),
    ("Add", [2, (5,)], {}, (7,)),
    ("Add", [NUMBERS, (1, 1)], {}, None),
    ("Add", [NUMBERS, None], {}, None),
    ("Sub", [FREE, 0], {}, FREE),
    ("Sub", [NUMBERS, (1, 2, 9)], {}, (1, 1, -4)),
    ("Sub", [0, "n"], {}, None),
    ("Mul", [FREE, 1], {}, FREE),
    ("Mul", [1, FREE], {}, FREE),
    ("Mul", [FREE, 4], {}, (None, 12, None)),
    ("Mul", [FREE, 0], {}, (None, 0, None)),
    ("Mul", ["n", "n"], {}, None),
    ("Div", [FREE, 1], {}, FREE),
    ("Div", [(9, 8, 0), 3], {}, (3, 2, 0)),
    ("Div", [(-9, 9), (3, -3)], {}, (None, None)),
    ("Div", [(9,), (0,)], {}, (None,)),
    ("Div", [1, "n"], {}, None),
    ("Div", [FREE, 3], {}, (None, 1, None)),
    ("Equal", [(2, 3), (2, 4)], {}, (1, 0)),
    ("Equal", [("n", "n", "n"), ("n", "m", None)], {}, (1, None, None)),
    ("Equal", [("n", "n", "n"), (-1, 0, 3)], {}, (0, None, None)),
    ("Equal", [(-1, 0), ("n", "n")], {}, (0, None)),
    ("Equal", [(None, None), (None, -1)], {}, (None, None)),
    ("Where", [(1, 0, None), ("n", 4, 4), (2, "m", 2)], {}, ("n", "m", None)),
    ("Where", [1, 4, 5], {}, 4),
    ("Where", ["n", 4, 5], {}, None),
]


@pytest.mark.parametrize(("op", "inputs", "attributes", "known"), RULES)
def test_what_is_known_follows_from_what_is_known(
    op: str, inputs: list[Any], attributes: dict[str, Any], known: Any
) -> None:
    """By hand, by each operator's page (opset 21): what cannot be told is unknown, and never guessed."""
    found = _rule(op, inputs, **attributes)
    assert found == known
    assert isinstance(found, tuple) == isinstance(known, tuple)


@pytest.mark.parametrize(
    ("shape", "attributes", "known"),
    [
        (("n", 3, None), {}, ("n", 3, None)),
        (("n", 3, 5), {"start": 1}, (3, 5)),
        (("n", 3, 5), {"end": -1}, ("n", 3)),
        (("n", 3, 5), {"start": -1, "end": 9}, (5,)),
        ((), {}, ()),
        (None, {}, None),
    ],
)
def test_a_shape_is_that_of_the_input(
    shape: Elements | None, attributes: dict[str, int], known: Elements | None
) -> None:
    """As far as inference knows it."""
    x = ir.Value(name="x", shape=None if shape is None else ir.Shape(shape))
    found = known_shapes._RULES["Shape"](ir.node("Shape", [x], attributes), {})
    assert (found.elements if found else None) == known


@pytest.mark.parametrize(
    ("constant", "known"),
    [
        (np.array(4), 4),
        (np.array([4, 5], np.int32), (4, 5)),
        (np.array([True, False]), (1, 0)),
        (np.arange(64), tuple(range(64))),
        (np.arange(65), None),
        (np.array([[4]]), None),
        (np.array([4.0], np.float32), None),
        (np.array([4], np.uint8), None),
    ],
)
def test_small_constants_of_whole_numbers_are_known(constant: np.ndarray, known: Any) -> None:
    """Vectors and scalars, as long as a shape may be; no numbers that may be values."""
    assert _rule("Identity", [constant]) == known


@pytest.mark.parametrize(
    ("shape", "asked", "attributes", "target"),
    [
        (("n", 4, 6), ("n", 24), {}, [0, 24]),
        (("n", 4, 6), ("m", 24), {}, [-1, 24]),
        (("n", 4, 6), (24, "n"), {}, [24, -1]),
        (("n", "m"), ("n", "m"), {}, [0, 0]),
        (("n", "m"), ("m", "n"), {}, None),
        (("n", 4), (None, 2), {}, [-1, 2]),
        (("n", 4), (None, "n"), {}, None),
        ((4, 6), (24,), {}, None),
        (("n", 4), ("n", 0), {}, None),
        (("n", 4), ("n", 4), {"allowzero": 1}, None),
        (("n", 4), ("n", 4), {"allowzero": 0}, [0, 4]),
        (("n", 4), (1, "n", 4), {}, [1, -1, 4]),
        (("n", 4), (4, 1, "n"), {}, [4, 1, -1]),
        (None, ("n", 4), {}, [-1, 4]),
        (("n", 4), None, {}, None),
    ],
)
def test_a_reshape_is_fixed_where_one_length_at_most_is_free(
    shape: Elements | None, asked: Elements | None, attributes: dict[str, int], target: list[int] | None
) -> None:
    """Free lengths that stay in their places, and one more; all numbers need no help, zeros may mean two things."""
    known: dict[ir.Value, _Value] = {}
    x = ir.Value(name="x", shape=None if shape is None else ir.Shape(shape))
    node = ir.node("Reshape", [x, _known(asked, known)], attributes)
    node.outputs[0].name = "y"
    graph = ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": 21})
    made = known_shapes._fixed_reshape(graph, node, known)
    found = node.inputs[1].const_value if node.inputs[1] is not None else None
    assert made == (target is not None)
    assert (None if found is None else found.numpy().tolist()) == target
