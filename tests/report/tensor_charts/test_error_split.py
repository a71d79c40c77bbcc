from __future__ import annotations

import math

from qexplorer.observe.advice import Advice, ClipDirection
from qexplorer.report.tensor_charts.error_split import error_split_info, sqnr_text


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
    assert "nan" not in info.verdict


def test_tiny_fraction_is_not_none() -> None:
    """A fraction that is small but not zero is not called none."""
    assert "none of the values" in error_split_info(1, 0, 10, 0.0).verdict
    assert "less than 0.001 %" in error_split_info(1, 0, 10, 1e-7).verdict


def test_float_noise_is_called_exact() -> None:
    """186 dB are float32's own rounding: nothing dominates, and no number of dB is shown."""
    info = error_split_info(1e-19, 0.0, 186.2, 0.0)
    assert info.verdict.startswith("Exact; none of the values clipped.")
    assert "dB" not in info.verdict
    assert "dominates" not in info.verdict
    assert (info.rounding_share, info.clipping_share) == (0.0, 0.0)
    assert (sqnr_text(139.9), sqnr_text(math.inf), sqnr_text(math.nan)) == ("139.9 dB", "exact", "no signal")


def test_advice_is_what_trying_found() -> None:
    """Narrower, wider or neither, with what it gains; without a pair of lines to move nothing is advised."""
    narrower = Advice(ClipDirection.NARROWER, 1.24, -0.5, 0.75)
    assert "narrower clip lines would gain 1.2 dB, at -0.5 to 0.75" in error_split_info(1, 0, 20, 0, narrower).verdict
    wider = Advice(ClipDirection.WIDER, math.inf, -2, 2)
    assert "wider clip lines would make it exact, at -2 to 2" in error_split_info(0, 1, 20, 0, wider).verdict
    best = error_split_info(1, 0.01, 20, 0, Advice(ClipDirection.NOWHERE, 0.0, -1, 1)).verdict
    assert "neither narrower nor wider clip lines would be better" in best
    assert "would" not in error_split_info(1, 0, 20, 0).verdict


def test_channels_that_lose_everything_are_counted() -> None:
    """A good figure for the whole does not hide channels of which nothing is left."""
    assert "412 of 512 channels round to nothing" in error_split_info(1, 0, 21.5, 0, None, (412, 512)).verdict
    assert "1 of 8 channels rounds to nothing" in error_split_info(1, 0, 21.5, 0, None, (1, 8)).verdict
    assert "nothing" not in error_split_info(1, 0, 21.5, 0, None, (0, 8)).verdict


def test_a_fraction_has_its_digits() -> None:
    """Down to a thousandth of a per cent."""
    for fraction, words in ((1e-5, "0.001 % of the values"), (9e-6, "less than 0.001 % of the values"), (0.5, "50 %")):
        assert words in error_split_info(1, 0, 10, fraction).verdict
