"""Formats that a layer is cast to as it is.

``fp16``: the layer reads and writes float16; Casts stand only where half and float32 layers meet, and at the graph's
inputs and outputs, which stay float32. ONNX Runtime CPU puts Casts of its own around operators that it has no float16
kernel for.

Every other type, of which ``bf16`` is one: ONNX Runtime CPU has next to no bfloat16 kernels, so that the layer computes
in float32 on values that were rounded to the type: weights are stored in it, and what the layer reads from float32
layers and what it makes goes through a pair of Casts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qexplorer.core.formats import Format, Storage
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.emit.writer import GraphWriter
from qexplorer.quantize.half import half_inputs

if TYPE_CHECKING:
    import onnx

__all__ = ["HalfEmitter"]

_FLOAT = 1  # onnx.TensorProto.FLOAT
_COMPUTED = "float16"  # the type that layers compute in


class HalfEmitter:
    """Writes half-precision layers and the Casts around them.

    Args:
        writer: the new graph.
        view: the float graph.
    """

    def __init__(self, writer: GraphWriter, view: GraphIndex) -> None:
        self.writer, self.view = writer, view
        self._half: dict[str, str] = {}
        self._pending: set[str] = set()
        self._rounded: dict[tuple[str, str], str] = {}

    def need(self, names: Iterable[str]) -> None:
        """Writes the Cast to float32 of every tensor in ``names`` that exists as float16 only."""
        for name in names:
            if name in self._pending:
                self._pending.remove(name)
                self._cast(self._half[name], name, _FLOAT, exact=True)

    def emit(self, node: onnx.NodeProto, format: Format) -> None:
        """Writes ``node`` in ``format``, one that is stored by Casts (ValueError for others)."""
        import onnx

        if format.storage is not Storage.CAST:
            raise ValueError(f"a layer cannot be cast to {format.name}, which is stored as {format.storage}")
        computed = format.carrier == _COMPUTED
        halves = set(half_inputs(node, self.view) or ())
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for position, name in enumerate(node.input):
            if position in halves:
                copy.input[position] = self._read(name, format)
            else:
                self.need([name])
        outputs = [name for name in node.output if name and self.view.is_float(name)]
        inner = {name: self.writer.fresh(f"{name}/{'half' if computed else 'unrounded'}") for name in outputs}
        copy.output[:] = [inner.get(name, name) for name in node.output]
        self.writer.nodes.append(copy)
        for name in outputs:
            if computed:
                self._half[name] = inner[name]
                self._pending.add(name)
            else:
                self._rounded[name, format.name] = self._round(inner[name], name, format, exact=True)

    def _read(self, name: str, format: Format) -> str:
        """The name under which a layer in ``format`` reads ``name``."""
        if format.carrier == _COMPUTED:
            if name not in self._half:
                self._half[name] = self._as_half(name, format)
            return self._half[name]
        key = (name, format.name)
        if key not in self._rounded:
            if self.view.is_constant(name):
                stored = self.writer.half(name, self.view.array(name), format.carrier, format.name)
                self._rounded[key] = self._cast(stored, f"{name}/widened", _FLOAT)
            else:
                self.need([name])
                self._rounded[key] = self._round(name, f"{name}/{format.name}", format)
        return self._rounded[key]

    def _as_half(self, name: str, format: Format) -> str:
        if self.view.is_constant(name):
            return self.writer.half(name, self.view.array(name), format.carrier, format.name)
        self.need([name])
        return self._cast(name, f"{name}/half", _type(format))

    def _round(self, source: str, output: str, format: Format, *, exact: bool = False) -> str:
        narrow = self._cast(source, f"{output}/narrow", _type(format))
        return self._cast(narrow, output, _FLOAT, exact=exact)

    def _cast(self, source: str, output: str, kind: int, *, exact: bool = False) -> str:
        return self.writer.add("Cast", [source], output, exact=exact, attributes={"to": kind})


def _type(format: Format) -> int:
    """The number of a format's carrier in TensorProto.DataType."""
    import onnx

    return int(onnx.TensorProto.DataType.Value(format.carrier.upper()))
