"""What a rung comes to over its batch sizes, and where layers part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.measure.ladder.ladder_types import LOW_SQNR_DB, ExactRung, SimulatedRung
from tests.report.ladders import gap, ladder, point, rung


def test_a_rung_is_that_of_all_its_batch_sizes() -> None:
    """The worst steps, and shares by samples; batch sizes without a share do not count; without any there is none."""
    gaps = (
        gap(32, n=300, worst_steps=2.0, within_one=0.9, agreement=0.9),
        gap(1, n=100),
        gap(8, n=500, worst_steps=None, within_one=None, agreement=None),
    )
    found = ExactRung(gaps)
    assert (found.worst_steps, found.exact) == (2.0, False)
    assert (found.agreement, found.within_one) == (pytest.approx(0.925), pytest.approx(0.925))
    assert ExactRung((gap(exact=True), gap(exact=False))).exact is False
    assert ExactRung((gap(exact=True),)).exact is True
    none = ExactRung()
    assert (none.worst_steps, none.agreement, none.within_one, none.exact) == (None, None, None, False)


def test_the_first_point_that_differs_grows_or_is_wrong() -> None:
    """At all, by more than a step, by itself."""
    points = (point("a"), point("b", 1, 1), point("c", 1.5, 1), point("d", 3, 3))
    found = rung(points=points)
    assert [each and each.layer for each in (found.parts, found.grows)] == ["b", "c"]
    assert found.wrong is points[3]
    assert rung(points=points[:3]).wrong is None
    assert (rung(points=points[:1]).parts, rung(points=points[:2]).grows) == (None, None)


def simulated(*sqnr: float | None) -> SimulatedRung:
    """Layers with these ratios."""
    found = ladder().simulated
    return replace(
        found, layers=tuple(replace(found.layers[0], layer=f"l{i}", sqnr_db=db) for i, db in enumerate(sqnr))
    )


def test_the_layer_at_which_the_ratio_falls() -> None:
    """Most below the one before, layers without a ratio left out; none where it only rises; the first below 10 dB."""
    drop = simulated(40.0, None, 35.0, 36.0, 20.0).largest_drop
    assert drop is not None
    assert (drop[0].layer, drop[1]) == ("l4", 16.0)
    assert simulated(20.0, 20.0, 30.0).largest_drop is None
    assert simulated(20.0).largest_drop is None
    low = simulated(40.0, None, LOW_SQNR_DB, 9.9, 5.0).first_low
    assert low is not None
    assert low.layer == "l3"
