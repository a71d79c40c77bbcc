from __future__ import annotations

import math

from qexplorer.report.palette import CLIPPING, ROUNDING
from qexplorer.report.tensor_charts.error_split import error_split_html, error_split_info


def test_shares() -> None:
    """The two parts of the bar are the two parts of the mean squared error."""
    info = error_split_info(3e-4, 1e-4, 30.0, 0.01)
    assert math.isclose(info.rounding_share, 0.75)
    assert math.isclose(info.clipping_share, 0.25)


def test_who_dominates() -> None:
    """The sentence names the part that makes up nine tenths of the error, and neither where none does."""
    assert "Rounding dominates" in error_split_info(1e-3, 1e-5, 30, 0).verdict
    assert "Clipping dominates" in error_split_info(1e-5, 1e-3, 30, 0.2).verdict
    assert "dominates" not in error_split_info(1e-3, 1e-3, 30, 0.1).verdict


def test_no_error() -> None:
    """Without any error both parts are empty and no ratio is shown as a number that is not one."""
    info = error_split_info(0.0, 0.0, math.inf, 0.0)
    assert (info.rounding_share, info.clipping_share) == (0.0, 0.0)
    assert "inf" not in info.verdict
    assert "nan" not in error_split_html(info)


def test_tiny_fraction_is_not_none() -> None:
    """A fraction that is small but not zero is not called none."""
    assert "none of the values" in error_split_info(1, 0, 10, 0.0).verdict
    assert "less than 0.001 %" in error_split_info(1, 0, 10, 1e-7).verdict


def test_colours() -> None:
    """Each part has its own colour and its name."""
    html = error_split_html(error_split_info(1, 1, 10, 0.1))
    for colour, name in ((ROUNDING, "rounding error"), (CLIPPING, "clipping error")):
        assert colour in html
        assert name in html
