"""Shape arithmetic of which only the batch is unknown.

Exporters write ``x.view(n, length, heads, -1)`` as Shape, Gather, Unsqueeze and Concat, a dozen nodes for one Reshape.
Folding constants leaves them where the batch is free, although all but the batch is known. Here every small integer
tensor is followed element by element: a number, the name of a free dimension, or unknown. What turns out to be all
numbers becomes a constant; a Reshape with one free dimension left gets the constant -1 for it, or 0 where it is the
dimension that already stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

from qexplorer.load.shapes import add_shapes

__all__ = ["with_known_shapes"]

Element = int | str | None
_PASSES = 4  # a Reshape that becomes known lets inference find shapes behind it
_MOST = 64  # elements: a shape has few
_INTEGERS = (ir.DataType.INT64, ir.DataType.INT32)


@dataclass(frozen=True, slots=True)
class _Value:
    """What is known of a small integer or truth value tensor: its elements, and whether it is a scalar."""

    elements: tuple[Element, ...]
    scalar: bool = False

    def numbers(self) -> tuple[int, ...] | None:
        """All elements if all are numbers."""
        found = tuple(e for e in self.elements if isinstance(e, int))
        return found if len(found) == len(self.elements) else None


Known = dict[ir.Value, _Value]


def with_known_shapes(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which shape arithmetic is as constant as it can be; the same message if there is none."""
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    for _ in range(_PASSES):
        if not any(node.op_type == "Shape" and not node.domain for node in proto.graph.node):
            return proto
        fresh = onnx.ModelProto()
        fresh.CopyFrom(proto)
        add_shapes(fresh)
        model = ir.from_proto(fresh)
        if not _simplified(model.graph):
            return proto
        RemoveUnusedNodesPass()(model)
        proto = ir.to_proto(model)
    return proto


def _simplified(graph: ir.Graph) -> int:
    """Puts constants where they are known; how many."""
    known: Known = {}
    made = 0
    outputs = set(graph.outputs)
    for node in list(graph):
        if node.domain or not node.outputs:
            continue
        if node.op_type == "Reshape":
            made += _fixed_reshape(graph, node, known)
        rule = _RULES.get(node.op_type)
        found = rule(node, known) if rule is not None else None
        if found is None or len(found.elements) > _MOST:
            continue
        output = node.outputs[0]
        known[output] = found
        numbers = found.numbers()
        if numbers is not None and output not in outputs and output.dtype in _INTEGERS and output.uses():
            values = np.asarray(numbers[0] if found.scalar else numbers, output.dtype.numpy())
            output.replace_all_uses_with(_constant(graph, f"{output.name}/known", values))
            made += 1
    return made


def _constant(graph: ir.Graph, name: str, values: np.ndarray) -> ir.Value:
    while name in graph.initializers:
        name += "_"
    value = ir.Value(
        name=name,
        shape=ir.Shape(values.shape),
        type=ir.TensorType(ir.DataType.from_numpy(values.dtype)),
        const_value=ir.Tensor(values, name=name),
    )
    graph.register_initializer(value)
    return value


def _fixed_reshape(graph: ir.Graph, node: ir.Node, known: Known) -> int:
    """Gives a Reshape a constant shape if one dimension of it is free, or if the others stand in their places."""
    data, shape = node.inputs[0], node.inputs[1]
    found = known.get(shape) if shape is not None else None
    keeps_zero = "allowzero" in node.attributes and node.attributes["allowzero"].as_int()
    if data is None or found is None or found.numbers() is not None or keeps_zero or 0 in found.elements:
        return 0
    before = () if data.shape is None else tuple(_element(d) for d in data.shape)
    target = []
    for place, element in enumerate(found.elements):
        same = isinstance(element, str) and place < len(before) and before[place] == element
        target.append(element if isinstance(element, int) else 0 if same else -1)
    if target.count(-1) > 1:
        return 0
    node.replace_input_with(1, _constant(graph, f"{node.outputs[0].name}/shape", np.asarray(target, np.int64)))
    return 1


def _element(dim: int | ir.SymbolicDim) -> Element:
    return dim if isinstance(dim, int) else dim.value


# One rule for each operator: what is known of its output


def _input(node: ir.Node, place: int, known: Mapping[ir.Value, _Value]) -> _Value | None:
    """What is known of an input, constants included."""
    value = node.inputs[place] if place < len(node.inputs) else None
    if value is None:
        return None
    if value in known:
        return known[value]
    constant = value.const_value
    if constant is None or constant.size > _MOST or len(constant.shape) > 1:
        return None
    array = constant.numpy()
    if array.dtype.kind not in "ib":
        return None
    return _Value(tuple(int(e) for e in array.reshape(-1)), array.ndim == 0)


def _numbers(node: ir.Node, place: int, known: Known) -> tuple[int, ...] | None:
    found = _input(node, place, known)
    return None if found is None else found.numbers()


def _single(node: ir.Node, place: int, known: Known) -> int | None:
    found = _numbers(node, place, known)
    return found[0] if found is not None and len(found) == 1 else None


def _whole(node: ir.Node, name: str, default: int) -> int:
    return node.attributes[name].as_int() if name in node.attributes else default


def _shape(node: ir.Node, known: Known) -> _Value | None:  # noqa: ARG001
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    if shape is None:
        return None
    found = tuple(_element(dim) for dim in shape)
    return _Value(found[_whole(node, "start", 0) : _whole(node, "end", len(found))])


def _gather(node: ir.Node, known: Known) -> _Value | None:
    data, places = _input(node, 0, known), _input(node, 1, known)
    which = places.numbers() if places is not None else None
    if data is None or places is None or which is None or data.scalar:
        return None
    n = len(data.elements)
    if _whole(node, "axis", 0) or not all(-n <= i < n for i in which):
        return None
    return _Value(tuple(data.elements[i] for i in which), places.scalar)


def _slice(node: ir.Node, known: Known) -> _Value | None:
    data, start, end = _input(node, 0, known), _single(node, 1, known), _single(node, 2, known)
    step = _single(node, 4, known) if len(node.inputs) > 4 and node.inputs[4] is not None else 1
    if data is None or data.scalar or start is None or end is None or step is None or step < 1:
        return None
    return _Value(data.elements[start:end:step])


def _unsqueeze(node: ir.Node, known: Known) -> _Value | None:
    data = _input(node, 0, known)
    fits = data is not None and data.scalar and _single(node, 1, known) in (0, -1)
    return _Value(data.elements) if data is not None and fits else None


def _squeeze(node: ir.Node, known: Known) -> _Value | None:
    data = _input(node, 0, known)
    return _Value(data.elements, scalar=True) if data is not None and len(data.elements) == 1 else None


def _reshape(node: ir.Node, known: Known) -> _Value | None:
    """A scalar or a vector as a vector."""
    data, shape = _input(node, 0, known), _numbers(node, 1, known)
    return _Value(data.elements) if data is not None and shape in ((-1,), (len(data.elements),)) else None


def _concat(node: ir.Node, known: Known) -> _Value | None:
    parts = [_input(node, place, known) for place in range(len(node.inputs))]
    if any(part is None or part.scalar for part in parts):
        return None
    return _Value(tuple(e for part in parts if part is not None for e in part.elements))


def _same(node: ir.Node, known: Known) -> _Value | None:
    return _input(node, 0, known)


def _cast(node: ir.Node, known: Known) -> _Value | None:
    return _input(node, 0, known) if _whole(node, "to", 0) in _INTEGERS else None


def _filled(node: ir.Node, known: Known) -> _Value | None:
    sizes = _numbers(node, 0, known)
    value = node.attributes["value"].as_tensor().numpy() if "value" in node.attributes else None
    if sizes is None or len(sizes) != 1 or not 0 <= sizes[0] <= _MOST or value is None or value.dtype.kind != "i":
        return None
    return _Value((int(value.reshape(-1)[0]),) * sizes[0])


def _elementwise(combine: Callable[..., Element]) -> Callable[[ir.Node, Known], _Value | None]:
    """A rule for an operator that takes its inputs element by element."""

    def rule(node: ir.Node, known: Known) -> _Value | None:
        parts = [_input(node, place, known) for place in range(len(node.inputs))]
        given = [part for part in parts if part is not None]
        if len(given) != len(parts):
            return None
        size = max(len(part.elements) for part in given)
        if any(len(part.elements) not in (1, size) for part in given):
            return None
        rows = [part.elements * (size if len(part.elements) == 1 else 1) for part in given]
        return _Value(tuple(combine(*each) for each in zip(*rows, strict=True)), all(part.scalar for part in given))

    return rule


def _arithmetic(compute: Callable[[int, int], int | None], neutral: int) -> Callable[[Element, Element], Element]:
    """Of numbers; a free dimension stays itself beside the ``neutral`` element on its right."""

    def combine(a: Element, b: Element) -> Element:
        if isinstance(a, int) and isinstance(b, int):
            return compute(a, b)
        return a if b == neutral else None

    return combine


def _product(a: Element, b: Element) -> Element:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    return a if b == 1 else b if a == 1 else None


def _equal(a: Element, b: Element) -> Element:
    """A free dimension is no negative number."""
    if isinstance(a, int) and isinstance(b, int):
        return int(a == b)
    numbers = [e for e in (a, b) if isinstance(e, int)]
    if isinstance(a, str) and a == b:
        return 1
    return 0 if numbers and numbers[0] < 0 and isinstance(a if b is numbers[0] else b, str) else None


def _where(condition: Element, a: Element, b: Element) -> Element:
    return None if not isinstance(condition, int) else a if condition else b


_RULES: Mapping[str, Callable[[ir.Node, Known], _Value | None]] = {
    "Shape": _shape,
    "Gather": _gather,
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Concat": _concat,
    "Identity": _same,
    "Cast": _cast,
    "ConstantOfShape": _filled,
    "Add": _elementwise(_arithmetic(lambda a, b: a + b, 0)),
    "Sub": _elementwise(_arithmetic(lambda a, b: a - b, 0)),
    "Mul": _elementwise(_product),
    "Div": _elementwise(_arithmetic(lambda a, b: a // b if a >= 0 and b > 0 else None, 1)),
    "Equal": _elementwise(_equal),
    "Where": _elementwise(_where),
}
