"""Numbers as text."""

from __future__ import annotations

import math

import pytest

from qexplorer.report.statements.numbers import NONE, about_text, fixed_text, number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, NONE),
        (math.nan, NONE),
        (math.inf, NONE),
        (0.0, "0"),
        (-0.0, "0"),
        (0.12345, "0.123"),
        (-302.7, "-303"),
        (9.996, "10"),
        (1234.5, "1,230"),
        (52_409_681, "52,400,000"),
        (0.0000123, "0.0000123"),
        (0.0000015, "0.0000015"),
        (9.9e-7, "9.9e-07"),
        (1.5e-9, "1.5e-09"),
        (1.5e14, "150,000,000,000,000"),
        (1.5e15, "1.5e+15"),
        (2.0, "2"),
    ],
)
def test_numbers_are_written_once(value: float | None, text: str) -> None:
    """Three digits, thousands apart, no minus zero, an exponent only far from one, a dash for what is missing."""
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.04, "+.1f", "0.0"),
        (0.0, "+.1f", "+0.0"),
        (-0.06, "+.1f", "-0.1"),
        (-0.0, ".1f", "0.0"),
    ],
)
def test_a_zero_has_no_minus(value: float, form: str, text: str) -> None:
    """What rounds to zero is written as zero."""
    assert fixed_text(value, form) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(52_409_681, "about 50 million"), (1.6e9, "about 2 billion"), (0.0173, "about 0.02"), (8765.0, "about 9,000")],
)
def test_an_estimate_has_one_digit(value: float, text: str) -> None:
    """What is good to a factor of three is not told to eight digits."""
    assert about_text(value) == text
