"""Damage done to good files, the same for the same seed: bytes, and what the format is made of."""

from __future__ import annotations

import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.hostile.data import idx, npy_header, npz, picture, zipped
from tests.hostile.models import ODD_NAMES
from tests.load.model_graphs import model, small_cnn, value, weight
from tests.load.safety.test_expansion import attribute_bomb

__all__ = ["FORMATS", "NUMBERS", "Format", "bytes_changed", "in_archive"]

Format = tuple[str, Callable[[], list[bytes]], Callable[[bytes, random.Random], bytes]]
"""What a file of it is called, good ones, and how they are damaged where a parser looks."""

NUMBERS = (
    0,
    1,
    -1,
    2,
    7,
    64,
    65,
    127,
    128,
    255,
    2**15,
    2**16,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
)
_CELLS = (
    "",
    " ",
    "nan",
    "inf",
    "1e999",
    "-",
    '"',
    '""',
    ",",
    ";",
    "\n",
    "\r",
    "\0",
    "\x1b[2J",
    "é",
    "1_0",
    "0x1",
    "y",
    "label",
    "=1",
    "9" * 400,
)


def bytes_changed(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, cut off, taken out, doubled or put elsewhere."""
    if not data:
        return b"\0"
    found = bytearray(data)
    first = chance.randrange(len(found))
    last = min(len(found), first + chance.choice((1, 2, 4, 8, 64, 1000)))
    kind = chance.randrange(6)
    if kind == 0:
        for _ in range(chance.choice((1, 2, 8))):
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        found[first] = chance.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    elif kind == 2:
        del found[first:]
    elif kind == 3:
        del found[first:last]
    elif kind == 4:
        place = chance.randrange(len(found))
        found[place:place] = found[first:last]
    else:
        found[first:last] = (
            chance.choice(NUMBERS).to_bytes(8, "little", signed=True) if first % 2 else bytes(last - first)
        )
    return bytes(found)


def _model_seeds() -> list[bytes]:
    """Models of several shapes: convolutions, a body, functions, sparse numbers, quantized, recurrent."""
    node = helper.make_node
    body = helper.make_graph(
        [node("Identity", ["on"], ["go"]), node("Relu", ["v"], ["w"])],
        "body",
        [value("i", [], TensorProto.INT64), value("on", [], TensorProto.BOOL), value("v", ["n", 4])],
        [value("go", [], TensorProto.BOOL), value("w", ["n", 4])],
    )
    loop = [node("Loop", ["m", "c", "x"], ["y"], body=body)]
    codes = {"w": np.arange(12, dtype=np.int8).reshape(4, 3), "s": np.float32(0.1), "z": np.int8(0)}
    quantized = [node("DequantizeLinear", ["w", "s", "z"], ["f"]), node("MatMul", ["x", "f"], ["y"])]
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("v", 1, [2], [1.0, 2.0]), helper.make_tensor("i", 7, [2], [0, 3]), [4]
    )
    reshaped = [node("Shape", ["x"], ["h"]), node("Reshape", ["x", "h"], ["a"]), node("Softmax", ["a"], ["y"])]
    lstm = {"w": weight(1, 8, 3), "r": weight(1, 8, 2)}
    x: dict[str, Any] = {"x": ["n", 4]}
    protos = [
        small_cnn(opset=17),
        small_cnn(weights_as_inputs=True, ir=3, opset=11),
        attribute_bomb(1),
        model(loop, x, ["y"], {"c": np.array(True), "m": np.array(3)}),
        model(quantized, x, ["y"], {name: np.asarray(array) for name, array in codes.items()}),
        model([node("Constant", [], ["k"], sparse_value=sparse), node("Add", ["x", "k"], ["y"])], x, ["y"]),
        model(reshaped, {"x": ["n", "m", 4]}, ["y"]),
        model([node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2)], {"x": [2, 1, 3]}, ["y"], lstm),
    ]
    return [proto.SerializeToString() for proto in protos]


def _model(data: bytes, chance: random.Random) -> bytes:
    """One field of one message, anywhere in the file, set to something else, taken out or doubled."""
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception:  # bytes were damaged before: more of that then
        return bytes_changed(data, chance)
    message = chance.choice(list(_messages(proto)))
    field = chance.choice(message.DESCRIPTOR.fields)
    try:
        _change(message, field, chance)
    except (TypeError, ValueError):  # a value that the field does not take
        message.ClearField(field.name)
    try:
        return proto.SerializeToString()
    except Exception:  # text that is no UTF-8
        return data


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, held in message.ListFields():
        if field.message_type is not None:
            for part in held if field.default_value == [] else (held,):
                yield from _messages(part)


def _change(message: Any, field: Any, chance: random.Random) -> None:
    several = field.default_value == []
    if chance.random() < 0.2:
        message.ClearField(field.name)
    elif field.message_type is not None:
        _change_message(message, field.name, several, chance)
    else:
        kinds = {field.CPPTYPE_STRING: _text, field.CPPTYPE_FLOAT: _float, field.CPPTYPE_DOUBLE: _float}
        fresh = kinds.get(field.cpp_type, _whole)(field, chance)
        if not several:
            setattr(message, field.name, fresh)
        elif len(getattr(message, field.name)) and chance.random() < 0.7:
            held = getattr(message, field.name)
            held[chance.randrange(len(held))] = fresh
        else:
            getattr(message, field.name).append(fresh)


def _change_message(message: Any, name: str, several: bool, chance: random.Random) -> None:
    if not several:
        getattr(message, name).SetInParent()
        return
    held = getattr(message, name)
    if not len(held):
        held.add()
    elif chance.random() < 0.5:
        held.add().CopyFrom(chance.choice(held))
    else:
        del held[chance.randrange(len(held))]


def _text(field: Any, chance: random.Random) -> Any:
    text = chance.choice((*ODD_NAMES.values(), "x", "y", "w", "Relu", "Conv", "If", "Loop", "local", "body"))
    return text.encode()[:4000] if field.type == field.TYPE_BYTES else text[:4000]


def _float(field: Any, chance: random.Random) -> float:  # noqa: ARG001 - one signature for all kinds
    return chance.choice((0.0, -1.0, 1e38, 1e-45, float("nan"), float("inf")))


def _whole(field: Any, chance: random.Random) -> int:
    number = chance.choice(NUMBERS)
    return (
        number
        if field.cpp_type == field.CPPTYPE_INT64
        else number % 2**31
        if field.cpp_type == field.CPPTYPE_INT32
        else abs(number) % 30
    )


def in_archive(inner: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Damages one file inside an archive and packs it again, so that sums and sizes agree."""

    def deeper(data: bytes, chance: random.Random) -> bytes:
        try:
            with zipfile.ZipFile(BytesIO(data)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        except Exception:  # the archive itself was damaged before
            return bytes_changed(data, chance)
        name = chance.choice(sorted(files)) if files else "x.npy"
        kind = chance.random()
        if kind < 0.7:
            files[name] = inner(files.get(name, b""), chance)
        elif kind < 0.8:
            files.pop(name, None)
        else:
            odd = chance.choice([n for n in ODD_NAMES.values() if len(n) < 1000 and "\0" not in n])
            files[odd + name[-6:]] = files.get(name, b"")
        return zipped(files, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    return deeper


def _array(data: bytes, chance: random.Random) -> bytes:
    """A NumPy array with another header, or other bytes behind it."""
    kinds = ("<f4", ">f8", "|O", "<U9", "|V8", "<M8[s]", "<i8", "|b1", "<c8", "<f2", "[('a','<f4')]")
    if chance.random() < 0.5:
        return bytes_changed(data, chance)
    shape = tuple(chance.choice((*NUMBERS, 3, 4, 8)) for _ in range(chance.randrange(5)))
    order = chance.choice(("True", "False", "1"))
    text = f"{{'descr': '{chance.choice(kinds)}', 'fortran_order': {order}, 'shape': {shape}, }}"
    return npy_header(text, data[128:])


def _table(data: bytes, chance: random.Random) -> bytes:
    """A cell, a row or a separator that is another."""
    lines = [line.split(b",") for line in data.split(b"\n")]
    line = chance.choice(lines)
    kind = chance.randrange(4)
    if kind == 0:
        line[chance.randrange(len(line))] = chance.choice(_CELLS).encode()
    elif kind == 1:
        line.append(chance.choice(_CELLS).encode())
    elif kind == 2:
        lines.insert(chance.randrange(len(lines)), [chance.choice(_CELLS).encode() for _ in line])
    else:
        lines.remove(line)
    return b"\n".join(b",".join(line) for line in lines)


def _idx(data: bytes, chance: random.Random) -> bytes:
    """A number in the header that is another."""
    found = bytearray(data.ljust(16, b"\0"))
    place = chance.choice((2, 3, 4, 8, 12))
    fresh = chance.choice(NUMBERS) % 2**32
    found[place : place + (1 if place < 4 else 4)] = (
        struct.pack(">I", fresh)[-1:] if place < 4 else struct.pack(">I", fresh)
    )
    return bytes(found)


def _png(data: bytes, chance: random.Random) -> bytes:
    """A chunk of a picture changed, doubled or taken out, its sum made right."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + min(size, len(data))
    if not chunks:
        return bytes_changed(data, chance)
    place = chance.randrange(len(chunks))
    kind, body = chunks[place]
    doing = chance.randrange(4)
    if doing == 0:
        chunks[place] = (kind, bytes_changed(body, chance))
    elif doing == 1:
        chunks.insert(place, chunks[place])
    elif doing == 2:
        del chunks[place]
    else:
        chunks[place] = (chance.choice((b"IDAT", b"PLTE", b"tRNS", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"IEND")), body)
    return data[:8] + b"".join(
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks
    )


def _arrays() -> list[bytes]:
    x, y = np.ones((8, 3), np.float32), np.arange(8) % 3
    return [
        npz(x=x, y=y),
        npz(a=x, b=x[:, :1], y=np.array(list("abcabcab")), classes=np.array(["a", "b", "c"])),
        npz(
            x_train=x,
            x_test=x,
            y_train=y,
            y_test=y,
            groups_test=np.array(list("mfmfmfmf")),
            task=np.array("regression"),
        ),
    ]


def _tables() -> list[bytes]:
    rows = [f"{i}.5,{i % 3},{'mf'[i % 2]},{i}" for i in range(12)]
    return ["\n".join(["a,y,group,b", *rows]).encode(), "\n".join(f"{i},{i % 2}" for i in range(20)).encode()]


def _archives() -> list[bytes]:
    files = {
        "train/a/1.png": picture(),
        "train/b/1.png": picture(),
        "test/a/1.png": picture(),
        "test/b/1.png": picture("RGB"),
    }
    return [zipped({"a/1.png": picture(), "b/1.png": picture("P"), "classes.txt": b"a\nb\n"}), zipped(files)]


FORMATS: dict[str, Format] = {
    "onnx": ("model.onnx", _model_seeds, _model),
    "npz": ("d.npz", _arrays, in_archive(_array)),
    "csv": ("d.csv", _tables, _table),
    "idx": ("a-images-idx3-ubyte", lambda: [idx((4, 3, 2), bytes(24)), idx((2, 2, 2), bytes(32), 0x0D)], _idx),
    "zip": ("d.zip", _archives, in_archive(_png)),
}
"""By format: what a file is called, good ones, and how it is damaged where a parser looks."""
