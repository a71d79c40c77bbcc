"""Which nodes and constants an ONNX file has, read without its weights.

A session has to know this before it opens the file. Reading it with the package onnx would cost the memory of a second
copy of the model, which would then be counted as the runtime's. So the fields are found in the file itself, as the
protobuf encoding lays them down (https://protobuf.dev/programming-guides/encoding) and onnx.proto numbers them, and
everything else is stepped over.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Constant", "Outline", "OutlineNode", "read_outline"]

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class OutlineNode:
    """One node.

    Attributes:
        op: its operator type.
        inputs: names of what it reads, empty for an input that is left out.
        outputs: names of what it makes.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """One initializer: its element type (``onnx.TensorProto.DataType``) and how many elements it has."""

    type: int
    size: int


@dataclass(slots=True)
class Outline:
    """Nodes and constants of a graph, bodies of If, Loop and Scan included."""

    nodes: list[OutlineNode] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)


def read_outline(path: Path) -> Outline | None:
    """The outline of the ONNX file at ``path``; None if it cannot be read as one (whoever loads it says why)."""
    found = Outline()
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, begin, end in _fields(data, 0, len(data)):
                if number == 7:  # ModelProto.graph
                    _read_graph(data, begin, end, found)
    except (OSError, ValueError, IndexError):
        return None
    return found


def _read_graph(data: mmap.mmap, begin: int, end: int, found: Outline) -> None:
    for number, start, stop in _fields(data, begin, end):
        if number == 1:  # GraphProto.node
            _read_node(data, start, stop, found)
        elif number == 5:  # GraphProto.initializer
            name, constant = _constant(data, start, stop)
            found.constants[name] = constant


def _read_node(data: mmap.mmap, begin: int, end: int, found: Outline) -> None:
    op, inputs, outputs = "", list[str](), list[str]()
    for number, start, stop in _fields(data, begin, end):
        if number == 1:
            inputs.append(data[start:stop].decode())
        elif number == 2:
            outputs.append(data[start:stop].decode())
        elif number == 4:
            op = data[start:stop].decode()
        elif number == 5:  # NodeProto.attribute
            for inner, first, last in _fields(data, start, stop):
                if inner in (6, 11):  # AttributeProto.g, graphs
                    _read_graph(data, first, last, found)
    found.nodes.append(OutlineNode(op, tuple(inputs), tuple(outputs)))


def _constant(data: mmap.mmap, begin: int, end: int) -> tuple[str, Constant]:
    name, kind, dims = "", 0, list[int]()
    for number, start, stop in _fields(data, begin, end):
        if number == 1:  # TensorProto.dims: one by one, or several packed together
            while start < stop:
                value, start = _varint(data, start)
                dims.append(value)
        elif number == 2:
            kind = _varint(data, start)[0]
        elif number == 8:
            name = data[start:stop].decode()
    return name, Constant(kind, math.prod(dims))


def _fields(data: mmap.mmap, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number of each field of a message, and where its value begins and ends."""
    at = begin
    while at < end:
        tag, at = _varint(data, at)
        start, wire = at, tag & 7
        if wire == _VARINT:
            at = _varint(data, at)[1]
        elif wire == _BYTES:
            length, start = _varint(data, at)
            at = start + length
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError("no ONNX file")
        if at > end:
            raise ValueError("no ONNX file")
        yield tag >> 3, start, at


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A number of seven bits to a byte, the lowest first, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("no ONNX file")
