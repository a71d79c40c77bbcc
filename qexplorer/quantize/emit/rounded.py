"""How an activation is rounded to levels that are not evenly spaced, in a graph of float operators.

No runtime has a kernel for it, so that the layers around compute in float and accuracy is what is real (simulated).

1. Floats of 8 bits: ``Cast(Cast(Clip(x / scale)))`` to the type and back, times the scale. Cast rounds half to even and
   saturates (opset 19); OpenVINO 2026.4 makes NaN beyond the largest value instead, hence the Clip. Not
   QuantizeLinear and DequantizeLinear, of which ONNX Runtime makes kernels that it then lacks.
2. Tables: a search in the tree of the borders. Each round compares ``x / scale`` with a border, which Gather takes from
   the tree by the number of the node, and goes to the left or right child; the leaves hold the levels. As many rounds
   as codes have bits, and what comes out is exactly that of ``core.formats``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Storage
from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.grid import Grid
from qexplorer.quantize.emit.writer import GraphWriter

__all__ = ["write_rounded"]

_FLOAT, _INT32 = 1, 6  # onnx.TensorProto


def write_rounded(writer: GraphWriter, source: str, tensor: str, grid: Grid, value: str) -> str:
    """Writes the nodes that round ``source`` to a per-tensor grid; the rounded value is called ``value``.

    Raises:
        ValueError: the format is of integers, which QuantizeLinear makes, or has no grid.
    """
    scale = writer.constant(f"{tensor}/scale", grid.scale)
    quotient = writer.add("Div", [source, scale], f"{tensor}/quotient")
    match grid.format.storage:
        case Storage.FLOAT8:
            import onnx

            one, zero = np.ones((), np.float32), np.zeros((), np.int32)
            ends = [grid.format.decode(np.asarray(code, np.int32), one, zero) for code in (grid.qmin, grid.qmax)]
            names = [
                writer.constant(f"{grid.format.name}/{end}", value)
                for end, value in zip(("low", "high"), ends, strict=True)
            ]
            inside = writer.add("Clip", [quotient, *names], f"{tensor}/inside")
            kind = onnx.TensorProto.DataType.Value(grid.format.carrier.upper())
            codes = writer.add("Cast", [inside], f"{tensor}/codes", attributes={"to": kind})
            level = writer.add("Cast", [codes], f"{tensor}/level", attributes={"to": _FLOAT})
        case Storage.TABLE if grid.format.table is not None:
            level = _searched(writer, quotient, tensor, grid.format.name, grid.format.table)
        case _:
            raise ValueError(f"activations are not rounded to {grid.format.name} by float operators")
    return writer.add("Mul", [level, scale], value, exact=True)


def _searched(writer: GraphWriter, quotient: str, tensor: str, name: str, table: LevelTable) -> str:
    """The level nearest to ``quotient``."""
    depth = (len(table.levels) - 1).bit_length()
    tree = writer.constant(f"{name}/tree", _tree(table, depth), shared=True)
    one, two = (writer.constant(f"tree/{n}", np.int32(n)) for n in (1, 2))
    node = ""
    for turn in range(depth):
        border = writer.constant(f"{name}/root", _tree(table, depth)[0]) if not node else ""
        border = border or writer.add("Gather", [tree, node], f"{tensor}/border_{turn}", attributes={"axis": 0})
        above = writer.add("Greater", [quotient, border], f"{tensor}/above_{turn}")
        right = writer.add("Cast", [above], f"{tensor}/right_{turn}", attributes={"to": _INT32})
        left = one if not node else writer.add("Mul", [node, two], f"{tensor}/twice_{turn}")
        if node:
            left = writer.add("Add", [left, one], f"{tensor}/left_{turn}")
        node = writer.add("Add", [left, right], f"{tensor}/node_{turn}")
    return writer.add("Gather", [tree, node], f"{tensor}/level", attributes={"axis": 0})


def _tree(table: LevelTable, depth: int) -> NDArray[np.float32]:
    """Borders of a full binary tree from the root on, the children of node k at 2k + 1 and 2k + 2, then the levels.

    Where there are fewer levels than leaves the last stands in those that are left, behind borders that no number
    exceeds.
    """
    missing = 2**depth - len(table.levels)
    borders = np.concatenate([table.borders, np.full(missing, np.finfo(np.float32).max, np.float32)])
    rows = [borders[2 ** (depth - 1 - row) - 1 :: 2 ** (depth - row)] for row in range(depth)]
    levels = np.concatenate([table.levels, np.full(missing, table.levels[-1], np.float32)])
    return np.concatenate([*rows, levels]).astype(np.float32)
