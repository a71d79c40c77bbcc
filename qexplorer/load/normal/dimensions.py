"""Declared lengths as everything behind loading takes them: above 0, or free; free ones with a name that can be shown.

Exporters mean "any length" by -1 and some by 0, ONNX by no length at all. A name of a free length is only there to say
which are alike, so one that nobody could read is replaced by another wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qexplorer.graph.walk import all_graphs, fed_inputs

if TYPE_CHECKING:
    import onnx

__all__ = ["free_dimensions"]

_LONGEST_NAME = 64


def free_dimensions(proto: onnx.ModelProto) -> bool:
    """Takes lengths below 0 out of every declared shape, and lengths of 0 out of what is fed and what comes out, in
    place; renames free lengths whose names are too long or not printable.

    Returns:
        Whether there were lengths that nothing can have.
    """
    fed = [dim for value in fed_inputs(proto.graph) for dim in _dims(value)]
    nothing_fed = any(dim.HasField("dim_value") and dim.dim_value == 0 for dim in fed)
    if nothing_fed:  # what was declared behind an empty input follows from it
        del proto.graph.value_info[:]
    ports = [dim for value in (*proto.graph.input, *proto.graph.output) for dim in _dims(value)]
    empty = [dim for dim in ports if nothing_fed and dim.HasField("dim_value") and dim.dim_value == 0]
    below = [dim for graph in all_graphs(proto) for dim in _all_dims(graph) if dim.dim_value < 0]
    for dim in (*empty, *below):
        dim.Clear()
    _rename(proto)
    return bool(empty or below)


def _rename(proto: onnx.ModelProto) -> None:
    """Gives names that cannot be shown others, the same one the same everywhere."""
    named = [dim for graph in all_graphs(proto) for dim in _all_dims(graph) if dim.dim_param]
    taken = {dim.dim_param for dim in named}
    fresh: dict[str | bytes, str] = {}
    for dim in named:
        name = dim.dim_param
        if not _can_be_shown(name):
            if name not in fresh:
                fresh[name] = next(free for i in range(len(taken) + 1) if (free := f"dim_{i}") not in taken)
                taken.add(fresh[name])
            dim.dim_param = fresh[name]


def _can_be_shown(name: str | bytes) -> bool:
    """Whether a name is one of few printable letters; protobuf gives bytes for what is no UTF-8."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and name.isprintable() and bool(name.strip())


def _all_dims(graph: onnx.GraphProto) -> Iterator[onnx.TensorShapeProto.Dimension]:
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield from _dims(value)


def _dims(value: onnx.ValueInfoProto) -> Iterator[onnx.TensorShapeProto.Dimension]:
    if value.type.HasField("tensor_type"):
        yield from value.type.tensor_type.shape.dim
