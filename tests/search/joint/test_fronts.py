"""Fronts and the area that they dominate, and when a part of the samples is enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.search.joint.fronts import front_of, hypervolume
from qexplorer.search.joint.racing import Rival, is_worse, stages

_POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


@given(_POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int]]) -> None:
    """As by comparing each with each; of equal points one."""
    front = [points[at] for at in front_of(points)]
    beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] <= p[1]}
    assert front == sorted(set(points) - beaten)


@given(_POINTS)
def test_the_dominated_area_is_that_of_its_cells(points: list[tuple[int, int]]) -> None:
    """Counted cell by cell on the integers."""
    cells = sum(any(x <= i and y <= j for x, y in points) for i in range(8) for j in range(7))
    assert hypervolume(points, (8, 7)) == cells


def test_only_what_is_surely_worse_is_stopped() -> None:
    """A cheaper rival that wins on every sample stops; a dearer one, or one that wins by chance, does not."""
    draw = np.random.default_rng(0)
    own = draw.uniform(1, 2, 32)
    better, alike = tuple(own - 0.5 + draw.normal(0, 0.1, 32)), tuple(own + draw.normal(0, 1, 32))
    assert is_worse(list(own), 5.0, [Rival(5.0, better)])
    assert not is_worse(list(own), 4.0, [Rival(5.0, better)])
    assert not is_worse(list(own), 5.0, [Rival(4.0, alike)])
    assert not is_worse(list(own), 5.0, [])


@pytest.mark.parametrize(("n", "expected"), [(20, (20,)), (95, (95,)), (96, (32, 96))])
def test_few_samples_are_run_at_once(n: int, expected: tuple[int, ...]) -> None:
    """A first part is worth it only where much is left."""
    assert stages(n) == expected
