"""Half precision in the graph.

``fp16``: the layer reads and writes float16; Casts stand only where half and float32 layers meet, and at the graph's
inputs and outputs, which stay float32. ONNX Runtime CPU puts Casts of its own around operators that it has no float16
kernel for.

``bf16``: ONNX Runtime CPU has next to no bfloat16 kernels, so that the layer computes in float32 on values that were
rounded to bfloat16: weights are stored as bfloat16, and what it reads from float32 layers and what it makes goes
through a pair of Casts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.emit.writer import GraphWriter
from qexplorer.quantize.half import half_inputs

if TYPE_CHECKING:
    import onnx

__all__ = ["HalfEmitter"]

_FLOAT, _TYPES = 1, {"fp16": 10, "bf16": 16}


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
        self._rounded: dict[str, str] = {}

    def need(self, names: Iterable[str]) -> None:
        """Writes the Cast to float32 of every tensor in ``names`` that exists as float16 only."""
        for name in names:
            if name in self._pending:
                self._pending.remove(name)
                self._cast(self._half[name], name, _FLOAT, exact=True)

    def emit(self, node: onnx.NodeProto, kind: str) -> None:
        """Writes ``node`` in ``kind``: ``fp16`` or ``bf16``."""
        import onnx

        halves = set(half_inputs(node, self.view) or ())
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for position, name in enumerate(node.input):
            if position in halves:
                copy.input[position] = self._read(name, kind)
            else:
                self.need([name])
        outputs = [name for name in node.output if name and self.view.is_float(name)]
        inner = {name: self.writer.fresh(f"{name}/{'half' if kind == 'fp16' else 'unrounded'}") for name in outputs}
        copy.output[:] = [inner.get(name, name) for name in node.output]
        self.writer.nodes.append(copy)
        for name in outputs:
            if kind == "fp16":
                self._half[name] = inner[name]
                self._pending.add(name)
            else:
                self._rounded[name] = self._round(inner[name], name, exact=True)

    def _read(self, name: str, kind: str) -> str:
        """The name under which a half layer reads ``name``."""
        known = self._half if kind == "fp16" else self._rounded
        if name not in known:
            if self.view.is_constant(name):
                known[name] = self.writer.half(name, self.view.array(name), kind)
                if kind == "bf16":
                    known[name] = self._cast(known[name], f"{name}/widened", _FLOAT)
            elif kind == "fp16":
                self.need([name])
                known[name] = self._cast(name, f"{name}/half", _TYPES[kind])
            else:
                self.need([name])
                known[name] = self._round(name, f"{name}/bf16")
        return known[name]

    def _round(self, source: str, output: str, *, exact: bool = False) -> str:
        narrow = self._cast(source, f"{output}/narrow", _TYPES["bf16"])
        return self._cast(narrow, output, _FLOAT, exact=exact)

    def _cast(self, source: str, output: str, kind: int, *, exact: bool = False) -> str:
        return self.writer.add("Cast", [source], output, exact=exact, attributes={"to": kind})
