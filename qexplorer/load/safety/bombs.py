"""Small files that ask for huge things: sizes are computed by arithmetic before anything is expanded or allocated."""

from __future__ import annotations

import math

import onnx

from qexplorer.core.errors import ModelError
from qexplorer.graph.walk import all_graphs, all_tensors, subgraphs
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
_Size = tuple[int, int]


def check_expansion(proto: onnx.ModelProto, where: str) -> None:
    """Refuses model-local functions that call themselves, or that come to too much once inlined.

    Every body is visited once; sizes multiply as Python integers, so 2**25 calls cost 25 steps.
    """
    bodies = {(f.domain, f.name, getattr(f, "overload", "")): f for f in proto.functions}
    done: dict[_Key, _Size] = {}
    active: set[_Key] = set()

    def of_function(key: _Key) -> _Size:
        if key in active or len(active) > 200:
            what = f"the function '{key[1]}' inside the model calls itself"
            raise ModelError(what, where=where, do="export the model without local functions")
        if key not in done:
            active.add(key)
            done[key] = _total([of_node(node) for node in bodies[key].node])
            active.discard(key)
        return done[key]

    def of_node(node: onnx.NodeProto) -> _Size:
        key = (node.domain, node.op_type, getattr(node, "overload", ""))
        own = of_function(key) if key in bodies else (1, node.ByteSize())
        return _total([own, *(of_node(inner) for graph in subgraphs(node) for inner in graph.node)])

    nodes, size = _total([of_node(node) for node in proto.graph.node])
    if nodes > MAX_EXPANDED_NODES or size > MAX_FILE_BYTES:
        what = f"it comes to {_count(nodes)} operators once its functions are expanded"
        raise ModelError(what, where=where, allowed=f"at most {MAX_EXPANDED_NODES:,} operators and 2 GB")


def _total(sizes: list[_Size]) -> _Size:
    return sum(s[0] for s in sizes), sum(s[1] for s in sizes)


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**12 else f"about 10^{len(str(number)) - 1}"


def check_declared_sizes(proto: onnx.ModelProto, where: str) -> None:
    """Refuses constants whose data is not what their shape says, and sparse ones."""
    for graph in all_graphs(proto):
        if graph.sparse_initializer:
            name = graph.sparse_initializer[0].values.name
            raise ModelError(f"the weight '{name}' is sparse", where=where, do="save it as a dense tensor")
    for name, tensor in all_tensors(proto):
        if tensor.data_type == _T.STRING:
            continue
        if tensor.data_type not in ITEM_BITS:
            raise ModelError(f"the tensor '{name}' has an element type that does not exist", where=where)
        if len(tensor.dims) > MAX_AXES:
            raise ModelError(
                f"the tensor '{name}' has {len(tensor.dims)} axes", where=where, allowed=f"up to {MAX_AXES}"
            )
        if any(not 0 <= d < MAX_LENGTH for d in tensor.dims):
            raise ModelError(f"the tensor '{name}' has the impossible shape {list(tensor.dims)}", where=where)
        if len(tensor.raw_data) % max(ITEM_BITS[tensor.data_type] // 8, 1):
            what = f"the tensor '{name}' holds {len(tensor.raw_data)} bytes, which is no whole number of its values"
            raise ModelError(what, where=where, do="the file is damaged: get it again")
        wanted = math.prod(tensor.dims)
        present = _values_present(tensor)
        if wanted != present:
            what = f"the tensor '{name}' declares {_count(wanted)} values (shape {list(tensor.dims)})"
            raise ModelError(f"{what} and holds {present:,}", where=where, do="the file is damaged: get it again")


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
