"""How a constant on a grid is decoded in the graph: one form for each way in which a format is stored.

1. Integers and 8-bit floats: DequantizeLinear of the codes, with a block size where blocks share a scale. Floats have
   no zero point and the input is left out, and so it is where scales are of either sign (``formats.uniform``).
2. Tables: ``Gather(levels, Cast(codes)) * scale``. The levels stand in the file once. Where channels have learned
   levels of their own, these stand one channel after the other with their scale in them, and
   ``Gather(levels, Cast(codes) + Cast(row) * k)`` takes them; the row of each channel is an unsigned 8- or 16-bit
   constant. Where blocks share a scale, a second Gather repeats it: the block of each place along the axis is such a
   constant, stored once for all weights of that length. Gather takes no narrow indices, hence the Casts. ONNX Runtime
   1.31 folds all of it into float32 weights when it loads the file, at every level of optimization but none; the file
   keeps codes.

Beside activations on grids ONNX Runtime must not see what was decoded as a weight: it rounds float weights that it
finds between a DequantizeLinear and a QuantizeLinear to int8 by itself (WeightBiasQuantization), and makes integer
kernels of 8-bit floats, which it then cannot load. There the value is multiplied by a 1 that comes out of a
DequantizeLinear, which is not folded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Storage
from qexplorer.core.formats.uniform import has_signs
from qexplorer.core.grid import Grid, Int32
from qexplorer.quantize.emit.writer import GraphWriter

__all__ = ["times_one", "write_decoded"]

_INT32 = 6  # onnx.TensorProto.INT32


def write_decoded(
    writer: GraphWriter,
    key: str,
    codes: Int32,
    grid: Grid,
    carrier: str,
    output: str,
    *,
    foldable: bool,
    shared: bool = False,
) -> str:
    """Writes the constant ``key`` and the nodes that decode it.

    Args:
        writer: the new graph.
        key: what its constants are named after.
        codes: of any shape.
        grid: the grid they are on.
        carrier: the ONNX type that stores them.
        output: what the decoded value should be called.
        foldable: whether ONNX Runtime may take what is decoded for a weight; False beside activations on grids. It
            always may where integer kernels read the codes.
        shared: whether equal codes may stand in the file already.

    Returns:
        The name of the decoded value, float32.

    Raises:
        ValueError: if the format has no codes (``Storage.CAST``).
    """
    match grid.format.storage:
        case Storage.INTEGER:
            scale: list[str] | None = None
            if has_signs(grid.format):
                codes, signed = grid.with_signs(codes)
                scale = [writer.constant(f"{key}/scale", signed)]
            stored = writer.codes(f"{key}/codes", codes, carrier, shared=shared)
            return _dequantized(writer, [stored, *(scale or writer.grid(key, grid, carrier))], grid, output)
        case Storage.FLOAT8:
            stored = writer.codes(f"{key}/codes", codes, carrier)
            inputs = [stored, writer.constant(f"{key}/scale", grid.scale)]
            if foldable:
                return _dequantized(writer, inputs, grid, output)
            return times_one(writer, key, _dequantized(writer, inputs, grid, f"{key}/product"), output)
        case Storage.TABLE:
            stored = writer.codes(f"{key}/codes", codes, carrier)
            look = _looked_up if grid.own is None else _looked_up_by_channel
            if foldable:
                return look(writer, key, stored, codes.shape, grid, output)
            return times_one(writer, key, look(writer, key, stored, codes.shape, grid, f"{key}/product"), output)
        case Storage.CAST:
            raise ValueError(f"{grid.format.name} has no codes, so there is nothing to decode")


def _dequantized(writer: GraphWriter, inputs: list[str], grid: Grid, output: str) -> str:
    attributes = {} if grid.axis is None else {"axis": grid.axis}
    attributes |= {"block_size": grid.block} if grid.block else {}
    return writer.add("DequantizeLinear", inputs, output, attributes=attributes)


def _looked_up(writer: GraphWriter, key: str, stored: str, shape: tuple[int, ...], grid: Grid, output: str) -> str:
    table = grid.format.table
    if table is None:
        raise ValueError(f"{grid.format.name} is stored as a table, and has none")
    every = np.arange(int(table.codes.max()) + 1, dtype=np.int32)
    values_of_codes = grid.format.decode(every, np.ones((), np.float32), np.zeros((), np.int32))
    levels = writer.constant(f"{grid.format.name}/levels", values_of_codes, shared=True)
    places = writer.add("Cast", [stored], f"{key}/places", attributes={"to": _INT32})
    values = writer.add("Gather", [levels, places], f"{key}/levels", attributes={"axis": 0})
    return writer.add("Mul", [values, _scale(writer, key, shape, grid)], output)


def _looked_up_by_channel(
    writer: GraphWriter, key: str, stored: str, shape: tuple[int, ...], grid: Grid, output: str
) -> str:
    assert grid.own is not None, "channels have levels of their own"
    assert grid.axis is not None, "and an axis"
    rows, width = grid.own.levels.shape
    levels = writer.constant(f"{key}/levels", (grid.own.levels * grid.scale[:, None]).reshape(-1))
    view = [-1 if axis == grid.axis else 1 for axis in range(len(shape))]
    name = f"rows_of_{rows}_along_{grid.axis}_of_{len(shape)}"
    index = writer.constant(name, _narrow(np.arange(rows)).reshape(view), shared=True)
    row = writer.add("Cast", [index], f"{key}/row", attributes={"to": _INT32})
    first = writer.add("Mul", [row, writer.constant(f"row_of_{width}", np.int32(width), shared=True)], f"{key}/first")
    places = writer.add("Cast", [stored], f"{key}/places", attributes={"to": _INT32})
    places = writer.add("Add", [places, first], f"{key}/places_of_all")
    return writer.add("Gather", [levels, places], output, attributes={"axis": 0})


def _narrow(numbers: NDArray[np.integer]) -> NDArray[np.integer]:
    """Rising numbers from 0 in the narrowest type that holds them."""
    return numbers.astype(np.uint8 if numbers[-1] < 2**8 else np.uint16 if numbers[-1] < 2**16 else np.int32)


def times_one(writer: GraphWriter, key: str, value: str, output: str) -> str:
    """The value times a 1 that no optimizer knows."""
    one = [writer.constant("one/code", np.int8(1)), writer.constant("one/scale", np.float32(1))]
    return writer.add("Mul", [value, writer.add("DequantizeLinear", one, f"{key}/one")], output)


def _scale(writer: GraphWriter, key: str, shape: tuple[int, ...], grid: Grid) -> str:
    """The scale in a shape that broadcasts against the values."""
    if grid.axis is None or grid.block is None:
        return writer.constant(f"{key}/scale", grid.expanded(shape)[0])
    length = shape[grid.axis]
    blocks = _narrow(np.arange(length) // grid.block)
    index = writer.constant(f"blocks_of_{grid.block}_in_{length}", blocks, shared=True)
    wide = writer.add("Cast", [index], f"{key}/blocks", attributes={"to": _INT32})
    scale = writer.constant(f"{key}/scale", grid.scale)
    return writer.add("Gather", [scale, wide], f"{key}/scales", attributes={"axis": grid.axis})
