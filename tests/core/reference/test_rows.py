"""What the cases of ONNX leave open: scales and zero points by row, and the precision of a quotient."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from qexplorer.core.reference.operators import run_operator
from qexplorer.core.reference.types import _NUMBERS, code_type

A = np.array([[130, 10, 255, 0], [7, 128, 64, 200], [0, 1, 2, 3]], np.uint8)
B = np.array([[1, -2], [3, 4], [-5, 6], [7, -128]], np.int8)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_rows_are_multiplied_as_each_would_be_alone(rows: int) -> None:
    """Per row a scale and a zero point, of the left operand and of the output; a single row is no special case."""
    scales, points = np.array([0.5, 0.25, 2.0], np.float32)[:rows], np.array([128, 3, 0], np.uint8)[:rows]
    right = (np.float32(0.01), np.int8(0))
    outputs = np.array([0.1, 0.2, 0.05], np.float32)[:rows], np.array([128, 100, 7], np.uint8)[:rows]
    (found,) = run_operator("QLinearMatMul", [A[:rows], scales, points, B, *right, *outputs], {})
    (sums,) = run_operator("MatMulInteger", [A[:rows], B, points], {})
    assert found.shape == sums.shape == (rows, 2)
    for i in range(rows):
        whole = (A[i].astype(int) - int(points[i])) @ B.astype(int)
        assert sums[i].tolist() == whole.tolist()
        steps = np.rint(whole * scales[i] * 0.01 / outputs[0][i]) + outputs[1][i]
        assert found[i].tolist() == np.clip(steps, 0, 255).tolist()


def test_one_scale_leaves_a_vector_a_vector() -> None:
    """A single value of shape (1,) broadcasts as a number does."""
    one = np.array([128], np.uint8)
    (sums,) = run_operator("MatMulInteger", [A[0], B, one], {})
    assert sums.shape == (2,)
    assert sums.tolist() == ((A[0].astype(int) - 128) @ B.astype(int)).tolist()


@pytest.mark.parametrize(("precision", "code"), [(0, 1), (1, 1), (10, 0)])
def test_a_quotient_has_the_precision_that_is_asked_for(precision: int, code: int) -> None:
    """TensorProto's numbers of float32 and float16; 0.50001 is a tie in float16 and goes to the even code."""
    given = [np.array([0.50001], np.float32), np.float32(1), np.uint8(0)]
    (found,) = run_operator("QuantizeLinear", given, {"precision": precision})
    assert found.tolist() == [code]


@pytest.mark.parametrize("precision", [11, 16])
def test_another_precision_is_refused(precision: int) -> None:
    """Of float64 and bfloat16 nothing is known here."""
    with pytest.raises(ValueError, match=f"precision {precision} is not implemented"):
        run_operator("QuantizeLinear", [np.zeros(1, np.float32), np.float32(1), np.uint8(0)], {"precision": precision})


def test_numbers_of_element_types_are_those_of_onnx() -> None:
    """Every type that codes can have, by the number that the protocol buffer gives it; others are refused."""
    for number, name in _NUMBERS.items():
        assert code_type(number) == helper.tensor_dtype_to_np_dtype(number), name
    for other in (TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64, TensorProto.STRING):
        with pytest.raises(ValueError, match="codes cannot have element type"):
            code_type(other)


@pytest.mark.parametrize(
    ("kind", "x", "scale", "code"),
    [("FLOAT", 0.50001, 1, 1), ("FLOAT16", 0.50001, 1, 0), ("FLOAT", 199, 133, 1), ("BFLOAT16", 199, 133, 2)],
)
def test_a_quotient_has_the_precision_of_its_scale(kind: str, x: float, scale: float, code: int) -> None:
    """Where nobody says otherwise, and codes are uint8: 0.50001 and 1.496 are halves in narrower types, and ties."""
    dtype = helper.tensor_dtype_to_np_dtype(TensorProto.DataType.Value(kind))
    given = [np.array([x], np.float32).astype(dtype), np.array(scale, np.float32).astype(dtype)]
    (found,) = run_operator("QuantizeLinear", given, {})
    assert (found.dtype, found.tolist()) == (np.uint8, [code])


@pytest.mark.parametrize(("saturate", "value"), [(1, 448.0), (0, np.nan)])
def test_small_floats_saturate_unless_they_are_told_not_to(saturate: int, value: float) -> None:
    """Beyond 448 an E4M3FN is the largest one, or none."""
    point = np.zeros((), helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))
    given = [np.float32([1000.0, -2.0]), np.float32(1), point]
    (found,) = run_operator("QuantizeLinear", given, {"saturate": saturate})
    np.testing.assert_array_equal(found.astype(np.float32), [value, -2.0])


def test_sums_are_kept_modulo_two_to_the_32() -> None:
    """As an int32 accumulator holds them, of products and of a bias."""
    one, k = np.full((1, 2**16), 255, np.uint8), 2**16
    (found,) = run_operator("MatMulInteger", [one, one.T], {})
    wanted = (k * 255 * 255 + 2**31) % 2**32 - 2**31
    assert found.tolist() == [[wanted]]
    x, w = np.full((1, 1, 1), 255, np.uint8), np.full((1, 1, 1), 127, np.int8)
    scales = [np.float32(1), np.uint8(0), w, np.float32([1]), np.int8([0]), np.float32(2.0**24), np.int8(0)]
    (codes,) = run_operator("QLinearConv", [x, *scales, np.int32([2**31 - 1])], {})
    assert codes.reshape(-1).tolist() == [round((255 * 127 + 2**31 - 1 - 2**32) / 2**24)]
