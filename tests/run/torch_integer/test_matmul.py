"""Products of codes with zero points against NumPy's in 64 bits, for every shape of leading axes; tables of codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qexplorer.run.torch_integer.backend import TORCH
from qexplorer.run.torch_integer.matmul import matmul_sums, right_hand
from qexplorer.run.torch_integer.tables import make_table


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((5,), (5, 3)),
        ((4, 5), (5, 3)),
        ((2, 4, 5), (5, 3)),
        ((2, 4, 5), (2, 5, 3)),
        ((4, 5), (2, 5, 3)),
        ((2, 1, 4, 5), (3, 5, 2)),
        ((0, 4, 5), (0, 5, 3)),
        ((2, 0, 5), (2, 5, 3)),
    ],
)
@pytest.mark.parametrize("zeros", [True, False])
def test_sums_are_those_of_numpy(left: tuple[int, ...], right: tuple[int, ...], zeros: bool) -> None:
    """Zero points of rows and of columns are taken off, codes reach both ends, leading axes are broadcast."""
    random = np.random.default_rng(0)
    a, b = (random.integers(-128, 128, shape).astype(np.int8) for shape in (left, right))
    a_zero = random.integers(-128, 128, (*left[:-1], 1) if len(left) > 1 else (1,))
    b_zero = random.integers(-128, 128, (1, right[-1])) if zeros else np.zeros((1, right[-1]), np.int64)
    wanted = (a.astype(np.int64) - a_zero) @ (b.astype(np.int64) - b_zero)
    given = torch.from_numpy(b_zero).int() if zeros else None
    found = matmul_sums(torch.from_numpy(a), torch.from_numpy(a_zero).int(), right_hand(torch.from_numpy(b)), given)
    assert found.dtype == torch.int32
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_inner_sizes_that_differ_are_said() -> None:
    """Rows of 4 values do not fit columns of 5."""
    right = right_hand(torch.zeros(5, 3, dtype=torch.int8))
    with pytest.raises(ValueError, match="rows of 4 values do not fit columns of 5"):
        matmul_sums(torch.zeros(2, 4, dtype=torch.int8), torch.zeros(1, 1, dtype=torch.int32), right, None)


def test_it_computes_on_every_integer_of_two_to_eight_bits() -> None:
    """Signed and unsigned, for weights and activations alike."""
    every = {f"{sign}int{bits}" for bits in (2, 3, 4, 5, 6, 7, 8) for sign in ("", "u")}
    assert TORCH.capabilities.weight_formats == TORCH.capabilities.activation_formats == every


def test_a_table_that_changes_nothing_is_one_of_one_input() -> None:
    """Each code stands for itself; with another code, or a second input, it does not."""
    for dtype in (torch.uint8, torch.int8):
        same = make_table(lambda x: x.clone(), (dtype,))
        assert same.changes_nothing
        same.values[7] = same.values[8]
        assert not same.changes_nothing
        assert not make_table(lambda x, y: x + 0 * y, (dtype, dtype)).changes_nothing
