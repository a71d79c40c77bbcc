"""The paired ratio: how often it is right, and what it survives. No test here looks at a clock."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.speed import Change
from qexplorer.measure.timing.paired import LEAST_LOADS, PLACEMENT, by_load, paired_speedup, widened

LOADS = [i // 3 for i in range(30)]


def rounds(rng: np.random.Generator, slower: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Thirty rounds of two models on ten loadings while bursts of other work slow both down, not quite alike."""
    burst = np.exp(np.repeat(rng.exponential(0.5, 15) * (rng.random(15) < 0.6), 2))
    places = [np.repeat(np.exp(0.008 * rng.normal(size=10)), 3) for _ in range(2)]
    own = [burst * np.exp(0.1 * rng.standard_t(2, 30)) * place for place in places]
    return own[0], own[1] * slower


def test_a_model_against_itself_shows_no_difference_on_a_busy_machine() -> None:
    """Bursts and heavy tails leave a model equal to itself in at least 95 of 100 measurements."""
    rng = np.random.default_rng(5)
    found = [paired_speedup(*rounds(rng), LOADS).change for _ in range(1000)]
    assert found.count(Change.NONE) >= 950


def test_twice_as_fast_is_seen_on_a_busy_machine() -> None:
    """What is twice as fast is told to be faster in nearly every such measurement, with an interval that holds 2."""
    rng = np.random.default_rng(6)
    found = [paired_speedup(*(rounds(rng, 0.5)), LOADS) for _ in range(200)]
    assert sum(each.change is Change.BETTER for each in found) >= 195
    held = sum(each.ci95 is not None and each.ci95[0] <= 2 <= each.ci95[1] for each in found)
    assert held >= 190


def test_what_slows_both_cancels() -> None:
    """Rounds in which both take ten times as long change nothing, however many they are."""
    slow = np.where(np.arange(30) % 3, 10.0, 1.0)
    found = paired_speedup(2 * slow, slow, LOADS)
    assert found.ratio == pytest.approx(2)
    assert found.ci95 == pytest.approx((2, 2))


def test_one_strange_loading_of_ten_does_not_stretch_the_interval() -> None:
    """Of ten loadings the interval leaves out the smallest and the largest."""
    own = np.ones(30)
    own[:3] = 0.05
    assert paired_speedup(np.full(30, 2.0), own, LOADS).ci95 == pytest.approx((2, 2))


def test_one_loading_widens_the_interval_and_too_few_rounds_give_none() -> None:
    """Below six loadings rounds are counted, wider by what one loading hides; below six rounds there is no interval."""
    few = [0] * 15 + [1] * 15
    ends = (2 * (1 - PLACEMENT), 2 * (1 + PLACEMENT))
    assert paired_speedup(np.full(30, 2.0), np.ones(30), few).ci95 == pytest.approx(ends)
    assert paired_speedup(np.full(30, 2.0), np.ones(30)).ci95 == pytest.approx(ends)
    assert paired_speedup([2.0] * 5, [1.0] * 5).ci95 is None
    assert LEAST_LOADS == 6


def test_one_disturbed_round_does_not_move_its_loading() -> None:
    """A loading's number is the median of its rounds, whatever one of them took."""
    assert by_load(np.array([1.0, 1.0, 9.0, 2.0, 2.0, 2.0]), [0, 0, 0, 1, 1, 1]).tolist() == [1.0, 2.0]
    assert by_load(np.array([5.0, 5.0, 2.0, 2.0]), [8, 8, 1, 1]).tolist() == [2.0, 5.0]


def test_one_loading_hides_two_and_a_half_per_cent_on_either_side() -> None:
    """What two copies differ by (``PLACEMENT``) is added at both ends, and doubt is told with whatever comes out."""
    assert widened((2.0, 4.0)) == pytest.approx((1.95, 4.1))
    for loads in (None, LOADS):
        assert paired_speedup([2.0] * 30, [1.0] * 30, loads, doubt="on a busy machine").doubt == "on a busy machine"
