"""Numbers as text."""

from __future__ import annotations

import math

import pytest

from qexplorer.core.words.numbers import NONE, about_text, fixed_text, number_text, numbers_text, percent_text


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
        (9.996, "10.0"),
        (1234.5, "1,230"),
        (52_409_681, "52,400,000"),
        (0.0000123, "0.0000123"),
        (0.0000015, "0.00000150"),
        (9.9e-7, "9.90e-07"),
        (1.5e-9, "1.50e-09"),
        (1.5e14, "150,000,000,000,000"),
        (1.5e15, "1.50e+15"),
        (2.0, "2.00"),
        (97.5, "97.5"),
        (0.5, "0.500"),
        (100.0, "100"),
        (3, "3"),
        (1234, "1,230"),
    ],
)
def test_numbers_are_written_once(value: float | None, text: str) -> None:
    """Three digits, zeros too, but no decimals of what was counted; thousands apart, no minus zero, an exponent only
    far from one, a dash for what is missing."""
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


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((100.0, 96.04, 104.2), ("100", "96", "104")),
        ((9.99, 9.8, 10.2), ("9.99", "9.80", "10.20")),
        ((0.123, 0.12, 0.13), ("0.123", "0.120", "0.130")),
        ((8123.0, 7900.0, 8200.0), ("8,120", "7,900", "8,200")),
        ((1.0, None), ("1.00", NONE)),
        ((None, 1.0), (NONE, NONE)),
    ],
)
def test_an_interval_is_written_to_the_place_of_its_value(
    values: tuple[float | None, ...], texts: tuple[str, ...]
) -> None:
    """Whoever reads 9.99 (9.80 to 10.20) sees one precision."""
    assert numbers_text(*values) == texts


def test_per_cent_have_a_space() -> None:
    """As the accuracies have it."""
    assert (percent_text(0.974), percent_text(0.975, 2), percent_text(-0.0001)) == ("97 %", "97.50 %", "0 %")
