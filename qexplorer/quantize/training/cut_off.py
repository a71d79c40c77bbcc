"""Which operators keep an answer from having a gradient: told from the graph beforehand, or from what torch says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from qexplorer.core.errors import ModelError
from qexplorer.graph.index import GraphIndex

if TYPE_CHECKING:
    import onnx
    from torch import Tensor

__all__ = ["WITHOUT_GRADIENT", "gradients_end", "where_gradients_end"]

_QUESTIONS = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "IsNaN", "IsInf")
_PLACES = ("ArgMax", "ArgMin", "Shape", "Size", "NonZero")
_BITS = ("And", "Or", "Not", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift")
_STEPS = ("Round", "Floor", "Ceil", "Sign")
WITHOUT_GRADIENT = frozenset((*_QUESTIONS, *_PLACES, *_BITS, *_STEPS))
"""Operators none of whose answers has a gradient, or one that is not zero, whatever they are given."""

_FIRST_ALONE = ("TopK", "MaxPool")  # their second answer says where the values were
_FLOATS = (1, 10, 11, 16)  # element types: float32, float16, float64, bfloat16


def gradients_end(view: GraphIndex, weights: Collection[str]) -> ModelError | None:
    """The error that names them, from the graph alone; None where a gradient comes to a weight, or may.

    Args:
        view: the float graph.
        weights: names of the constants that would learn.
    """
    learning = set(weights)
    behind = _behind(view, learning)
    reached = False
    ends: dict[str, onnx.NodeProto] = {}
    seen, todo = set(), list(view.outputs)
    while todo and not reached:
        name = todo.pop()
        node = view.maker(name)
        reached = name in learning
        if node is None or name in seen:
            continue
        seen.add(name)
        if _cuts(node, name):
            if behind.intersection(node.input):
                ends.setdefault(node.op_type, node)
            continue
        reached = reached or any(each.g.node or each.graphs for each in node.attribute)  # a body may pass it on
        todo.extend(each for each in node.input if each)
    return None if reached or not ends else _error(ends)


def _cuts(node: onnx.NodeProto, name: str) -> bool:
    """Whether the answer ``name`` of ``node`` has no gradient."""
    if node.op_type == "Cast":
        return next((each.i for each in node.attribute if each.name == "to"), 1) not in _FLOATS
    return node.op_type in WITHOUT_GRADIENT or (node.op_type in _FIRST_ALONE and name != node.output[0])


def _behind(view: GraphIndex, learning: set[str]) -> set[str]:
    """Tensors that depend on what would learn."""
    found = set(learning)
    for node in view.order:
        if found.intersection(node.input):
            found.update(node.output)
    return found


def where_gradients_end(view: GraphIndex, values: Mapping[str, Tensor], learning: Sequence[str]) -> ModelError:
    """The error that names them.

    Args:
        view: the graph that was run.
        values: every tensor that its nodes make.
        learning: names of constants that learn.
    """
    has = {name for name, value in values.items() if value.requires_grad} | set(learning)
    ends: dict[str, onnx.NodeProto] = {}
    seen, todo = set(), list(view.outputs)
    while todo:
        name = todo.pop()
        node = view.maker(name)
        if node is None or name in seen or name in has:
            continue
        seen.add(name)
        if has.intersection(node.input):
            ends.setdefault(node.op_type, node)
        todo.extend(each for each in node.input if each)
    return _error(ends)


def _error(ends: Mapping[str, onnx.NodeProto]) -> ModelError:
    named = ", ".join(sorted(ends)) or "its last operators"
    first = next(iter(ends.values()), None)
    return ModelError(
        f"no gradient passes through {named}, so that nothing in front of it can learn",
        where=None if first is None else first.name or None,
        do="train a model that ends before that, and do the rest outside",
    )
