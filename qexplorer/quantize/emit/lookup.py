"""A look-up in a table of codes: the rows that are taken become floats, and the table never does.

``Gather(codes) * Gather(scale)``: a DequantizeLinear in front of the Gather would decode the whole table in every call.
A table that is also the weight of a MatMul, turned over, is stored once, as the MatMul wants it: columns are taken.
Packed codes of 4 bits, of which no kernel takes rows, are Cast to bytes first: runtimes do so once, when they load the
file, which keeps them packed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Granularity, Int32
from qexplorer.quantize.emit.writer import GraphWriter

if TYPE_CHECKING:
    import onnx

    from qexplorer.quantize.emit.graph import Emitter

__all__ = ["emit_look_up"]

_FLOAT, _INT32 = 1, 6  # onnx.TensorProto
_BYTES = {"int4": ("int8", 3), "uint4": ("uint8", 2)}  # of which type, and its number in onnx.TensorProto


def emit_look_up(emitter: Emitter, node: onnx.NodeProto) -> None:
    """Writes one Gather of rows of a weight."""
    writer, view, ids, output = emitter.writer, emitter.view, node.input[1], node.output[0]
    plan, codes = emitter.weight_codes(node, 0)
    key, grid = emitter.plan.constants[node.name][0], plan.grid
    if isinstance(grid.format, UniformFormat) and grid.format.either_sign:
        codes, signed = grid.with_signs(codes)
        grid = replace(grid, scale=signed, zero_point=np.zeros_like(grid.zero_point))
    rank = view.ranks.get(ids)
    turned = plan.name in view.tied.values() and rank is not None
    if turned and rank is not None:
        stored = _as_bytes(writer, key, np.ascontiguousarray(codes.T), plan.carrier, shared=True)
        columns = writer.add("Gather", [stored, ids], f"{key}/columns", attributes={"axis": 1})
        taken = writer.add("Transpose", [columns], f"{key}/taken", attributes={"perm": [*range(1, rank + 1), 0]})
    else:
        stored = _as_bytes(writer, key, codes, plan.carrier, shared=plan.name in view.tied.values())
        taken = writer.add("Gather", [stored, ids], f"{key}/taken", attributes={"axis": 0})
    if grid.granularity is Granularity.TENSOR:
        carrier, _ = _BYTES.get(plan.carrier, (plan.carrier, 0))
        writer.add("DequantizeLinear", [taken, *writer.grid(key, grid, carrier)], output, exact=True)
        return
    value = writer.add("Cast", [taken], f"{key}/numbers", attributes={"to": _FLOAT})
    if np.any(grid.zero_point):
        zeros = _of_rows(
            emitter, key, "zero_point", grid.zero_point.astype(np.float32), ids, grid.block, codes.shape[1]
        )
        value = writer.add("Sub", [value, zeros], f"{key}/centred")
    scales = _of_rows(emitter, key, "scale", grid.scale, ids, grid.block, codes.shape[1])
    writer.add("Mul", [value, scales], output, exact=True)


def _as_bytes(writer: GraphWriter, key: str, codes: Int32, carrier: str, *, shared: bool) -> str:
    """The stored codes in a type of which rows can be taken."""
    stored = writer.codes(f"{key}/codes", codes, carrier, shared=shared)
    if carrier not in _BYTES:
        return stored
    return writer.add("Cast", [stored], f"{key}/bytes", attributes={"to": _BYTES[carrier][1]})


def _of_rows(
    emitter: Emitter,
    key: str,
    what: str,
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    ids: str,
    block: int | None,
    length: int,
) -> str:
    """``values`` of the rows that are taken, in a shape that broadcasts against them."""
    writer = emitter.writer
    table = writer.constant(f"{key}/{what}", values if block else values.reshape(-1, 1))
    rows = writer.add("Gather", [table, ids], f"{key}/{what}_of_rows", attributes={"axis": 0})
    if not block:
        return rows
    index = writer.constant(
        f"blocks_of_{block}_in_{length}", (np.arange(length) // block).astype(np.int32), shared=True
    )
    return writer.add("Gather", [rows, index], f"{key}/{what}_of_values", attributes={"axis": -1})
