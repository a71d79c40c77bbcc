"""Questions about a graph that its compilation asks: who reads what, and which tensors are codes on a grid."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from qexplorer.core.errors import BackendError
from qexplorer.graph.attributes import number
from qexplorer.torchgraph.dtypes import CODE_LIMITS, tensor_from, torch_dtype
from qexplorer.torchgraph.graph import Graph

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["BYTES", "CodeTensor", "Ending", "QuantizedGraph", "TensorGrid"]

BYTES = frozenset(
    {TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4, TensorProto.INT2, TensorProto.UINT2}
)
"""Element types of codes that fit into 8 bits."""


@dataclass(frozen=True, slots=True)
class TensorGrid:
    """A grid with one scale for the whole tensor, its codes of at most 8 bits."""

    scale: np.float32
    zero_point: int
    element_type: int

    @property
    def dtype(self) -> torch.dtype:
        """What carries its codes."""
        return torch_dtype(self.element_type)

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest code."""
        return CODE_LIMITS[self.element_type]


@dataclass(frozen=True, slots=True, eq=False)
class CodeTensor:
    """What a DequantizeLinear with constant scales reads.

    Attributes:
        name: the tensor of codes.
        scale: float32, any number of values.
        zero_point: int32, same size.
        axis: where there are several.
        element_type: of the codes.
    """

    name: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    axis: int
    element_type: int

    @property
    def grid(self) -> TensorGrid | None:
        """The grid, if it is one for the whole tensor."""
        if self.scale.size != 1:
            return None
        return TensorGrid(np.float32(self.scale.item()), int(self.zero_point.item()), self.element_type)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a layer's result becomes codes: through elementwise nodes, then a QuantizeLinear."""

    chain: tuple[onnx.NodeProto, ...]
    quantizer: onnx.NodeProto
    grid: TensorGrid


class QuantizedGraph:
    """Answers about one graph.

    Args:
        graph: as torchgraph reads it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants = {name: _tensor(item) for name, item in graph.constants.items()}
        self.types: dict[str, int] = dict(graph.types)
        for node in graph.nodes:
            if node.op_type == "QuantizeLinear":
                zero = node.input[2] if len(node.input) > 2 else ""
                given = int(number(node, "output_dtype", 0)) or TensorProto.UINT8
                self.types[node.output[0]] = self.types.get(zero, given) if zero else given

    def array(self, name: str) -> NDArray[Any] | None:
        """A constant's values; None if it is none, or of a type NumPy lacks."""
        found = self.constants.get(name)
        with contextlib.suppress(TypeError):  # of a type that NumPy lacks
            return None if found is None else np.asarray(found.numpy())
        return None

    def maker(self, name: str) -> onnx.NodeProto:
        """The node that makes ``name``. Raises KeyError if none does."""
        return self.graph.index.order[self.graph.index.made_at[name]]

    def codes(self, name: str) -> CodeTensor | None:
        """The 8-bit codes behind a float32 tensor; None if it is not made by DequantizeLinear with constant scales."""
        node = self.graph.index.maker(name)
        if node is None or node.op_type != "DequantizeLinear" or number(node, "block_size", 0):
            return None
        found = self._grid(node)
        if found is None or found[2] not in BYTES:
            return None
        return CodeTensor(node.input[0], found[0], found[1], int(number(node, "axis", 1)), found[2])

    def ending(self, name: str, between: Collection[str]) -> Ending | None:
        """How ``name`` becomes codes, if nobody else reads it; ``between`` are the operators allowed before."""
        chain: list[onnx.NodeProto] = []
        while name not in self.graph.outputs and len(readers := self.graph.index.readers(name)) == 1:
            (node,) = readers
            if node.op_type == "QuantizeLinear":
                found = self._grid(node)
                if found is None or found[0].size != 1 or found[2] not in BYTES or node.input[0] != name:
                    return None
                grid = TensorGrid(np.float32(found[0].item()), int(found[1].item()), found[2])
                return Ending(tuple(chain), node, grid)
            if node.op_type not in between or node.domain or node.input[0] != name or not self._fixed(node.input[1:]):
                return None
            chain.append(node)
            name = node.output[0]
        return None

    def bias(self, name: str) -> tuple[NDArray[np.int32], NDArray[np.float32]] | None:
        """CodeTensor and scales of a constant int32 bias."""
        node = self.graph.index.maker(name)
        if node is None or node.op_type != "DequantizeLinear" or number(node, "block_size", 0):
            return None
        found, codes = self._grid(node), self.array(node.input[0])
        if found is None or codes is None or codes.dtype != np.int32 or found[1].any():
            return None
        return codes, found[0]

    def _fixed(self, names: Sequence[str]) -> bool:
        """Whether all are constants of one value, or left out."""
        return all(not n or (n in self.constants and self.constants[n].numel() == 1) for n in names)

    def _grid(self, node: onnx.NodeProto) -> tuple[NDArray[np.float32], NDArray[np.int32], int] | None:
        """Scales, zero points and element type of the codes; None if they are not constant, or not in float32."""
        scale = self.array(node.input[1])
        coded = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
        if scale is None or scale.dtype != np.float32 or number(node, "precision", 0) not in (0, 1):
            return None
        if len(node.input) < 3 or not node.input[2]:
            return scale, np.zeros(scale.shape, np.int32), self.types.get(coded, 0)
        zero = self.array(node.input[2])
        if zero is None or zero.dtype.kind not in "iu":
            return None
        return scale, zero.astype(np.int32), self.types.get(node.input[2], 0)


def _tensor(item: onnx.TensorProto) -> torch.Tensor:
    try:
        return tensor_from(item)
    except ValueError as error:
        raise BackendError(str(error), where=item.name) from None
