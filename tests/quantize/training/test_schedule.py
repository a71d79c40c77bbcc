"""What changes as training goes on, by hand."""

from __future__ import annotations

import pytest

from qexplorer.quantize.training.options import Schedule
from qexplorer.quantize.training.schedule import Stages, rate_share


def test_widths_have_equal_parts_and_the_grids_own_comes_last() -> None:
    """Seven epochs at 8 bits, at 4 bits and at the own width: three, two and two, each with its ends."""
    stages = Stages((8, 4), 7)
    assert [stages.of(epoch) for epoch in range(1, 8)] == 3 * [(8, 1, 3)] + 2 * [(4, 4, 5)] + 2 * [(0, 6, 7)]
    assert stages.first_of_last() == 6
    assert (Stages((), 3).of(2), Stages((), 3).first_of_last()) == ((0, 1, 3), 1)


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", (1, 1, 1, 1)), ("linear", (1, 0.75, 0.5, 0)), ("cosine", (1, 0.853553, 0.5, 0))],
)
def test_rates_rise_while_warming_up_and_fall_over_the_rest(schedule: Schedule, shares: tuple[float, ...]) -> None:
    """A fifth warms up, from nothing; then all, three quarters, half and nothing of the rest are left."""
    assert [rate_share(schedule, 0.2, done) for done in (0.0, 0.1)] == [0.0, 0.5]
    assert [rate_share(schedule, 0.2, done) for done in (0.2, 0.4, 0.6, 1.0)] == pytest.approx(shares, abs=1e-6)
    assert rate_share(schedule, 0.0, 0.0) == 1.0
