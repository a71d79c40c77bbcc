"""Named hostile models. Each family says what it attacks; ``cases`` gives all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.hostile.case import EITHER, LOADS, REFUSED, Case, of_bytes
from tests.hostile.graphs import operators, structures
from tests.hostile.places import models_with_external_data
from tests.load.model_graphs import F32, model, small_cnn, value

__all__ = ["cases"]

ODD_NAMES = {
    "empty": "",
    "a space": " ",
    "a line end": "a\nb",
    "colours of a terminal": "\x1b[31mred\x1b[0m\x07",
    "a picture in Markdown": "![p](http://127.0.0.1:9/p.png)",
    "a script": "<script>alert(1)</script>",
    "a formula": '=HYPERLINK("http://127.0.0.1:9")',
    "a path": "../../../etc/passwd",
    "turned round": "\u202etxt.exe",
    "nothing to see": "\u200b\u2060",
    "a null": "a\0b",
    "a megabyte": "n" * 2**20,
    "emoji": "\U0001f600" * 50,
    "a number": "12",
    "brackets": "blocks[0].fc*",
}
LENGTHS: Mapping[str, tuple[list[Any], str]] = {
    "-1": ([-1, 4], LOADS),
    "0": ([0, 4], LOADS),
    "-5 and -2**63": ([-5, -(2**63)], EITHER),
    "2**31": ([2**31, 4], REFUSED),
    "2**40": ([1, 2**40], REFUSED),
    "2**62 beside 0": ([0, 2**62], REFUSED),
    "2**63 - 1": ([2**63 - 1, 2**63 - 1], REFUSED),
    "65 axes": ([1] * 65, REFUSED),
    "4,000 axes": ([1] * 4000, REFUSED),
    "no axes": ([], EITHER),
    "one axis": (["n"], EITHER),
}


def cases() -> Iterator[Case]:
    """All of them."""
    for family in (_lengths, _names, _external, _tensors, _versions, _bytes, _metadata):
        yield from family()
    for name, attacks, right, proto in (*structures(), *operators()):
        yield _model(name, attacks, right, proto)


def _model(name: str, attacks: str, right: str, proto: onnx.ModelProto) -> Case:
    return of_bytes(name, attacks, right, proto.SerializeToString, "model.onnx")


def _relu() -> onnx.ModelProto:
    return model(
        [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Neg", ["h"], ["y"])], {"x": ["n", 4]}, ["y"]
    )


def _lengths() -> Iterator[Case]:
    attacks = "loops and allocations that take a declared length as given"
    for told, (shape, right) in LENGTHS.items():
        for place in ("input", "output", "value_info"):
            proto = _relu()
            name = {"input": "x", "output": "y", "value_info": "h"}[place]
            declared = value(name, shape)
            if place == "value_info":
                proto.graph.value_info.append(declared)
            else:
                getattr(proto.graph, place)[0].CopyFrom(declared)
            yield _model(f"lengths/{told} in {place}", attacks, right if place == "input" else EITHER, proto)


def _names() -> Iterator[Case]:
    attacks = "what shows a name: pages, terminals, tables, files"
    for told, name in ODD_NAMES.items():
        node = helper.make_node
        nodes = [node("Relu", ["x"], ["h"], name=name), node("Neg", ["h"], ["y"], name=name)]
        yield _model(f"names/node {told}", attacks, LOADS, model(nodes, {"x": ["n", 4]}, ["y"]))
        ports = model([node("Relu", [name], ["y"])], {name: ["n", 4]}, ["y"])
        yield _model(f"names/input {told}", attacks, EITHER, ports)
        yield _model(
            f"names/length {told}", attacks, LOADS, model([node("Relu", ["x"], ["y"])], {"x": [name, 4]}, ["y"])
        )
        domain = model(
            [node("A", ["x"], ["y"], domain=name)], {"x": ["n", 4]}, ["y"], opsets=[helper.make_opsetid(name, 1)]
        )
        yield _model(f"names/domain {told}", attacks, EITHER, domain)
    for place in (b"x", b"Relu"):
        data = _relu().SerializeToString().replace(place, b"\xff" * len(place))
        yield of_bytes(f"names/{place.decode()} is not UTF-8", attacks, REFUSED, data, "model.onnx")


def _external() -> Iterator[Case]:
    attacks = "files of the working directory and of the system, opened for a stranger's tensor"
    for location in ("secret.bin", "../secret.bin", "/etc/passwd"):
        for place, proto in models_with_external_data(location).items():
            yield _model(f"external/{place} in {location.replace('/', '!')}", attacks, REFUSED, proto)


def _tensors() -> Iterator[Case]:
    attacks = "reading beyond a tensor's data, or allocating what its shape asks for"
    shapes: dict[str, list[int]] = {
        "too many values": [5],
        "too few": [1],
        "negative": [-4],
        "terabytes": [2**20, 2**20],
        "overflowing": [2**32, 2**32],
        "empty beside huge": [0, 2**62],
    }
    kinds = (TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT8, TensorProto.INT4, TensorProto.BFLOAT16, 77)
    for kind in kinds:
        for told, dims in shapes.items():
            proto = model([helper.make_node("Identity", ["w"], ["z"]), *_relu().graph.node], {"x": ["n", 4]}, ["y"])
            proto.graph.initializer.append(TensorProto(name="w", data_type=kind, dims=dims, raw_data=b"\0" * 16))
            yield _model(
                f"tensors/{told} of type {kind}", attacks, REFUSED if kind != TensorProto.INT4 else EITHER, proto
            )
    for bad in (np.nan, np.inf, -np.inf):
        proto = small_cnn()
        weight = onnx.numpy_helper.to_array(proto.graph.initializer[0]).copy()
        weight[0, 0, 0, 0] = bad
        proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, "w"))
        yield _model(f"tensors/a weight is {bad}", "scales that become NaN", REFUSED, proto)
    both = _relu()
    both.graph.initializer.append(
        TensorProto(name="w", data_type=F32, dims=[4], raw_data=b"\0" * 16, float_data=[1] * 9)
    )
    yield _model("tensors/raw and typed data", attacks, EITHER, both)


def _versions() -> Iterator[Case]:
    attacks = "converters and runtimes asked for versions that they do not know"
    for opset in (-1, 0, 1, 6, 7, 20, 26, 27, 99, 2**31, 2**62):
        right = LOADS if opset in (7, 20, 26) else EITHER if opset == 27 else REFUSED
        yield _model(f"versions/opset {opset}", attacks, right, small_cnn(opset=opset))
    for ir in (-1, 1, 3, 8, 13, 14, 99, 2**40):
        yield _model(f"versions/ir {ir}", attacks, EITHER, small_cnn(ir=ir, weights_as_inputs=True))
    twice = small_cnn()
    twice.opset_import.append(helper.make_opsetid("", 13))
    yield _model("versions/two opsets", attacks, EITHER, twice)


def _bytes() -> Iterator[Case]:
    attacks = "parsers that believe an ending"
    whole = small_cnn().SerializeToString()
    nested = b"\x0a\x00"
    for _ in range(3000):
        nested = b"\x3a" + _varint(len(nested)) + nested
    blobs = {
        "nothing": b"",
        "0xFF": b"\xff" * 5000,
        "zeros": bytes(5000),
        "text": b"weights: int8\n" * 50,
        "text in UTF-16": "weights: int8".encode("utf-16"),
        "a web page": b"<html>",
        "a zip": b"PK\x03\x04" + bytes(60),
        "a pickle": b"\x80\x04\x95" + bytes(60),
        "HDF5": b"\x89HDF\r\n\x1a\n",
        "a field longer than the file": b"\x08\x0a\x3a\xff\xff\xff\xff\x0f",
        "a length of 2**63": b"\x08\x0a\x3a" + b"\xff" * 9 + b"\x01",
        "messages 3,000 deep": nested,
        "an unknown field": whole + b"\xfa\x3e\x05hello",
        "twice": whole + whole,
        "the version alone": b"\x08\x0a",
        "an empty graph": b"\x08\x0a\x3a\x00",
    }
    for told, data in blobs.items():
        right = EITHER if told in ("an unknown field", "twice") else REFUSED
        yield of_bytes(f"bytes/{told}", attacks, right, data, "model.onnx")
    for share in range(1, 10):
        cut = len(whole) * share // 10
        yield of_bytes(f"bytes/cut after {share} tenths", attacks, REFUSED, whole[:cut], "model.onnx")


def _varint(number: int) -> bytes:
    found = bytearray()
    while True:
        number, low = number >> 7, number & 127
        found.append(low | (128 if number else 0))
        if not number:
            return bytes(found)


def _metadata() -> Iterator[Case]:
    attacks = "names of classes that a file brings along"
    texts = {
        "not a list": "hello",
        "nested": "[" * 5000,
        "a million names": str(list(range(200_000))),
        "a call": "__import__('os').system('true')",
        "numbers as keys": "{0: 'a', 10**9: 'b'}",
        "control characters": "['\\x1b[2J', '\\n', 'c', 'd', 'e']",
        "one long name": "['" + "a" * 10**6 + "']",
        "not closed": "['a', 'b",
    }
    for key in ("names", "classes"):
        for told, text in texts.items():
            proto = small_cnn()
            proto.metadata_props.add(key=key, value=text)
            yield _model(f"metadata/{key} {told}", attacks, LOADS, proto)
