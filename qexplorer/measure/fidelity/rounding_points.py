"""The rounding points of a QDQ graph, and the graphs made of it to look at them.

A rounding point is the QuantizeLinear of an activation: the place where a real number becomes a code. A graph is made
to *tell* its codes (they become further outputs), or *cut* at them (they come from outside, what is made of them goes
out), so that each piece between two points can be looked at by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.graph.index import GraphIndex, label_of

if TYPE_CHECKING:
    import onnx

__all__ = ["Point", "cut", "made_name", "output_scales", "points_of", "steps_inside", "steps_of", "telling"]

_CONVERTS = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, slots=True)
class Point:
    """One rounding point.

    Attributes:
        codes: name of the tensor of codes.
        tensor: name of the tensor that is rounded.
        layer: name of the node that made it (its first output's name if it has none); the tensor's own name for a
            graph input.
        op: that node's operator type; ``input`` for a graph input.
        code_type: TensorProto type of the codes.
        joins: whether an operator with several activations reads it, such as a residual Add: backends like to fuse
            the layer in front of that, and then never round here.
    """

    codes: str
    tensor: str
    layer: str
    op: str
    code_type: int
    joins: bool


def points_of(graph: onnx.GraphProto) -> tuple[Point, ...]:
    """The rounding points of ``graph`` in execution order."""
    index = GraphIndex(graph)
    found = []
    for node in index.order:
        if node.op_type != "QuantizeLinear" or node.input[0] in index.constants:
            continue
        layer, op = _layer_of(node.input[0], index)
        codes = node.output[0]
        found.append(Point(codes, node.input[0], layer, op, _code_type(node, index), _joins(codes, index)))
    return tuple(found)


def _layer_of(tensor: str, index: GraphIndex) -> tuple[str, str]:
    """Name and operator of the layer that made ``tensor``, looking through pairs and bounds."""
    node = index.maker(tensor)
    while node is not None and (node.op_type in _CONVERTS or (node.op_type == "Clip" and _bounds(node, index))):
        tensor = node.input[0]
        node = index.maker(tensor)
    return (tensor, "input") if node is None else (label_of(node), node.op_type)


def _bounds(clip: onnx.NodeProto, index: GraphIndex) -> bool:
    """Whether a Clip only bounds codes: what it reads comes from a DequantizeLinear."""
    source = index.maker(clip.input[0])
    return source is not None and source.op_type == "DequantizeLinear"


def _joins(codes: str, index: GraphIndex) -> bool:
    """Whether what is read as ``codes`` meets another activation in the next layer."""
    values = [node.output[0] for node in index.readers(codes) if node.op_type == "DequantizeLinear"]
    layers = [node for value in values for node in index.readers(value)]
    return any(sum(_is_activation(name, index) for name in node.input) > 1 for node in layers)


def _is_activation(name: str, index: GraphIndex) -> bool:
    if not name or name in index.constants:
        return False
    maker = index.maker(name)
    return maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in index.constants


def _code_type(quantizer: onnx.NodeProto, index: GraphIndex) -> int:
    """Element type of the codes that a QuantizeLinear makes (that of its zero point; uint8 without one)."""
    import onnx

    zero = index.constants.get(quantizer.input[2]) if len(quantizer.input) > 2 else None
    return onnx.TensorProto.UINT8 if zero is None else int(zero.data_type)


def made_name(codes: str) -> str:
    """What :func:`cut` calls the codes that a piece makes, where ``codes`` are the ones that the next piece reads."""
    return f"{codes}//alone"


def telling(model: onnx.ModelProto, points: Collection[Point]) -> onnx.ModelProto:
    """The same graph with the codes of ``points`` as further outputs, behind its own."""
    from onnx import helper

    copy = _copy(model)
    own = {output.name for output in model.graph.output}
    copy.graph.output.extend(
        helper.make_tensor_value_info(p.codes, p.code_type, None) for p in points if p.codes not in own
    )
    return copy


def cut(model: onnx.ModelProto, points: Collection[Point]) -> onnx.ModelProto:
    """The same graph, cut at ``points``: what is read comes from outside, what is made goes out."""
    from onnx import helper

    copy, codes = _copy(model), {p.codes for p in points}
    for node in copy.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0] in codes:
            node.output[0] = made_name(node.output[0])
    del copy.graph.output[:]
    for point in points:
        copy.graph.input.append(helper.make_tensor_value_info(point.codes, point.code_type, None))
        copy.graph.output.append(helper.make_tensor_value_info(made_name(point.codes), point.code_type, None))
    return copy


def steps_inside(graph: onnx.GraphProto, cuts: Collection[str]) -> dict[str, int]:
    """For each rounding point, how many further ones lie between it and the nearest ``cuts`` (codes) before it.

    With every point cut it is 0 everywhere; a point that is not cut counts for all that read it.
    """
    depth: dict[str, int] = {}
    inside: dict[str, int] = {}
    index = GraphIndex(graph)
    for node in index.order:
        before = max((depth.get(name, 0) for name in node.input), default=0)
        if node.op_type == "QuantizeLinear" and node.input[0] not in index.constants:
            inside[node.output[0]] = before
            before = 0 if node.output[0] in cuts else before + 1
        depth |= dict.fromkeys(node.output, before)
    return inside


def output_scales(graph: onnx.GraphProto) -> dict[str, float]:
    """The step of each output that a DequantizeLinear with one constant scale makes, by name."""
    return steps_of(graph, [output.name for output in graph.output])


def steps_of(graph: onnx.GraphProto, tensors: Iterable[str]) -> dict[str, float]:
    """The step of each of ``tensors`` that a DequantizeLinear with one constant scale makes, by name."""
    index, found = GraphIndex(graph), {}
    for name in tensors:
        node = index.maker(name)
        scale = index.value(node.input[1]) if node is not None and node.op_type == "DequantizeLinear" else None
        if scale is not None and scale.size == 1:
            found[name] = float(scale.reshape(()))
    return found


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    return copy
