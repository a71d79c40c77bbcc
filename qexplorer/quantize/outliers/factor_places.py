"""Where a change of a tensor's channels can be worked into constants in front of it, so that it costs no node.

From a tensor the way back to constants leads through what commutes with the change. A positive factor of each channel
passes Relu and its kin, pooling and the product with attention weights, and ends in the constants of a normalization,
of a multiplication or of a layer with a weight. A rotation, which mixes channels, passes only what is linear and acts
on all channels alike, and ends in a layer with a weight. Both pass what only moves values: Reshape and Transpose are
followed axis by axis, so that the heads of an attention are found again in the layer that made them.

Nothing else may read what lies on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex, label_of

if TYPE_CHECKING:
    import onnx

__all__ = ["ConstantEdit", "FactorPlace", "place_of"]

Shapes = Mapping[str, tuple[int | None, ...]]

_POSITIVE = frozenset({"Relu", "LeakyRelu", "PRelu"})
"""Operators with ``f(s x) = s f(x)`` for ``s > 0``, value by value."""

_POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"})


@dataclass(frozen=True, slots=True)
class ConstantEdit:
    """One constant that the change goes into.

    Attributes:
        layer: the node that reads it, by label.
        position: the input that it is.
        axis: of the channels in the constant, from the end; one that it lacks is of length 1.
    """

    layer: str
    position: int
    axis: int


@dataclass(frozen=True, slots=True)
class FactorPlace:
    """Constants that together make up a tensor's channels.

    Attributes:
        layer: the node at which the way ends, by label.
        edits: all of them must be changed.
        first: channel of the constants at which the tensor's channels begin (behind a Split they are some of several).
        total: channels of the constants.
        run: channels within which a rotation must stay: those of one head where attention weights were passed.
    """

    layer: str
    edits: tuple[ConstantEdit, ...]
    first: int
    total: int
    run: int


@dataclass(frozen=True, slots=True)
class _Way:
    """How far the way back has come: a tensor, the axes that its channels run along, and what was met.

    Attributes:
        tensor: its name.
        axes: of the channels, outermost first, from the front.
        rank: number of dimensions of the tensor.
        first: channel at which the wanted ones begin.
        total: channels here.
        run: see :class:`FactorPlace`.
        edits: constants met on the way.
    """

    tensor: str
    axes: tuple[int, ...]
    rank: int
    first: int
    total: int
    run: int
    edits: tuple[ConstantEdit, ...] = ()

    @property
    def single(self) -> int | None:
        """The one axis of the channels, counted from the end; None if they run along several."""
        return self.axes[0] - self.rank if len(self.axes) == 1 else None


def place_of(
    tensor: str, axis: int, channels: int, readers: frozenset[str], view: GraphIndex, shapes: Shapes, *, linear: bool
) -> FactorPlace | None:
    """Where a change of the channels of ``tensor`` can be worked in, or None.

    Args:
        tensor: what is to be changed.
        axis: of its channels, from the front.
        channels: their number.
        readers: labels of the nodes that are to read the changed tensor; nothing else may read it.
        view: the graph.
        shapes: of all tensors, for one sample.
        linear: whether the change mixes channels (a rotation); otherwise it is a positive factor of each.
    """
    if set(view.consumers.get(tensor, ())) != readers or tensor in view.captured or tensor in view.outputs:
        return None
    rank = len(shapes.get(tensor, ()))
    way = _Way(tensor, (axis,), rank, 0, channels, channels)
    return _back(way, view, shapes, linear=linear)


def _back(way: _Way, view: GraphIndex, shapes: Shapes, *, linear: bool) -> FactorPlace | None:
    maker = view.maker(way.tensor)
    if maker is None or label_of(maker) not in view.nodes:
        return None
    ended = _end(way, maker, view, linear=linear)
    if ended is not None:
        return ended
    for step in _steps(way, maker, view, shapes, linear=linear):
        if view.only_reader(step.tensor) is None:
            continue
        found = _back(step, view, shapes, linear=linear)
        if found is not None:
            return found
    return None


def _end(way: _Way, node: onnx.NodeProto, view: GraphIndex, *, linear: bool) -> FactorPlace | None:
    """The place, if ``node`` is where the way ends."""
    label, op, at = label_of(node), node.op_type, way.single
    edits: tuple[ConstantEdit, ...] | None = None
    if at is None:
        return None
    if op in ("MatMul", "Gemm") and at == -1 and _matrix(node, view):
        turned = op == "Gemm" and number(node, "transB", 0)
        edits = (ConstantEdit(label, 1, -2 if turned else -1), *_bias(node, view))
    elif op == "Conv" and way.axes == (1,) and _own(node.input[1], view):
        rank = len(view.initializers[node.input[1]].dims)
        edits = (ConstantEdit(label, 1, -rank), *_bias(node, view))
    elif linear:
        return None
    elif op == "LayerNormalization" and at == -1 and number(node, "axis", -1) in (-1, way.rank - 1):
        if all(view.is_constant(name) for name in node.input[1:3] if name):
            edits = tuple(ConstantEdit(label, i, -1) for i in (1, 2) if len(node.input) > i and node.input[i])
    elif op == "BatchNormalization" and way.axes == (1,) and all(map(view.is_constant, node.input[1:3])):
        edits = (ConstantEdit(label, 1, -1), ConstantEdit(label, 2, -1))
    elif op == "Mul":
        position = _constant_of(node, view)
        edits = None if position is None else (ConstantEdit(label, position, at),)
    if edits is None or any(each.position >= len(node.input) for each in edits):
        return None
    return FactorPlace(label, (*edits, *way.edits), way.first, way.total, way.run)


def _steps(way: _Way, node: onnx.NodeProto, view: GraphIndex, shapes: Shapes, *, linear: bool) -> list[_Way]:
    """The tensors from which the way may go on, ways that are left in the order in which they are tried."""
    op, first = node.op_type, node.input[0] if node.input else ""
    if op in ("Identity", "Dropout") or (not linear and op in _POSITIVE):
        return [replace(way, tensor=first)]
    if op in _POOLS and way.axes == (1,):
        return [] if linear and "Max" in op else [replace(way, tensor=first)]
    if op == "Transpose":
        order = next((tuple(item.ints) for item in node.attribute if item.name == "perm"), None)
        order = order or tuple(reversed(range(way.rank)))
        return [replace(way, tensor=first, axes=tuple(order[axis] for axis in way.axes))]
    if op in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
        axes = _reshaped(way.axes, shapes.get(node.output[0], ()), shapes.get(first, ()))
        return [] if axes is None else [replace(way, tensor=first, axes=axes, rank=len(shapes[first]))]
    if op in ("Slice", "Gather"):
        return _taken(way, node, view, shapes)
    if op == "Split":
        return _split(way, node, shapes)
    if op == "MatMul":
        return _attended(way, node, shapes)
    if op == "Add":
        return _added(way, node, view)
    if op == "Mul" and not linear:
        sides = [name for name in node.input if _fills(name, way, shapes)]
        return [replace(way, tensor=name) for name in sides] if len(set(node.input)) == 2 else []
    return []


def _reshaped(
    axes: tuple[int, ...], out: tuple[int | None, ...], into: tuple[int | None, ...]
) -> tuple[int, ...] | None:
    """The axes that channels run along in front of a Reshape, or None where they do not stay together."""
    start, end = axes[0], axes[-1]
    if axes != tuple(range(start, end + 1)) or not out or not into:
        return None
    inside, behind = _product(out[start : end + 1]), _product(out[end + 1 :])
    if inside is None or behind is None:
        return None
    for last in range(len(into), 0, -1):
        if _product(into[last:]) != behind:
            continue
        for begin in range(last - 1, -1, -1):
            if _product(into[begin:last]) == inside:
                found = range(begin, last)
                return tuple(axis for axis in found if into[axis] != 1) or (begin,)
    return None


def _taken(way: _Way, node: onnx.NodeProto, view: GraphIndex, shapes: Shapes) -> list[_Way]:
    """Through a choice along another axis than that of the channels, such as the first token of all."""
    first = node.input[0]
    into, out = shapes.get(first, ()), shapes.get(way.tensor, ())
    axes, rank = way.axes, len(into)
    if node.op_type == "Gather":
        if view.is_constant(first) or len(shapes.get(node.input[1], (0,))):
            return []
        axis = int(number(node, "axis", 0)) % max(rank, 1)
        axes = tuple(each + (each >= axis) for each in axes)
        kept = axis not in axes
    else:
        kept = rank == way.rank and all(into[axis] is not None and into[axis] == out[axis] for axis in axes)
    return [replace(way, tensor=first, axes=axes, rank=rank)] if kept else []


def _product(dims: tuple[int | None, ...]) -> int | None:
    return None if any(each is None for each in dims) else prod(each for each in dims if each is not None)


def _split(way: _Way, node: onnx.NodeProto, shapes: Shapes) -> list[_Way]:
    """Through a Split along the channels: those that are wanted begin later, among more."""
    axis = int(number(node, "axis", 0)) % max(way.rank, 1)
    widths = [shapes.get(name, ()) for name in node.output]
    if way.axes != (axis,) or way.first or any(len(each) != way.rank or each[axis] is None for each in widths):
        return []
    lengths = [int(each[axis] or 0) for each in widths]
    place = list(node.output).index(way.tensor)
    return [replace(way, tensor=node.input[0], first=sum(lengths[:place]), total=sum(lengths))]


def _attended(way: _Way, node: onnx.NodeProto, shapes: Shapes) -> list[_Way]:
    """Through a product of two tensors: its last axis, and those in front of its rows, are the second one's."""
    left, right = node.input
    into, out = shapes.get(right, ()), shapes.get(way.tensor, ())
    same = len(into) == len(out) == len(shapes.get(left, ())) == way.rank
    if not same or way.axes[-1] != way.rank - 1:
        return []
    if way.rank - 2 in way.axes or any(into[axis] != out[axis] for axis in way.axes):
        return []
    alone = way.run if len(way.axes) == 1 else int(into[-1] or 0)
    return [replace(way, tensor=right, run=min(way.run, alone))]


def _added(way: _Way, node: onnx.NodeProto, view: GraphIndex) -> list[_Way]:
    position, at = _constant_of(node, view), way.single
    if position is None or at is None:
        return []
    edit = ConstantEdit(label_of(node), position, at)
    return [replace(way, tensor=node.input[1 - position], edits=(*way.edits, edit))]


def _fills(name: str, way: _Way, shapes: Shapes) -> bool:
    """Whether a factor of a product has all of its channels, and is not spread over them."""
    shape = shapes.get(name, ())
    return len(shape) == way.rank and way.single is not None and shape[way.single] == way.total


def _constant_of(node: onnx.NodeProto, view: GraphIndex) -> int | None:
    """Which of two operands is a float constant, if the other is none."""
    found = [i for i, name in enumerate(node.input) if view.is_constant(name) and view.is_float(name)]
    return found[0] if len(found) == 1 and len(node.input) == 2 else None


def _bias(node: onnx.NodeProto, view: GraphIndex) -> tuple[ConstantEdit, ...]:
    """The layer's own bias; one that is computed is an input which no constant holds, so that the place fails."""
    if len(node.input) < 3 or not node.input[2]:
        return ()
    return (ConstantEdit(label_of(node), 2 if view.is_constant(node.input[2]) else len(node.input), -1),)


def _matrix(node: onnx.NodeProto, view: GraphIndex) -> bool:
    return _own(node.input[1], view) and len(view.initializers[node.input[1]].dims) == 2


def _own(name: str, view: GraphIndex) -> bool:
    """A float constant that one node reads alone."""
    return view.is_constant(name) and view.is_float(name) and view.only_reader(name) is not None
