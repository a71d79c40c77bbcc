"""What counts as a parameter: by its type, and by who reads it."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.load.parameters import counts, readers_of

KINDS = TensorProto.DataType
FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "FLOAT8E4M3FN")
CODES = ("INT8", "UINT8", "INT4", "UINT4")


def _counted(op: str, names: Sequence[str], kind: str = "FLOAT", domain: str = "", outputs: Sequence[str] = ()) -> str:
    """The inputs of one node that are parameters, if all are constants of one type."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", *outputs)]
    graph = helper.make_graph([helper.make_node(op, names, ["y"], domain=domain)], "g", [], ends)
    readers = readers_of(graph)
    return "".join(n for n in names if counts(onnx.TensorProto(data_type=KINDS.Value(kind)), n, readers))


@pytest.mark.parametrize(
    ("op", "names", "counted"),
    [
        ("Clip", "abc", "a"),
        ("ConstantOfShape", "a", ""),
        ("Dropout", "abc", "a"),
        ("NonMaxSuppression", "abcde", "ab"),
        ("OneHot", "abc", "a"),
        ("Pad", "abcd", "a"),
        ("Range", "abc", ""),
        ("Resize", "abcd", "a"),
        ("Upsample", "ab", "a"),
        ("Conv", "abc", "abc"),
        ("PRelu", "ab", "ab"),
    ],
)
def test_inputs_that_say_how_an_operator_works_are_no_parameters(op: str, names: str, counted: str) -> None:
    """As the operators' own pages name them (ONNX, opset 21); an operator of another domain is somebody else's."""
    assert _counted(op, names) == counted
    assert _counted(op, names, domain="com.example") == names


def test_a_bound_that_is_a_value_as_well_counts() -> None:
    """An output of the model, or what an operator computes with."""
    assert _counted("Clip", "abc", outputs=["b"]) == "ab"
    assert _counted("Clip", "aba") == "aa"


@pytest.mark.parametrize(
    ("kinds", "elsewhere", "by_codes"),
    [
        (FLOATS, True, True),
        (CODES, True, True),
        (("INT32", "INT16", "UINT16"), False, True),
        (("INT64", "UINT64", "UINT32", "BOOL", "STRING"), False, False),
    ],
)
def test_whole_numbers_count_where_they_are_codes(kinds: Sequence[str], elsewhere: bool, by_codes: bool) -> None:
    """Short ones always; an int32 bias of a quantized operator; never shapes, axes and indices."""
    for kind in kinds:
        assert (_counted("Add", "ab", kind) == "ab") == elsewhere, kind
        for op in ("QLinearConv", "DequantizeLinear", "QGemm"):
            assert (_counted(op, "ab", kind) == "ab") == by_codes, (op, kind)
