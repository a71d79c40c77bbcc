"""Small files that ask for huge things: sizes are computed by arithmetic before anything is expanded or allocated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import onnx

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import all_graphs, all_tensors
from qexplorer.load.safety.limits import MAX_AXES, MAX_EXPANDED_NODES, MAX_FILE_BYTES, MAX_LENGTH, MAX_TENSOR_BYTES

__all__ = ["ITEM_BITS", "check_declared_sizes", "check_expansion", "check_inferred_sizes"]

_T = onnx.TensorProto
ITEM_BITS: dict[int, int] = {
    **dict.fromkeys((_T.FLOAT, _T.INT32, _T.UINT32), 32),
    **dict.fromkeys((_T.INT64, _T.UINT64, _T.DOUBLE, _T.COMPLEX64), 64),
    **dict.fromkeys((_T.FLOAT16, _T.BFLOAT16, _T.INT16, _T.UINT16), 16),
    **dict.fromkeys((_T.INT8, _T.UINT8, _T.BOOL), 8),
    **dict.fromkeys((_T.FLOAT8E4M3FN, _T.FLOAT8E4M3FNUZ, _T.FLOAT8E5M2, _T.FLOAT8E5M2FNUZ), 8),
    **dict.fromkeys((_T.INT4, _T.UINT4), 4),
    _T.COMPLEX128: 128,
}
for _name, _bits in (
    ("FLOAT4E2M1", 4),
    ("FLOAT8E8M0", 8),
    ("INT2", 2),
    ("UINT2", 2),
):  # newer than the oldest onnx taken
    if hasattr(_T, _name):
        ITEM_BITS[getattr(_T, _name)] = _bits

_Key = tuple[str, str, str]
_MAX_DEPTH = 200  # functions that call one another


@dataclass(frozen=True, slots=True)
class _Size:
    """What something comes to once it is expanded, where attributes that it takes from its caller are left open.

    Attributes:
        nodes: operators.
        size: bytes.
        taken: how often each attribute of the function it stands in is put in its place.
    """

    nodes: int = 0
    size: int = 0
    taken: Mapping[str, int] = field(default_factory=dict)


def check_expansion(proto: onnx.ModelProto, where: str) -> None:
    """Refuses model-local functions that call themselves, or that come to too much once inlined.

    Every body is visited once, as a sum in which the attributes of its caller are unknowns; sizes multiply as Python
    integers, so 2**25 calls, or graphs put 2**25 times in the place of an attribute, cost 25 steps.
    """
    try:
        found = _Expansion(proto, where).of_graph(proto.graph)
    except RecursionError:
        raise ModelError("graphs and functions in it are nested too deep", where=where, do="export it again") from None
    if found.nodes > MAX_EXPANDED_NODES or found.size > MAX_FILE_BYTES:
        many = found.nodes > MAX_EXPANDED_NODES
        what = f"it comes to {_count(found.nodes)} operators" if many else f"it comes to {_count(found.size)} bytes"
        what += " once its functions are expanded" if proto.functions else ""
        raise ModelError(what, where=where, allowed=f"at most {MAX_EXPANDED_NODES:,} operators and 2 GB")


class _Expansion:
    """Sizes of what a model's functions come to, each found once."""

    def __init__(self, proto: onnx.ModelProto, where: str) -> None:
        self._bodies = {(f.domain, f.name, getattr(f, "overload", "")): f for f in proto.functions}
        self._where = where
        self._done: dict[_Key, _Size] = {}
        self._defaults: dict[tuple[_Key, str], _Size] = {}
        self._active: set[_Key] = set()

    def of_graph(self, graph: onnx.GraphProto) -> _Size:
        return _total([self._of_node(node) for node in graph.node])

    def _of_node(self, node: onnx.NodeProto) -> _Size:
        key = (node.domain, node.op_type, getattr(node, "overload", ""))
        if key in self._bodies:
            return self._of_call(key, node)
        graphs = [graph for a in node.attribute for graph in ((a.g,) if a.HasField("g") else a.graphs)]
        bare = node.ByteSize() - sum(graph.ByteSize() for graph in graphs)
        taken = Counter(a.ref_attr_name for a in node.attribute if a.ref_attr_name)
        return _total([_Size(1, bare, taken), *(self.of_graph(graph) for graph in graphs)])

    def _of_call(self, key: _Key, node: onnx.NodeProto) -> _Size:
        """The function's body, with what the call gives put in the place of its attributes."""
        body = self._of_function(key)
        given = {a.name: a for a in node.attribute}
        parts = [_Size(body.nodes, body.size)]
        for name, times in body.taken.items():
            size = self._of_attribute(given[name]) if name in given else self._of_default(key, name)
            parts.append(_times(size, times))
        return _total(parts)

    def _of_default(self, key: _Key, name: str) -> _Size:
        """What a function puts in the place of an attribute that a call does not give."""
        if (key, name) not in self._defaults:
            default = next((a for a in self._bodies[key].attribute_proto if a.name == name), None)
            self._defaults[key, name] = _Size() if default is None else self._of_attribute(default)
        return self._defaults[key, name]

    def _of_attribute(self, attribute: onnx.AttributeProto) -> _Size:
        if attribute.ref_attr_name:
            return _Size(taken={attribute.ref_attr_name: 1})
        graphs = (attribute.g,) if attribute.HasField("g") else tuple(attribute.graphs)
        bare = attribute.ByteSize() - sum(graph.ByteSize() for graph in graphs)
        return _total([_Size(0, bare), *(self.of_graph(graph) for graph in graphs)])

    def _of_function(self, key: _Key) -> _Size:
        if key in self._active:
            what = f"the function '{key[1]}' inside the model calls itself"
            raise ModelError(what, where=self._where, do="export the model without local functions")
        if len(self._active) >= _MAX_DEPTH:
            what = "its functions call one another too deep"
            raise ModelError(what, where=self._where, allowed=f"{_MAX_DEPTH} levels", do="export it without functions")
        if key not in self._done:
            self._active.add(key)
            self._done[key] = _total([self._of_node(node) for node in self._bodies[key].node])
            self._active.discard(key)
        return self._done[key]


def _times(size: _Size, times: int) -> _Size:
    return _Size(size.nodes * times, size.size * times, {name: n * times for name, n in size.taken.items()})


def _total(sizes: Sequence[_Size]) -> _Size:
    taken: Counter[str] = Counter()
    for each in sizes:
        taken.update(each.taken)
    return _Size(sum(each.nodes for each in sizes), sum(each.size for each in sizes), taken)


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**12 else f"about 10^{len(str(number)) - 1}"


def check_declared_sizes(proto: onnx.ModelProto, where: str) -> None:
    """Refuses shapes that no array has, constants whose data is not what their shape says, and sparse ones."""
    for graph in all_graphs(proto):
        if graph.sparse_initializer:
            name = graph.sparse_initializer[0].values.name
            raise ModelError(f"the weight '{name}' is sparse", where=where, do="save it as a dense tensor")
        for value in (*graph.input, *graph.output, *graph.value_info):
            _check_axes(value.name, [dim.dim_value for dim in value.type.tensor_type.shape.dim], where)
    for name, tensor in all_tensors(proto):
        _check_axes(name, tensor.dims, where)
        if tensor.HasField("segment"):
            raise ModelError(f"the tensor '{name}' is kept in segments", where=where, do="save it in one piece")
        if tensor.data_type != _T.STRING:
            _check_data(name, tensor, where)


def _check_data(name: str, tensor: onnx.TensorProto, where: str) -> None:
    if tensor.data_type not in ITEM_BITS:
        raise ModelError(f"the tensor '{name}' has an element type that does not exist", where=where)
    if any(d < 0 for d in tensor.dims):
        raise ModelError(f"the tensor '{name}' has the impossible shape {list(tensor.dims)}", where=where)
    if len(tensor.raw_data) % max(ITEM_BITS[tensor.data_type] // 8, 1):
        what = f"the tensor '{name}' holds {len(tensor.raw_data)} bytes, which is no whole number of its values"
        raise ModelError(what, where=where, do="the file is damaged: get it again")
    wanted = math.prod(tensor.dims)
    present = _values_present(tensor)
    if wanted != present:
        what = f"the tensor '{name}' declares {_count(wanted)} values (shape {list(tensor.dims)})"
        raise ModelError(f"{what} and holds {present:,}", where=where, do="the file is damaged: get it again")


def _check_axes(name: str, dims: Sequence[int], where: str) -> None:
    """Refuses shapes with more or longer axes than an array can have. A declared length below 0 is a free one."""
    if len(dims) > MAX_AXES:
        raise ModelError(f"the tensor '{name}' has {len(dims):,} axes", where=where, allowed=f"up to {MAX_AXES}")
    if any(d >= MAX_LENGTH for d in dims):
        raise ModelError(f"the tensor '{name}' has the impossible shape {list(dims)}", where=where)


def _values_present(tensor: onnx.TensorProto) -> int:
    """How many values the data of a tensor makes; for packed types, at most as many as the shape asks for."""
    wanted, bits = math.prod(tensor.dims), ITEM_BITS[tensor.data_type]
    if tensor.HasField("raw_data"):
        if bits < 8:
            return wanted if len(tensor.raw_data) == -(-wanted * bits // 8) else len(tensor.raw_data) * 8 // bits
        return len(tensor.raw_data) // (bits // 8)
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
    stored = max(len(field) for field in fields)
    if tensor.data_type in (_T.COMPLEX64, _T.COMPLEX128):
        return stored // 2
    if bits < 8:  # int32_data holds one byte of packed values each
        return wanted if stored == -(-wanted * bits // 8) else stored * 8 // bits
    return stored


def check_inferred_sizes(inferred: onnx.ModelProto, where: str) -> None:
    """Refuses a graph in which shape inference found one tensor that is larger than any machine here could hold.

    Args:
        inferred: the model after shape inference with data propagation; free dimensions count as 1.
        where: what to call the model in messages.
    """
    for graph in all_graphs(inferred):
        for value in (*graph.input, *graph.value_info, *graph.output):
            kind = value.type.tensor_type
            if not kind.HasField("shape"):
                continue
            dims = [d.dim_value if d.HasField("dim_value") else 1 for d in kind.shape.dim]
            size = math.prod(max(d, 0) for d in dims) * ITEM_BITS.get(kind.elem_type, 8) // 8
            if size > MAX_TENSOR_BYTES:
                what = f"the tensor '{value.name}' would need {_count(size // 2**30)} GB (shape {dims})"
                raise ModelError(what, where=where, allowed=f"at most {MAX_TENSOR_BYTES // 2**30} GB each")
