"""Which values live in the processor's memory as NumPy, and computing them.

Shapes, axes and sizes must be plain numbers before torch can use them: read from a device they would cost a wait each,
and ``torch.export`` could not trace them at all. So everything that is computed from constants and shapes alone, and
that some operator reads as a plain number, is computed by ONNX's own NumPy implementation. Small values computed from
shapes are, too (a scale such as 1 / sqrt(size)); large ones (a mask) are made by torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from qexplorer.core.errors import ModelError
from qexplorer.graph.draws import DRAWS
from qexplorer.graph.walk import DEFAULT_DOMAINS
from qexplorer.torchgraph.graph import Graph
from qexplorer.torchgraph.registry import Host, find

if TYPE_CHECKING:
    import onnx

__all__ = ["HostNode", "host_nodes"]

_TELLS_SHAPE = ("Shape", "Size")
_GROWS = ("ConstantOfShape", "Expand", "EyeLike", "OneHot", "Pad", "Range", "Tile")
_CODES = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
_SMALL = 64  # values: more of them in a constant, and what is made of it belongs on the device


def host_nodes(graph: Graph) -> frozenset[int]:
    """Positions of the nodes that are computed in the processor's memory."""
    known = set(graph.constants)
    for node in graph.nodes:
        if node.op_type in _TELLS_SHAPE or _plain(node, known):
            known.update(node.output)
    needed: set[str] = set()
    for node in reversed(graph.nodes):
        entry = find(node.op_type, node.domain, graph.opset(node))
        wanted = set(entry.host) if entry else set()
        if needed & set(node.output) and _plain(node, known):
            wanted = set(range(len(node.input)))
        needed.update(name for index, name in enumerate(node.input) if index in wanted and name)
    return _chosen(graph, needed)


def _plain(node: onnx.NodeProto, known: set[str]) -> bool:
    """Whether all that the node reads is known, so that it can be computed before its device has anything.

    Codes are never computed here: whoever reads them takes tensors, and knows nodes of other domains as well.
    """
    if node.op_type in DRAWS or node.op_type in _CODES or node.domain not in DEFAULT_DOMAINS:
        return False
    if any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute):
        return False
    return all(name in known for name in node.input if name)


def _chosen(graph: Graph, needed: set[str]) -> frozenset[int]:
    ready, from_shapes, small = set(graph.constants), set(), set()
    for name, item in graph.constants.items():
        if math.prod(item.dims) <= _SMALL:
            small.add(name)
    chosen = set()
    for index, node in enumerate(graph.nodes):
        read = [name for name in node.input if name]
        tells = node.op_type in _TELLS_SHAPE
        cheap = node.op_type not in _GROWS and any(name in from_shapes for name in read) and set(read) <= small
        if tells or (_plain(node, ready) and (cheap or needed & set(node.output))):
            chosen.add(index)
            ready.update(node.output)
            from_shapes.update(node.output)
            small.update(node.output)
    return frozenset(chosen)


class HostNode:
    """A node that is computed with NumPy. It keeps its last answer, since shapes seldom change between runs.

    Args:
        node: the node.
        opset: version of its operator set.
    """

    def __init__(self, node: onnx.NodeProto, opset: int) -> None:
        self._node, self._opset = node, opset
        self._evaluator: Any = None
        self._last: tuple[tuple[Host | None, ...], tuple[Host, ...]] | None = None

    def __call__(self, *inputs: Host | Tensor | None) -> tuple[Host, ...]:
        """The outputs. A tensor is taken by Shape and Size alone, which look at nothing but its shape."""
        if self._node.op_type in _TELLS_SHAPE:
            return (self._shape(inputs[0]),)
        given = tuple(None if value is None else np.asarray(value) for value in inputs)
        if self._last is not None and _same(self._last[0], given):
            return self._last[1]
        found = self._evaluate(given)
        self._last = (given, found)
        return found

    def _shape(self, value: Host | Tensor | None) -> Host:
        assert value is not None
        sizes = tuple(value.shape)
        if self._node.op_type == "Size":
            return np.asarray(math.prod(sizes), np.int64)
        at = {attribute.name: attribute.i for attribute in self._node.attribute}
        return np.asarray(sizes[at.get("start", 0) : at.get("end", len(sizes))], np.int64)

    def _evaluate(self, given: Sequence[Host | None]) -> tuple[Host, ...]:
        from onnx.reference import ReferenceEvaluator

        if self._evaluator is None:
            self._evaluator = ReferenceEvaluator(self._node, opsets={self._node.domain: self._opset})
        feeds = {name: value for name, value in zip(self._node.input, given, strict=True) if name}
        try:
            return tuple(np.asarray(value) for value in self._evaluator.run(None, feeds))
        except Exception as error:  # its implementations raise what they like
            what = f"the {self._node.op_type} that computes a shape failed ({error})"
            raise ModelError(what, where=self._node.name or None) from None


def _same(before: Sequence[Host | None], now: Sequence[Host | None]) -> bool:
    for a, b in zip(before, now, strict=True):
        if a is None or b is None:
            if a is not b:
                return False
        elif a.shape != b.shape or a.dtype != b.dtype or not np.array_equal(a, b):
            return False
    return True
