"""The charts of a joint search as data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.report.joint_charts.importance import importance_rows
from qexplorer.report.joint_charts.tried import progress_rows, tried_rows, tried_spec
from tests.report.joint_charts.test_joint_words import BEST, DEARER, STOPPED, report


def test_points_are_where_cost_and_loss_put_them() -> None:
    """Of int8's cost in per cent; intervals, or the value itself; a loss of none has a place on a logarithmic axis."""
    sure = replace(DEARER, quality=0.0, ci95=(0.0, 0.02))
    rows = tried_rows(report(trials=(BEST, sure, STOPPED)), chosen=1)
    assert [(row["cost"], row["quality"], row["low"], row["high"]) for row in rows["measured"]] == [
        (50.0, 0.0234, 0.0234, 0.0234),
        (100.0, 1e-9, 1e-9, 0.02),
    ]
    assert [row["number"] for row in rows["stopped"]] == [2]
    assert [(row["number"], row["order"]) for row in rows["front"]] == [(0, 0), (1, 1)]
    assert [row["number"] for row in rows["chosen"]] == [1]
    assert tried_rows(report())["chosen"] == []
    drop = tried_rows(report("metric", trials=(replace(BEST, quality=-0.01),)))
    assert drop["measured"][0]["quality"] == -0.01


def test_kinds_that_are_there_have_a_colour() -> None:
    """The legend names no other; losses have a logarithmic axis and drops none."""
    for quality, log in (("loss", True), ("metric", False)):
        layers = tried_spec(report(quality))["layer"]
        colour, y = layers[1]["encoding"]["color"], layers[1]["encoding"]["y"]
        assert colour["scale"]["domain"] == ["plain", "the search"]
        assert (y.get("scale", {}).get("type") == "log") is log
    low = tried_spec(report("loss"))["layer"][1]["encoding"]["y"]["scale"]["domainMin"]
    least = min(row["quality"] for row in tried_rows(report("loss"))["measured"])
    assert least / 100 < low < least, "an interval that reaches 0 does not make the picture deeper"


def test_the_front_comes_about_trial_by_trial() -> None:
    """In per cent of what it dominates in the end, from the corner of the plain recipes, or of all."""
    plain = [
        replace(BEST, number=i, weight_bytes=b, quality=q) for i, (b, q) in enumerate(((80_000, 0.01), (40_000, 0.1)))
    ]
    found = replace(DEARER, number=2, weight_bytes=60_000, quality=0.01)
    rows = progress_rows(report(trials=(*plain, STOPPED, found)))
    assert [row["trials"] for row in rows] == [1, 2, 3, 4]
    assert [row["area"] for row in rows] == pytest.approx([0.0, 0.0, 0.0, 100.0])
    outside = replace(found, number=3, weight_bytes=90_000, quality=0.001)
    rows = progress_rows(report(trials=(*plain, found, outside)))
    assert [row["area"] for row in rows] == pytest.approx([0.0, 0.0, 100.0, 100.0])
    halves = [replace(found, number=i, weight_bytes=60_000 - 20_000 * i, quality=0.1 ** (1 + i)) for i in range(2)]
    rows = progress_rows(report(trials=(*plain, *halves)))
    assert [row["area"] for row in rows[2:]] == pytest.approx([0.0, 100.0])
    steps = [replace(found, number=2 + i, quality=q) for i, q in enumerate((10**-1.5, 0.01))]
    assert [row["area"] for row in progress_rows(report(trials=(*plain, *steps)))] == pytest.approx([0, 0, 50, 100])
    assert progress_rows(report(trials=(STOPPED,))) == []
    assert [row["area"] for row in progress_rows(report(trials=(BEST,)))] == [100.0]


def test_what_matters_most_in_either_objective_stands_first() -> None:
    """Twelve at most, in per cent, with a row for each objective."""
    shares = {f"p{i}": i / 100 for i in range(14)}
    importance = {"quality": shares, "cost": {"p0": 0.5}}
    rows = importance_rows(replace(report(), importance=importance))
    assert len(rows) == 24
    assert rows[0] == {"choice": "p0", "objective": "quality", "share": 0.0, "rank": 0}
    assert rows[1] == {"choice": "p13", "objective": "quality", "share": 13.0, "rank": 1}
    assert rows[12] == {"choice": "p0", "objective": "cost", "share": 50.0, "rank": 0}
    assert rows[13]["share"] == 0.0
