"""A metric's numbers as people read them: shares, units of their own, and metrics of which less is better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.core.results import Accuracy
from qexplorer.report.comparison_charts.values import Value
from qexplorer.report.metric_words import (
    axis_title,
    bound_text,
    change_text,
    clause_of,
    delta_name,
    delta_unit,
    difference_text,
    drawn,
    in_unit,
    metric_of,
    others_of,
    stated,
    unsure_text,
    value_text,
    with_interval,
    with_unit,
)
from tests.report.comparisons import float_run, quantized_run

SHARE = Accuracy("accuracy", 0.987, (0.974, 0.994), 1500, -0.002, (-0.006, 0.001))
ERROR = replace(stated("rmse", 0.41823, 100), ci95=(0.4, 0.45), delta=0.01, delta_ci95=(0.005, 0.02))
RATIO = replace(stated("sqnr", 23.14, 100), ci95=(22.0, 24.2))


def test_values_have_their_unit_and_their_digits() -> None:
    """A share is shown times 100, a metric without a unit as it is."""
    assert [value_text(each) for each in (SHARE, ERROR, RATIO)] == ["98.7 %", "0.4182", "23.1 dB"]
    assert with_interval(SHARE) == "98.7 % (97.4 to 99.4)"
    assert with_interval(replace(SHARE, ci95=None)) == "98.7 %"
    assert (in_unit(SHARE, 0.5), in_unit(RATIO, 0.5)) == (50.0, 0.5)
    assert [axis_title(each) for each in (SHARE, ERROR, RATIO)] == ["accuracy (%)", "RMSE", "SQNR (dB)"]


def test_differences_have_their_sign_and_their_unit() -> None:
    """Points of a share, else the metric's own unit, else its name."""
    assert difference_text(SHARE) == "-0.2 (-0.6 to +0.1)"
    assert difference_text(replace(SHARE, delta_ci95=None)) == "-0.2"
    assert difference_text(replace(SHARE, delta=0.002, delta_ci95=(0.001, 0.006))) == "+0.2 (+0.1 to +0.6)"
    assert difference_text(RATIO) is None
    assert [delta_unit(each) for each in (SHARE, ERROR, RATIO)] == ["points", "", "dB"]
    assert [delta_name(each) for each in (SHARE, ERROR, RATIO)] == ["Δ points", "Δ RMSE", "Δ dB"]
    assert (with_unit(SHARE, 0.005), with_unit(SHARE, 0.005, sign=True)) == ("0.5 points", "+0.5 points")
    assert with_unit(ERROR, -0.01, sign=True) == "-0.01"


@pytest.mark.parametrize(
    ("bound", "text"), [(0.0061, "0.7 points"), (0.006, "0.6 points"), (0.0, "0.0 points"), (0.00001, "0.1 points")]
)
def test_a_bound_is_rounded_up(bound: float, text: str) -> None:
    """So that what it says still holds; a number that has its digits already stays."""
    assert bound_text(SHARE, bound) == text
    assert bound_text(SHARE, bound, "%") == text.replace("points", "%")
    assert bound_text(RATIO, 0.61) == "0.7 dB"
    assert bound_text(ERROR, 0.012341) == "0.01234"


def test_a_sure_difference_names_the_smaller_end_first() -> None:
    """Gains and losses of a share; higher and lower of anything else."""
    gained = replace(SHARE, delta=0.01, delta_ci95=(0.004, 0.02), n=50)
    assert change_text(gained) == "gains 1.0 points of accuracy (0.4 to 2.0, 50 samples)"
    assert change_text(replace(gained, delta=-0.01, delta_ci95=(-0.02, -0.004))).startswith("loses 1.0 points of")
    assert change_text(ERROR) == "0.01 higher RMSE (0.005 to 0.02, 100 samples)"
    assert change_text(replace(ERROR, delta=-0.01, delta_ci95=(-0.02, -0.005))).startswith("0.01 lower RMSE")
    lower = replace(SHARE, direction="lower", delta=0.01)
    assert change_text(lower).startswith("1.0 points higher accuracy")


def test_an_unsure_difference_says_what_could_hide() -> None:
    """None above a bound, or one up to it; higher where less is better; how many recipes this holds for."""
    start = "no difference in accuracy that 1500 samples could show, -0.2 points"
    assert unsure_text(SHARE, 0.006, small=True) == f"{start} (no loss above 0.6 points could hide)"
    assert unsure_text(SHARE, 0.02, small=False, looked=1).endswith("(a loss of up to 2.0 points could hide)")
    assert unsure_text(SHARE, 0.02, small=False, looked=2).endswith("2.0 points could hide, 2 recipes looked at)")
    assert unsure_text(ERROR, 0.02, small=True).endswith(", +0.01 (no RMSE higher by more than 0.02 could hide)")
    assert unsure_text(ERROR, 0.02, small=False).endswith("(RMSE higher by up to 0.02 could hide)")


def test_a_clause_is_the_metrics_own() -> None:
    """With the interval in its unit, and thousands apart."""
    assert clause_of(SHARE) == "98.7 % of 1,500 samples right"
    alike = replace(stated("agreement", 0.97, 2000), ci95=(0.92, 0.99))
    assert clause_of(alike) == "says what float says on 97.0 % of 2,000 samples (92.0 to 99.0 %)"
    assert clause_of(replace(alike, ci95=None)).endswith("2,000 samples")
    assert clause_of(ERROR) == "RMSE 0.4182 (0.4 to 0.45) on 100 samples"


def test_a_chart_has_the_value_in_its_unit() -> None:
    """With both ends, or none."""
    assert drawn(SHARE) == Value(pytest.approx(98.7), pytest.approx(97.4), pytest.approx(99.4))  # type: ignore[arg-type]
    assert drawn(replace(RATIO, ci95=None)) == Value(23.14)


def test_metrics_of_runs() -> None:
    """The primary one of the first that was judged; further ones that any run has a value of, each once."""
    runs = [float_run(accuracy=None), quantized_run(accuracy=SHARE), quantized_run(accuracy=ERROR)]
    assert metric_of(runs) is SHARE
    assert metric_of(runs[:1]) is None
    none = replace(RATIO, value=None)
    more = [float_run(metrics=(ERROR, none)), quantized_run(metrics=(ERROR, RATIO))]
    assert [each.metric for each in others_of(more)] == ["rmse", "sqnr"]
    assert others_of([float_run(metrics=(none,))]) == ()
