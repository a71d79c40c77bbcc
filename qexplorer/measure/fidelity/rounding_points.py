"""The rounding points of a QDQ graph, and the graphs made of it to look at them.

A rounding point is the QuantizeLinear (or DynamicQuantizeLinear) of an activation: the place where a real number
becomes a code. Where float operators round to levels that are not evenly spaced (``quantize/emit/rounded.py``), the
tensor of levels at scale 1 stands for the codes. A graph is made to *tell* its codes (they become further outputs), or
*cut* at them (they come from outside, what is made of them goes out), so that each piece between two points can be
looked at by itself. The last pieces end in the outputs of the graph: where these are floats, that is arithmetic too,
looked at like any other piece.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.formats.levels import LevelTable
from qexplorer.graph.index import GraphIndex, label_of
from qexplorer.quantize.emit.rounded_found import levels_made

if TYPE_CHECKING:
    import onnx

__all__ = [
    "End",
    "Point",
    "cut",
    "ends_of",
    "made_name",
    "output_scales",
    "points_of",
    "shake_name",
    "shaken",
    "steps_inside",
    "steps_of",
    "telling",
]

_CONVERTS = ("QuantizeLinear", "DequantizeLinear")
_ROUNDS = ("QuantizeLinear", "DynamicQuantizeLinear")


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
        grid: names of scale and zero point where they are found as the graph runs; empty where they are constants.
        levels: the levels of which ``codes`` holds values; None where it holds codes.
        scale: what ``tensor`` is divided by before it is rounded to ``levels``.
    """

    codes: str
    tensor: str
    layer: str
    op: str
    code_type: int
    joins: bool
    grid: tuple[str, ...] = ()
    levels: LevelTable | None = None
    scale: float = 1.0

    @property
    def tensors(self) -> tuple[str, ...]:
        """All that is made here: the codes, and the grid if it is found as the graph runs."""
        return (self.codes, *self.grid)

    @property
    def code_dtype(self) -> str:
        """Name of the type of the codes, such as ``uint8``."""
        from onnx import helper

        return str(helper.tensor_dtype_to_np_dtype(self.code_type).name)

    def types(self) -> tuple[int, ...]:
        """Element types of ``tensors``."""
        import onnx

        return (self.code_type, *((onnx.TensorProto.FLOAT, self.code_type) if self.grid else ()))


@dataclass(frozen=True, slots=True)
class End:
    """An output of the graph that is not a tensor of codes itself.

    Attributes:
        name: the output.
        layer: name of the node that made it.
        op: its operator type.
    """

    name: str
    layer: str
    op: str


def points_of(graph: onnx.GraphProto) -> tuple[Point, ...]:
    """The rounding points of ``graph`` in execution order."""
    index = GraphIndex(graph)
    return tuple(_point(node, index) for node in index.order if _rounds(node, index))


def _rounds(node: onnx.NodeProto, index: GraphIndex) -> bool:
    if node.op_type in _ROUNDS:
        return not node.domain and node.input[0] not in index.constants
    return levels_made(node, index) is not None


def _point(node: onnx.NodeProto, index: GraphIndex) -> Point:
    import onnx

    made = levels_made(node, index)
    if made is not None:
        layer, op = _layer_of(made.source, index)
        level, kind, joins = node.output[0], onnx.TensorProto.FLOAT, _joins(node.output[0], index)
        return Point(level, made.source, layer, op, kind, joins, levels=made.table, scale=made.scale)
    layer, op = _layer_of(node.input[0], index)
    codes, grid = node.output[0], tuple(node.output[1:])
    return Point(codes, node.input[0], layer, op, _code_type(node, index), _joins(codes, index), grid)


def ends_of(graph: onnx.GraphProto) -> tuple[End, ...]:
    """The outputs of ``graph`` that something is computed for behind the rounding points."""
    index = GraphIndex(graph)
    made = {name for node in index.order if _rounds(node, index) for name in node.output}
    names = [output.name for output in graph.output if output.name not in made and index.maker(output.name) is not None]
    return tuple(End(name, *_layer_of(name, index)) for name in names)


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
    values = [node.output[0] for node in index.readers(codes) if node.op_type in ("DequantizeLinear", "Mul")]
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

    from qexplorer.graph.attributes import number

    given = int(number(quantizer, "output_dtype", 0)) if quantizer.op_type == "QuantizeLinear" else 0
    zero = index.constants.get(quantizer.input[2]) if len(quantizer.input) > 2 else None
    if zero is None and given:
        return given
    return onnx.TensorProto.UINT8 if zero is None else int(zero.data_type)


def made_name(codes: str) -> str:
    """What :func:`cut` calls the codes that a piece makes, where ``codes`` are the ones that the next piece reads."""
    return f"{codes}//alone"


def telling(model: onnx.ModelProto, points: Collection[Point]) -> onnx.ModelProto:
    """The same graph with what ``points`` make as further outputs, behind its own."""
    from onnx import helper

    copy = _copy(model)
    own = {output.name for output in model.graph.output}
    for point in points:
        for name, kind in zip(point.tensors, point.types(), strict=True):
            if name not in own:
                copy.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    return copy


def cut(
    model: onnx.ModelProto, points: Collection[Point], ends: Collection[End] = (), unrounded: Iterable[str] = ()
) -> onnx.ModelProto:
    """The same graph, cut at ``points``: what is read comes from outside, what is made goes out.

    Args:
        model: a QDQ graph; it is not changed.
        points: where to cut.
        ends: outputs of the graph that are to stay outputs.
        unrounded: float tensors in front of a rounding that are told too.
    """
    import onnx
    from onnx import helper

    copy, made = _copy(model), {name for p in points for name in p.tensors}
    for node in copy.graph.node:
        if node.output and node.output[0] in made:
            node.output[:] = [made_name(name) if name else "" for name in node.output]
    kept = {output.name: output for output in model.graph.output}
    del copy.graph.output[:]
    for point in points:
        for name, kind in zip(point.tensors, point.types(), strict=True):
            copy.graph.input.append(helper.make_tensor_value_info(name, kind, None))
            copy.graph.output.append(helper.make_tensor_value_info(made_name(name), kind, None))
    copy.graph.output.extend(kept[end.name] for end in ends)
    told = [name for name in dict.fromkeys(unrounded) if name not in {end.name for end in ends}]
    copy.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in told)
    return copy


def shake_name(codes: str) -> str:
    """The input of :func:`shaken` that moves ``codes``."""
    return f"{codes}//shake"


def shaken(model: onnx.ModelProto, points: Collection[Point], limits: Mapping[str, tuple[int, int]]) -> onnx.ModelProto:
    """The same graph, in which an int32 input for each of ``points`` is added to its codes, within their type.

    Args:
        model: a QDQ graph; it is not changed.
        points: what is moved; of types that ``limits`` has.
        limits: least and largest code by the name of the type.
    """
    import onnx
    from onnx import helper, numpy_helper

    copy, moved = _copy(model), {point.codes: point for point in points}
    nodes = list(copy.graph.node)
    del copy.graph.node[:]
    for node in nodes:
        copy.graph.node.append(node)
        point = moved.get(node.output[0]) if node.op_type in _ROUNDS and node.output else None
        if point is None:
            continue
        codes, shake = point.codes, shake_name(point.codes)
        wide, sums, low, high, kept = (f"{shake}/{what}" for what in ("wide", "sums", "low", "high", "kept"))
        copy.graph.node[-1].output[0] = made_name(codes)
        ends = limits[point.code_dtype]
        for name, value in zip((low, high), ends, strict=True):
            copy.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int32), name))
        copy.graph.input.append(helper.make_tensor_value_info(shake, onnx.TensorProto.INT32, None))
        copy.graph.node.extend(
            [
                helper.make_node("Cast", [made_name(codes)], [wide], to=onnx.TensorProto.INT32),
                helper.make_node("Add", [wide, shake], [sums]),
                helper.make_node("Clip", [sums, low, high], [kept]),
                helper.make_node("Cast", [kept], [codes], to=point.code_type),
            ]
        )
    return copy


def steps_inside(graph: onnx.GraphProto, cuts: Collection[str]) -> dict[str, int]:
    """For each rounding point and output, how many further points lie between it and the nearest ``cuts`` before it.

    With every point cut it is 0 everywhere; a point that is not cut counts for all that read it.
    """
    depth: dict[str, int] = {}
    inside: dict[str, int] = {}
    index = GraphIndex(graph)
    for node in index.order:
        before = max((depth.get(name, 0) for name in node.input), default=0)
        if _rounds(node, index):
            inside[node.output[0]] = before
            before = 0 if node.output[0] in cuts else before + 1
        depth |= dict.fromkeys(node.output, before)
    return {output.name: depth.get(output.name, 0) for output in graph.output} | inside


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
