"""Names, constants and packed codes of a new graph."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from qexplorer.quantize.emit.writer import GraphWriter


def test_names_are_given_once() -> None:
    """A name that the graph has, or that was given before, gets a number; an exact one is taken as it is."""
    writer = GraphWriter({"a", "a_3"})
    assert [writer.fresh("a") for _ in range(3)] == ["a_2", "a_4", "a_5"]
    assert writer.add("Relu", ["x"], "y") == "y"
    assert writer.add("Relu", ["x"], "y") == "y_2"
    assert writer.add("Relu", ["x"], "z", exact=True) == "z"
    assert len({node.name for node in writer.nodes}) == 3


@pytest.mark.parametrize(
    ("one", "other", "shared", "times"),
    [
        (np.float32(0), np.float32(0), False, 1),
        (np.float32(0), np.int32(0), False, 2),
        (np.float32(0), np.float32([0]), False, 2),
        (np.float32([0]), np.float32([0]), False, 1),
        (np.float32([1, 2]), np.float32([1, 2]), False, 2),
        (np.float32([1, 2]), np.float32([1, 2]), True, 1),
        (np.float32([1, 2]), np.float32([1, 3]), True, 2),
        (np.float32([0, 0]), np.int32([0, 0]), True, 2),
        (np.float32([1, 2]), np.float32([[1, 2]]), True, 2),
    ],
)
def test_equal_constants_are_stored_once_where_they_are_one_value_or_shared(
    one: Any, other: Any, shared: bool, times: int
) -> None:
    """Equal in type, shape and value; what was stored is what was given."""
    writer = GraphWriter(set())
    names = [writer.constant("c", each, shared=shared) for each in (one, other)]
    assert len(set(names)) == len(writer.initializers) == times
    stored = {item.name: numpy_helper.to_array(item) for item in writer.initializers}
    for name, each in zip(names, (one, other), strict=True):
        assert (stored[name].dtype, stored[name].shape) == (each.dtype, each.shape)
        np.testing.assert_array_equal(stored[name], each)


@pytest.mark.parametrize(
    ("carrier", "codes"),
    [
        ("int4", [-8, 7, -1, 0, 3]),
        ("uint4", [15, 0, 9]),
        ("int4", [[1, -2], [3, -4]]),
        ("int8", [-128, 127]),
        ("uint16", [65535, 1]),
    ],
)
def test_codes_come_back_from_the_type_that_carries_them(carrier: str, codes: list[Any]) -> None:
    """Two codes of 4 bits to a byte, an odd number of them too."""
    writer = GraphWriter(set())
    writer.codes("c", np.array(codes), carrier)
    (item,) = writer.initializers
    assert item.data_type == TensorProto.DataType.Value(carrier.upper())
    np.testing.assert_array_equal(numpy_helper.to_array(item).astype(np.int64), codes)
    if carrier.endswith("t4"):
        assert len(item.raw_data) == (np.size(codes) + 1) // 2


def test_shared_codes_are_those_of_one_type_and_shape() -> None:
    """The same bits in another type or shape are others; what is not shared is stored for itself."""
    writer, codes = GraphWriter(set()), np.array([[1, 2], [3, 4]])
    first = writer.codes("c", codes, "int4", shared=True)
    assert writer.codes("d", codes, "int4", shared=True) == first
    others = [writer.codes("d", codes, "uint4", shared=True), writer.codes("d", codes.reshape(-1), "int4", shared=True)]
    others.append(writer.codes("d", codes, "int4"))
    assert len({first, *others}) == 4


def test_a_value_is_stored_once_in_each_narrow_type() -> None:
    """Rounded half to even in both; the same name in another type is another constant."""
    writer, values = GraphWriter(set()), np.float32([1.0, 1 + 2**-9, 1 + 3 * 2**-9, -7.0])
    names = [writer.half("w", values, kind, kind) for kind in ("float16", "bfloat16", "float16")]
    assert names == ["w/float16", "w/bfloat16", "w/float16"]
    narrow = values.astype(ml_dtypes.bfloat16)
    assert writer.initializers[1].raw_data == narrow.tobytes()
    assert len(writer.initializers) == 2
