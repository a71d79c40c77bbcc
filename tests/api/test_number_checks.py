"""Numbers that a person gives, held to what they can be."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer import api
from qexplorer.api.number_checks import check_real, check_whole
from qexplorer.core.errors import InputError


@pytest.mark.parametrize("value", [1, 7, 1000, np.int64(7)])
def test_whole_numbers_within_their_ends_are_taken(value: int) -> None:
    """Both ends with them, of any type that holds whole numbers."""
    check_whole("trials", value, 1, 1000)


@pytest.mark.parametrize("value", [0, 1001, -1, 1.0, 1.5, "7", None, True])
def test_other_numbers_are_refused_with_what_is_allowed(value: object) -> None:
    """True is no number of anything, and 1.0 is no count."""
    with pytest.raises(InputError, match=rf"^trials cannot be {value}; allowed: a whole number, 1 to 1000$"):
        check_whole("trials", value, 1, 1000)


def test_without_an_upper_end_any_larger_number_is_taken() -> None:
    """And the sentence names the lower end alone."""
    check_whole("seed", 10**12, 0)
    with pytest.raises(InputError, match=r"allowed: a whole number, 0 or more$"):
        check_whole("seed", -1, 0)


@pytest.mark.parametrize(
    ("value", "zero", "taken"),
    [(0.5, True, True), (0.0, True, True), (0.0, False, False), (-0.1, True, False), (1e300, False, True)]
    + [(bad, True, False) for bad in (float("nan"), float("inf"), -float("inf"))],
)
def test_real_numbers_are_finite_and_not_below_zero(value: float, zero: bool, taken: bool) -> None:
    """Zero only where that means something."""
    if taken:
        check_real("seconds", value, zero=zero)
        return
    allowed = "a number of 0 or more" if zero else "a number above 0"
    with pytest.raises(InputError, match=rf"^seconds cannot be {value}; allowed: {allowed}; leave it out$"):
        check_real("seconds", value, zero=zero, instead="leave it out")


@pytest.mark.parametrize(
    ("budgets", "share", "said"),
    [
        ({"weight_bytes": 0.0}, None, "a budget cannot be 0.0 of int8's bytes"),
        ({}, -0.5, "a budget cannot be -0.5 of int8's bytes"),
        ({"latency": 100.5}, None, "a budget cannot be 100.5 of int8's latency"),
        ({"latency": float("nan")}, None, "a budget cannot be nan of int8's latency"),
    ],
)
def test_a_budget_that_is_none_is_refused_before_anything_is_loaded(
    budgets: dict[str, float], share: float | None, said: str
) -> None:
    """Nothing, less than nothing, more than any float takes."""
    with pytest.raises(InputError, match=said):
        api.search("no such model", budgets=budgets, share=share)


def test_two_aims_at_once_are_refused() -> None:
    """A drop that is allowed, and none that a test tells."""
    with pytest.raises(InputError, match="cannot both be asked for; leave one out"):
        api.search("no such model", most_drop=0.01, as_float=True)
