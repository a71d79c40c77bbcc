"""A layer with a weight as a matrix product: rows of weights times columns of inputs.

A convolution is one too: each output channel is a row, each place of the kernel a column of inputs (im2col). Groups
are products by themselves, side by side along the first axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32, Grid, Int32
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex

if TYPE_CHECKING:
    import onnx

__all__ = ["LayerMatrix", "matrix_of"]

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class LayerMatrix:
    """How one layer's weight and input become matrices.

    Attributes:
        op: ``Conv``, ``MatMul`` or ``Gemm``.
        shape: of the weight.
        groups: products side by side; 1 for all but grouped convolutions.
        turned: the weight is ``(in, out)``.
        strides: of a convolution, one for each spatial axis; empty for products.
        dilations: the same.
        pads: the same, begins and then ends.
        same: ``SAME_UPPER`` or ``SAME_LOWER`` where padding follows from the size of the input (Conv, ``auto_pad``).
    """

    op: str
    shape: tuple[int, ...]
    groups: int = 1
    turned: bool = False
    strides: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    same: str = ""

    @property
    def columns(self) -> int:
        """Inputs of one row."""
        return self.shape[0] if self.turned else int(np.prod(self.shape[1:]))

    def rows(self, weight: NDArray[_Number]) -> NDArray[_Number]:
        """A weight, or anything of its shape, as ``(groups, rows, columns)``."""
        flat = weight.T if self.turned else weight
        return np.ascontiguousarray(flat).reshape(self.groups, -1, self.columns)

    def weight(self, rows: NDArray[_Number]) -> NDArray[_Number]:
        """The way back from :meth:`rows`."""
        if self.turned:
            return np.ascontiguousarray(rows.reshape(-1, self.columns).T)
        return rows.reshape(self.shape)

    def grid(self, grid: Grid) -> tuple[Float32, Int32]:
        """Scale and zero point of each weight, as :meth:`rows` has them."""
        scale, zero = grid.expanded(self.shape)
        return self.rows(np.broadcast_to(scale, self.shape)), self.rows(np.broadcast_to(zero, self.shape))

    def inputs(self, x: Float32) -> Float32:
        """What the rows are multiplied with: ``(groups, columns, places)``; a place is a sample at a position."""
        if self.op != "Conv":
            return x.reshape(1, -1, x.shape[-1]).swapaxes(1, 2)
        patches = self._patches(x)
        channels = x.shape[1]
        spatial = patches.ndim // 2 - 1
        # n, c, out..., kernel... -> groups, c / groups, kernel..., n, out...
        order = (1, *range(2 + spatial, 2 + 2 * spatial), 0, *range(2, 2 + spatial))
        return np.ascontiguousarray(patches.transpose(order)).reshape(
            self.groups, channels // self.groups * self._size, -1
        )

    @property
    def _size(self) -> int:
        return int(np.prod(self.shape[2:]))

    def _patches(self, x: Float32) -> Float32:
        """Views of shape ``(n, c, *out, *kernel)``."""
        rank, kernel = len(self.strides), self.shape[2:]
        reach = tuple((size - 1) * step + 1 for size, step in zip(kernel, self.dilations, strict=True))
        padded = np.pad(x, [(0, 0), (0, 0), *self._ends(x.shape[2:], reach)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach, tuple(range(2, 2 + rank)))
        at = tuple(slice(None, None, step) for step in self.strides)
        inside = tuple(slice(None, None, step) for step in self.dilations)
        found: Float32 = windows[(slice(None), slice(None), *at, *inside)]
        return found

    def _ends(self, sizes: tuple[int, ...], reach: tuple[int, ...]) -> list[tuple[int, int]]:
        """What is put on at both ends of each spatial axis."""
        if not self.same:
            rank = len(sizes)
            return list(zip(self.pads[:rank], self.pads[rank:], strict=True))
        ends = []
        for size, far, step in zip(sizes, reach, self.strides, strict=True):
            total = max((-(-size // step) - 1) * step + far - size, 0)
            less, more = total // 2, total - total // 2
            ends.append((less, more) if self.same == "SAME_UPPER" else (more, less))
        return ends


def matrix_of(node: onnx.NodeProto, view: GraphIndex) -> LayerMatrix | str:
    """How the weight of ``node`` becomes a matrix, or why it does not, as a clause."""
    if node.op_type not in ("Conv", "MatMul", "Gemm"):
        return f"the operator {node.op_type} is not taken as a matrix product"
    shape = tuple(view.initializers[node.input[1]].dims)
    if node.op_type == "Conv":
        return _convolution(node, shape)
    if len(shape) != 2:
        return f"its weight has rank {len(shape)}"
    if node.op_type == "Gemm" and number(node, "transA", 0):
        return "its input is turned over"
    return LayerMatrix(node.op_type, shape, turned=not (node.op_type == "Gemm" and number(node, "transB", 0)))


def _convolution(node: onnx.NodeProto, shape: tuple[int, ...]) -> LayerMatrix | str:
    given = {item.name: item for item in node.attribute}
    rank = len(shape) - 2
    auto = given["auto_pad"].s.decode() if "auto_pad" in given else "NOTSET"

    def sizes(name: str, default: int, count: int) -> tuple[int, ...]:
        return tuple(given[name].ints) if name in given and given[name].ints else (default,) * count

    pads = sizes("pads", 0, 2 * rank)
    if min(pads, default=0) < 0:
        return "its padding is negative"
    strides, dilations = sizes("strides", 1, rank), sizes("dilations", 1, rank)
    same = auto if auto.startswith("SAME") else ""
    return LayerMatrix("Conv", shape, int(number(node, "group", 1)), False, strides, dilations, pads, same)
