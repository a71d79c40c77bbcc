"""Which operators keep an answer from having a gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from qexplorer.core.errors import ModelError
from qexplorer.graph.index import GraphIndex

if TYPE_CHECKING:
    import onnx

__all__ = ["where_gradients_end"]


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
    named = ", ".join(sorted(ends)) or "its last operators"
    first = next(iter(ends.values()), None)
    return ModelError(
        f"no gradient passes through {named}, so that nothing in front of it can learn",
        where=None if first is None else first.name or None,
        do="train a model that gives scores, and take the class of them outside",
    )
