"""Matrix products whose rows, or whose outputs, have scales and zero points of their own."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.reference.operators import run_operator

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
