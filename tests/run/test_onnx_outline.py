"""What is read of an ONNX file without its weights, against the package onnx and against bytes laid out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.run.onnx_outline import Constant, Outline, OutlineNode, read_outline


def _read(folder: Path, data: bytes) -> Outline | None:
    (folder / "m.onnx").write_bytes(data)
    return read_outline(folder / "m.onnx")


def _model() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Neg", ["inner"], ["z"])],
        "body",
        [],
        [helper.make_tensor_value_info("z", 1, None)],
        [numpy_helper.from_array(np.zeros((2, 3), np.float16), "inner")],
    )
    nodes = [
        helper.make_node("Conv", ["x", "w", ""], ["c"], "conv", kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
        helper.make_node("If", ["c"], ["i"], then_branch=body, else_branch=body),
        helper.make_node("TopK", ["i", "k"], ["y", "place"], largest=0),
    ]
    stored = {"w": np.ones((200, 3, 3, 3), np.float32), "k": np.array([7]), "s": np.float64(1), "e": np.zeros((0, 4))}
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], kept), producer_name="somebody")


def test_nodes_and_constants_are_those_of_the_file(tmp_path: Path) -> None:
    """Bodies before the node that has them; an input that is left out keeps its place; sizes are products."""
    found = _read(tmp_path, _model().SerializeToString())
    assert found is not None
    assert [(node.op, node.inputs, node.outputs) for node in found.nodes] == [
        ("Conv", ("x", "w", ""), ("c",)),
        ("Neg", ("inner",), ("z",)),
        ("Neg", ("inner",), ("z",)),
        ("If", ("c",), ("i",)),
        ("TopK", ("i", "k"), ("y", "place")),
    ]
    assert found.constants == {
        "w": Constant(TensorProto.FLOAT, 200 * 27),
        "k": Constant(TensorProto.INT64, 1),
        "s": Constant(TensorProto.DOUBLE, 1),
        "e": Constant(TensorProto.DOUBLE, 0),
        "inner": Constant(TensorProto.FLOAT16, 6),
    }


def test_a_file_that_breaks_off_is_read_or_is_none(tmp_path: Path) -> None:
    """At any byte: what is stepped over must be there."""
    whole = _model().SerializeToString()
    full = _read(tmp_path, whole)
    for length in range(1, len(whole), 7):
        found = _read(tmp_path, whole[:length])
        assert found is None or found.constants.keys() < full.constants.keys() or found == full  # type: ignore[union-attr]


def _number(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def _field(number: int, value: int | bytes, wire: int | None = None) -> bytes:
    """A field of a message in protobuf's encoding."""
    kind = wire if wire is not None else 0 if isinstance(value, int) else 2
    if isinstance(value, int):
        return _number(number << 3 | kind) + _number(value)
    return _number(number << 3 | kind) + (_number(len(value)) if kind == 2 else b"") + value


NODE = _field(1, _field(1, b"x") + _field(2, b"y") + _field(4, b"Relu"))


def _tensor(dims: bytes) -> bytes:
    return _field(5, dims + _field(2, 1) + _field(8, b"w"))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("lengths", [[], [1], [127, 128], [300, 2, 2**21]])
def test_lengths_are_read_however_they_are_written(packed: bool, lengths: list[int], tmp_path: Path) -> None:
    """One by one, or together."""
    one_by_one = b"".join(_field(1, length) for length in lengths)
    together = _field(1, b"".join(map(_number, lengths)))
    found = _read(tmp_path, _field(7, NODE + _tensor(together if packed else one_by_one)))
    assert found == Outline([OutlineNode("Relu", ("x",), ("y",))], {"w": Constant(1, math.prod(lengths))})


@pytest.mark.parametrize(
    ("before", "read"),
    [
        (_field(1, 10), True),
        (_field(99, b"12345678", wire=1), True),
        (_field(99, b"1234", wire=5), True),
        (_field(99, b"any"), True),
        (_field(99, 2**63), True),
        (_field(99, b"", wire=3), False),
        (_field(99, b"", wire=7), False),
        (b"\x80" * 11 + b"\x00", False),
        (b"\x98\x06" + b"\x80" * 11 + b"\x00", False),
        (_field(99, b"1234567", wire=1), False),
        (b"\x08", False),
    ],
)
def test_other_fields_are_stepped_over_and_what_is_no_field_is_no_file(
    before: bytes, read: bool, tmp_path: Path
) -> None:
    """Numbers of ten bytes at most, eight and four bytes, and texts; groups are not written any more."""
    found = _read(tmp_path, before + (b"" if before == b"\x08" else _field(7, NODE)))
    assert (found is not None and len(found.nodes) == 1) is read


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Nor a file without a byte, nor a name that is no text."""
    assert read_outline(tmp_path / "missing.onnx") is None
    assert _read(tmp_path, b"") is None
    assert _read(tmp_path, _field(7, _field(1, _field(4, b"\xff\xfe")))) is None
