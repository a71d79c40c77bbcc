"""Builds the nodes and constants of a new graph: unique names, constants stored once, 4-bit codes packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Grid

if TYPE_CHECKING:
    import onnx

__all__ = ["GraphWriter"]


class GraphWriter:
    """Collects nodes and initializers.

    Args:
        taken: names that the new graph already uses (tensors, and nodes).
    """

    def __init__(self, taken: set[str]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._taken = set(taken)
        self._kept: dict[object, str] = {}

    def fresh(self, base: str) -> str:
        """``base``, or ``base`` with a number behind it if that name is taken."""
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        output: str,
        *,
        exact: bool = False,
        attributes: Mapping[str, int | Sequence[int]] | None = None,
    ) -> str:
        """Adds a node with one output; returns the output's name: ``output``, made unique unless ``exact``."""
        from onnx import helper

        name = output if exact else self.fresh(output)
        node = helper.make_node(op, list(inputs), [name], name=self.fresh(f"{name}/{op}"))
        node.attribute.extend(helper.make_attribute(key, value) for key, value in (attributes or {}).items())
        self.nodes.append(node)
        return name

    def constant(self, base: str, values: NDArray[np.generic] | np.generic, *, shared: bool = False) -> str:
        """Adds an initializer; equal constants of one value, or that are ``shared``, are stored once."""
        array = np.asarray(values)
        identity = (array.dtype.str, array.shape, array.tobytes()) if shared or array.size <= 1 else None
        if identity is not None and identity in self._kept:
            return self._kept[identity]
        name = self.alone(base, array)
        if identity is not None:
            self._kept[identity] = name
        return name

    def alone(self, base: str, array: NDArray[Any]) -> str:
        """Adds an initializer that nobody is given later."""
        from onnx import numpy_helper

        name = self.fresh(base)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def codes(self, base: str, codes: NDArray[np.integer], carrier: str, *, shared: bool = False) -> str:
        """Adds codes as an initializer of ONNX type ``carrier``; 4-bit types are packed two to a byte.

        Equal codes that are ``shared`` are stored once.

        The codes of a float8 type are its bits. Types are named as ONNX names them.
        """
        import onnx
        from onnx import helper

        if carrier in ("int4", "uint4"):
            raw = _packed(codes.reshape(-1))
        elif carrier.startswith("float8"):
            raw = codes.astype(np.uint8)
        else:
            return self.constant(base, codes.astype(carrier), shared=shared)
        identity = (carrier, codes.shape, raw.tobytes()) if shared else None
        if identity in self._kept:
            return self._kept[identity]
        name = self.fresh(base)
        kind = onnx.TensorProto.DataType.Value(carrier.upper())
        self.initializers.append(helper.make_tensor(name, kind, codes.shape, raw.tobytes(), raw=True))
        if identity is not None:
            self._kept[identity] = name
        return name

    def grid(self, base: str, grid: Grid, carrier: str, *, own: bool = False) -> list[str]:
        """Adds scale and zero point as initializers and returns their names; with ``own``, a zero point that nothing
        else reads."""
        scale = self.constant(f"{base}/scale", grid.scale)
        if own and carrier in ("int8", "uint8"):
            return [scale, self.alone(f"{base}/zero_point", grid.zero_point.astype(carrier))]
        return [scale, self.codes(f"{base}/zero_point", grid.zero_point, carrier)]

    def half(self, base: str, values: NDArray[np.float32], kind: str, label: str) -> str:
        """Adds float values in the ONNX type ``kind``, rounded half to even, once for each ``base``."""
        import onnx
        from onnx import helper

        identity = ("half", base, kind)
        if identity not in self._kept:
            code = onnx.TensorProto.DataType.Value(kind.upper())
            narrow = values.astype(helper.tensor_dtype_to_np_dtype(code))
            name = self._kept[identity] = self.fresh(f"{base}/{label}")
            self.initializers.append(helper.make_tensor(name, code, values.shape, narrow.tobytes(), raw=True))
        return self._kept[identity]


def _packed(codes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Two 4-bit codes to a byte, the first in the low half. (ONNX IR 10, TensorProto.raw_data)"""
    low = (codes.astype(np.int32) & 15).astype(np.uint8)
    if low.size % 2:
        low = np.append(low, np.uint8(0))
    return np.asarray(low[0::2] | (low[1::2] << 4), np.uint8)
