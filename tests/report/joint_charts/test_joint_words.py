"""Sentences and cells about a joint search, of a report with known numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.report.joint_charts.joint_words import (
    chosen_words,
    cost_share,
    cost_title,
    float_words,
    front_cells,
    quality_title,
    tried_sentence,
)
from qexplorer.search.joint.joint_types import JointQuestion, JointReport, JointTrial, VerifiedTrial

BEST = JointTrial(0, "measured", "plain", (0,), "w4a8", 0.0234, None, 0.975, 40_000, 2.0e6, 200)
DEARER = JointTrial(1, "measured", "the search", (1,), "w8a8", 0.01, None, 0.98, 80_000, 4.0e6, 200)
STOPPED = JointTrial(2, "stopped", "the search", (2,), "w2a8", 2.0, n=50)
REFUSED = replace(STOPPED, number=3, state="refused")
CHECKED = VerifiedTrial(0, 0.0312, None, 0.97)


def report(
    quality: str = "loss", cost: str = "weight_bytes", *, trials: tuple[JointTrial, ...] = (BEST, DEARER)
) -> JointReport:
    """Two recipes beside an int8 of 80 kB and 8 million bit operations."""
    asked = JointQuestion("", quality=quality, cost=cost)  # type: ignore[arg-type]
    whole = {"weight_bytes": 80_000.0, "bit_operations": 8.0e6}
    about = ("net", "points", asked, "study", "", "nats", "accuracy", 200, 397, (), whole)
    return JointReport(*about, trials, verified=(CHECKED,))


def test_objectives_are_named_with_their_units() -> None:
    """Losses in nats or as a ratio, the metric as how much worse than float; costs as per cent of int8's."""
    assert quality_title(report()) == "divergence from float, nats"
    assert quality_title(replace(report(), unit="relative")) == "squared error over signal"
    assert quality_title(report("metric")) == "accuracy, worse than float by"
    assert quality_title(replace(report("metric"), metric_name=None)) == "metric, worse than float by"
    assert cost_title(report()) == "weights, % of int8's"
    assert cost_title(report(cost="bit_operations")) == "bit operations, % of int8's"
    assert cost_share(report(), BEST) == pytest.approx(50)
    assert cost_share(report(cost="bit_operations"), BEST) == pytest.approx(25)


def test_what_was_tried_is_counted_by_how_it_ended() -> None:
    """Measured, stopped early, refused; how many are on the front."""
    assert tried_sentence(report(trials=())) == "Nothing was tried yet."
    assert tried_sentence(report(trials=(BEST,))) == "1 recipe: 1 measured on 200 samples kept apart; 1 on the front."
    told = tried_sentence(report(trials=(BEST, DEARER, STOPPED, STOPPED, REFUSED)))
    assert told == (
        "5 recipes: 2 measured on 200 samples kept apart, 2 stopped early, because a cheaper one is surely better, "
        "1 that do not go together; 2 on the front."
    )


def test_a_recipe_of_the_front_is_told_with_cost_quality_and_metric() -> None:
    """On the samples of the search, and on those that it did not look at where it was verified."""
    assert chosen_words(report(), BEST) == (
        "40.0 kB, 50 % of int8's; a loss of 0.0234, 97.5 % on 200 samples; a loss of 0.0312 on 397 that the search did "
        "not look at."
    )
    operations = chosen_words(report(cost="bit_operations"), DEARER)
    few = replace(DEARER, bit_operations=1234.0)
    assert chosen_words(report(cost="bit_operations"), few).startswith("1234 bit operations, ")
    assert operations == "4.00 M bit operations, 50 % of int8's; a loss of 0.01, 98.0 % on 200 samples."
    assert "; a loss of 0.01 on 200 samples." in chosen_words(replace(report(), metric_name=None), DEARER)
    for quality, words in (
        (0.02, "2.0 points worse than float"),
        (-0.02, "2.0 points better than float"),
        (0.0, "as good as float"),
        (None, "not known"),
    ):
        assert f"; {words}, 98.0 %" in chosen_words(report("metric"), replace(DEARER, quality=quality))


def test_a_row_for_each_recipe_of_the_front() -> None:
    """The cheapest first; what was not verified says so."""
    first, second = front_cells(report())
    assert first == ("w4a8", "plain", "40.0 kB", "50.0 %", "0.0234", "97.5 %", "0.0312", "97.0 %")
    assert second == ("w8a8", "the search", "80.0 kB", "100.0 %", "0.01", "98.0 %", "not yet", "not yet")
    nameless = front_cells(replace(report(), metric_name=None))[0]
    assert (nameless[5], nameless[7]) == ("not known", "not known")


def test_float_stands_beside_what_was_found() -> None:
    """Its metric on both sets of samples, as far as it is known, and in brackets behind that of a recipe."""
    known = replace(report(), float_metric=0.985, float_verified=0.99)
    assert float_words(known) == "98.5 % on 200 samples, 99.0 % on 397 that the search did not look at"
    assert float_words(replace(known, float_verified=None)) == "98.5 % on 200 samples"
    assert float_words(report()) == ""
    assert "97.5 % (float 98.5 %) on 200 samples" in chosen_words(known, BEST)
