"""Signed activations as ONNX Runtime's x86 kernels want them: unsigned, every code and zero point moved up by 128.

Its fast kernels there multiply unsigned by signed bytes, so it moves signed codes up itself when it optimizes a graph
(QDQS8ToU8Transformer), but not codes that several nodes read, and what reads those falls back to float: 11 of 20
convolutions of resnet18. Moving all of them changes no value, since ``scale * ((code + 128) - (zero + 128))`` is what
it was, and takes no more than other bytes in the file: types and values of zero points, and of constants that are added
to activations.
"""

from __future__ import annotations

import mmap
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qexplorer.run.onnx_outline import Constant, Node, Outline, read_outline

__all__ = ["signed_constants", "unsigned_copy"]

_X86 = ("x86_64", "amd64", "i386", "i686", "x86")
_ELEMENTWISE = ("Add", "Sub", "Mul", "Div")
_UINT8, _INT8 = 2, 3  # onnx.TensorProto
_QUANTIZES, _DEQUANTIZES = "QuantizeLinear", "DequantizeLinear"


@contextmanager
def unsigned_copy(path: Path) -> Iterator[Path]:
    """A copy of the file at ``path`` with unsigned activations, for as long as it is opened; or ``path`` itself.

    On other processors, and where nothing is signed or something else depends on it, it is ``path``.
    """
    outline = read_outline(path) if platform.machine().lower() in _X86 else None
    found = [] if outline is None else signed_constants(outline)
    if not found:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        with copy.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
            for constant in found:
                data[constant.type_at] = _UINT8
                _move_up(data, constant)
        yield copy


def signed_constants(outline: Outline) -> list[Constant]:
    """Zero points of signed activations, and codes of constants that are added to them or multiply them.

    Only those that pairs of Q and DQ read, between which nothing else reads codes.
    """
    if outline.external:
        return []
    graph = _Readers(outline)
    names = {node.inputs[2] for node in outline.nodes if node.op == _QUANTIZES and len(node.inputs) > 2}
    moved = {name for name in names if graph.is_signed(name) and outline.constants[name].size == 1}
    while kept := {name for name in moved if graph.only_pairs(name, moved)}:
        if kept == moved:
            break
        moved = kept  # one that must stay keeps those whose pairs it is part of
    return [outline.constants[name] for name in sorted(kept | graph.operands(kept))]


def _move_up(data: mmap.mmap, constant: Constant) -> None:
    """Adds 128 to signed bytes, which flips the highest bit of each."""
    assert constant.data_at is not None
    place = slice(constant.data_at, constant.data_at + constant.size)
    data[place] = bytes(byte ^ 128 for byte in data[place])


class _Readers:
    """Who makes and reads the tensors of a graph."""

    def __init__(self, outline: Outline) -> None:
        self.outline, self.declared = outline, outline.declared
        self.makers = {name: node for node in outline.nodes for name in node.outputs}
        self.readers: dict[str, list[Node]] = {}
        for node in outline.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def is_signed(self, name: str) -> bool:
        """Whether this is a constant of signed bytes that lie in the file."""
        constant = self.outline.constants.get(name)
        return constant is not None and constant.type == _INT8 and constant.data_at is not None

    def operands(self, moved: set[str]) -> set[str]:
        """Constant codes whose zero point is among ``moved``."""
        pairs = (node for node in self.outline.nodes if node.op == _DEQUANTIZES and moved.issuperset(node.inputs[2:3]))
        return {node.inputs[0] for node in pairs if len(node.inputs) > 2 and self.is_signed(node.inputs[0])}

    def only_pairs(self, name: str, moved: set[str]) -> bool:
        """Whether ``name`` is read as a zero point alone, of codes that go from Q to DQ, which move both."""
        return name not in self.declared and all(self._in_pair(node, name, moved) for node in self.readers[name])

    def _in_pair(self, node: Node, name: str, moved: set[str]) -> bool:
        if node.inputs[2:] != (name,) or name in node.inputs[:2]:
            return False
        if node.op == _DEQUANTIZES:
            maker = self.makers.get(node.inputs[0])
            if maker is None:
                return self._is_operand(node)
            return maker.op == _QUANTIZES and moved.issuperset(maker.inputs[2:3])
        if node.op != _QUANTIZES or node.outputs[0] in self.declared:
            return False
        return all(
            after.op == _DEQUANTIZES and len(after.inputs) == 3 and after.inputs[2] in moved
            for after in self.readers.get(node.outputs[0], ())
        )

    def _is_operand(self, node: Node) -> bool:
        """Whether a DequantizeLinear unpacks a constant that no layer has as its weight: weights stay signed."""
        codes, value = node.inputs[0], node.outputs[0]
        alone = self.is_signed(codes) and len(self.readers[codes]) == 1 and codes not in self.declared
        return alone and all(after.op in _ELEMENTWISE for after in self.readers.get(value, ()))
