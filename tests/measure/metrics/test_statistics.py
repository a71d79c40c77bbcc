"""Intervals and tests against textbook values, brute force, and their own promises."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.measure.metrics.statistics import (
    grouped_quantile_interval,
    mcnemar_exact,
    median_interval,
    normal_quantile,
    paired_difference_interval,
    quantile,
    ratio_interval,
    student_half,
    wilson_interval,
)

Z = 1.959963984540054


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_values(successes: int, n: int, low: float, high: float) -> None:
    """The four examples of Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3."""
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_estimate_and_mirrors(case: tuple[int, int]) -> None:
    """The interval holds the proportion, stays in [0, 1], and failures have the mirrored interval."""
    successes, n = case
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson_interval(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_is_scipys() -> None:
    """Over many proportions, none and all among them, it is what ``scipy.stats`` computes."""
    from scipy.stats import binomtest

    for n in (1, 2, 7, 30, 597, 10_000):
        for successes in {0, 1 % n, n // 3, n // 2, n - 1, n}:
            found = binomtest(successes, n).proportion_ci(method="wilson")
            assert wilson_interval(successes, n) == pytest.approx((found.low, found.high), abs=1e-12)


def test_impossible_counts_are_refused() -> None:
    """More successes than samples, or no samples, is an error and not an interval."""
    for successes, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="not a proportion"):
            wilson_interval(successes, n)
    for fixed, broken, n in ((3, 3, 5), (-1, 3, 5), (3, -1, 5), (0, 0, 0)):
        with pytest.raises(ValueError, match="cannot be"):
            paired_difference_interval(fixed, broken, n)
    for fixed, broken in ((3, 2), (5, 0), (0, 5)):
        assert paired_difference_interval(fixed, broken, 5)


def _score_by_search(b: int, c: int, n: int, delta: float) -> float:
    """Tango's score with the constrained likelihood maximized by trying 100,001 values."""
    q = np.linspace(max(0.0, -delta), (1 - delta) / 2, 100_001)[1:-1]
    with np.errstate(divide="ignore"):
        likelihood = b * np.log(q + delta) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - delta)
    best = q[np.argmax(likelihood)]
    return float((b - c - n * delta) / math.sqrt(n * (2 * best + delta - delta * delta)))


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (2, 12, 80), (5, 5, 40), (1, 4, 30)])
def test_paired_interval_ends_where_the_searched_score_is_196(b: int, c: int, n: int) -> None:
    """At both ends the score statistic, its likelihood maximized by brute force, is the normal quantile."""
    low, high = paired_difference_interval(b, c, n)
    assert _score_by_search(b, c, n, low) == pytest.approx(Z, abs=2e-3)
    assert _score_by_search(b, c, n, high) == pytest.approx(-Z, abs=2e-3)


@pytest.mark.parametrize(("probability_fixed", "probability_broken"), [(0.04, 0.03), (0.01, 0.05), (0.1, 0.02)])
def test_paired_interval_covers_the_true_difference_95_times_of_100(
    probability_fixed: float, probability_broken: float
) -> None:
    """In 4,000 seeded draws of 200 pairs, coverage is between 93.5 and 97 %."""
    rng = np.random.default_rng(5)
    rest = 1 - probability_fixed - probability_broken
    draws = rng.multinomial(200, [probability_fixed, probability_broken, rest], 4000)
    truth, found = probability_fixed - probability_broken, {}
    for b, c in {(int(b), int(c)) for b, c, _ in draws}:
        low, high = paired_difference_interval(b, c, 200)
        found[(b, c)] = low <= truth <= high
    covered = np.mean([found[(int(b), int(c))] for b, c, _ in draws])
    assert 0.935 <= covered <= 0.97


def test_paired_interval_and_the_exact_test_say_the_same() -> None:
    """The interval leaves zero out where McNemar's exact p is below 5 %, and nowhere else: 0 against 5 flips do not."""
    assert mcnemar_exact(0, 5) == pytest.approx(0.0625)
    assert paired_difference_interval(0, 5, 2000)[1] == 0
    assert paired_difference_interval(0, 6, 2000)[1] < 0
    for fixed, broken in ((f, b) for f in range(15) for b in range(15)):
        low, high = paired_difference_interval(fixed, broken, 200)
        assert (low <= 0 <= high) == (mcnemar_exact(fixed, broken) > 0.05), (fixed, broken)


def test_paired_interval_of_another_level_is_the_score_at_its_quantile() -> None:
    """At the quantile of five simultaneous intervals the score is that quantile at both ends."""
    z = normal_quantile(1 - 0.025 / 5)
    assert z == pytest.approx(2.5758, abs=1e-4)
    low, high = paired_difference_interval(12, 2, 50, z=z)
    assert _score_by_search(12, 2, 50, low if low else 1e-9) >= _score_by_search(12, 2, 50, high)
    assert _score_by_search(12, 2, 50, high) == pytest.approx(-z, abs=3e-3)


_PAIRS = st.integers(1, 2000).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)


@given(_PAIRS)
def test_paired_interval_holds_the_estimate_and_turns_with_the_sides(case: tuple[int, int, int]) -> None:
    """The interval holds the difference, stays in [-1, 1], is never empty, and changes sign when the sides swap."""
    fixed, broken, n = case
    low, high = paired_difference_interval(fixed, broken, n)
    assert -1 <= low <= (fixed - broken) / n <= high <= 1
    assert low < high
    assert paired_difference_interval(broken, fixed, n) == pytest.approx((-high, -low), abs=1e-9)


def test_no_flips_leave_a_difference_possible() -> None:
    """With no pair that differs the interval is z^2 / (n + z^2) wide on each side, not zero."""
    width = Z * Z / (100 + Z * Z)
    assert paired_difference_interval(0, 0, 100) == pytest.approx((-width, width), abs=1e-6)


@pytest.mark.parametrize("n", range(1, 13))
def test_mcnemar_counts_the_outcomes_that_are_as_uneven(n: int) -> None:
    """The p value is the share of all 2^n outcomes of n flips that are at least as uneven as the one seen."""
    counts = [sum(flips) for flips in itertools.product((0, 1), repeat=n)]
    for fixed in range(n + 1):
        uneven = abs(2 * fixed - n)
        expected = sum(abs(2 * k - n) >= uneven for k in counts) / 2**n
        assert mcnemar_exact(fixed, n - fixed) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_no_flips_is_one_and_of_many_is_finite() -> None:
    """Nothing flipped is no evidence; 5,000 flips do not overflow."""
    assert mcnemar_exact(0, 0) == 1.0
    assert 0 < mcnemar_exact(2400, 2600) < 0.01


def test_median_interval_of_ten_is_the_second_and_the_ninth() -> None:
    """The tabled ranks of a 95 % interval for the median of 10 values are 2 and 9; of 6 values 1 and 6, of 8 still 1
    and 8 (2 and 7 hold it 93 times of 100), of 16 values 4 and 13."""
    assert median_interval([float(v) for v in range(1, 9)]) == (1.0, 8.0)
    assert median_interval([float(v) for v in range(1, 17)]) == (4.0, 13.0)
    assert median_interval([float(v) for v in range(1, 11)]) == (2.0, 9.0)
    assert median_interval([float(v) for v in range(1, 7)]) == (1.0, 6.0)
    assert median_interval([1.0] * 5) is None


@given(st.lists(st.floats(0.1, 1e6), min_size=6, max_size=60), st.randoms(use_true_random=False))
def test_median_interval_holds_the_median_whatever_the_order(values: list[float], random: object) -> None:
    """The interval holds the median, and shuffling changes nothing."""
    found = median_interval(values)
    assert found is not None
    assert found[0] <= float(np.median(values)) <= found[1]
    random.shuffle(values)  # type: ignore[attr-defined]
    assert median_interval(values) == found


def test_median_interval_covers_95_times_of_100() -> None:
    """Over 3,000 seeded draws of 25 skewed values, it covers the true median at least 95 % of the time."""
    rng = np.random.default_rng(6)
    draws = rng.exponential(size=(3000, 25))
    covered = [low <= math.log(2) <= high for low, high in filter(None, map(median_interval, draws))]
    assert 0.95 <= np.mean(covered) <= 0.985


def test_far_quantiles_need_values_beyond_them() -> None:
    """p90 needs 36 values and p99 needs 368, the least of which order statistics make an interval; the median one."""
    assert quantile([], 0.5) is None
    assert quantile([3.0], 0.5) == 3.0
    for p, least in ((0.9, 36), (0.99, 368)):
        assert p**least <= 0.025 < p ** (least - 1)
        assert quantile(range(least - 1), p) is None
        assert quantile(range(least), p) == pytest.approx(p * (least - 1))


def test_a_low_quantile_is_the_high_one_of_the_mirrored_values() -> None:
    """p10 of values is p90 of their negatives, also where it lies too near the end; values that are all alike have an
    interval of no width."""
    rng = np.random.default_rng(4)
    for rounds, there in ((40, True), (6, False)):
        groups = rng.exponential(size=(rounds, 10))
        low, high = grouped_quantile_interval(list(groups), 0.1), grouped_quantile_interval(list(-groups), 0.9)
        assert (low is not None) == (high is not None) == there
        if low and high:
            assert low == pytest.approx((-high[1], -high[0]))
    assert grouped_quantile_interval([[3.0] * 20] * 6, 0.5) == (3.0, 3.0)
    assert grouped_quantile_interval([np.empty(0)] * 6, 0.5) is None


@pytest.mark.parametrize(("values", "there"), [(7, False), (8, True)])
def test_an_interval_ends_half_a_value_from_the_outermost(values: int, *, there: bool) -> None:
    """p90 of 8 groups alike (t of 7: 2.3646) reaches 0.7094 / sqrt(n) farther up: of 64 values to 98.9 % of them, half
    a value being 0.8 %; of 56 to 99.5 %, half a value being 0.9 %."""
    groups = [start + 8 * np.arange(float(values)) for start in range(8)]
    assert (grouped_quantile_interval(groups, 0.9) is not None) is there


def test_groups_that_are_alike_within_are_worth_one_value_each() -> None:
    """Of 40 groups of 50 equal values the median's interval is that of 40 values, by Kish's effect of 50 (40 / 39 in
    the variance between groups)."""
    values = np.arange(40.0)
    found = grouped_quantile_interval([np.full(50, value) for value in values], 0.5)
    half = 2.0227 * math.sqrt(0.25 / 40 * 40 / 39)  # t of 39 degrees of freedom
    assert found == pytest.approx(tuple(np.quantile(np.repeat(values, 50), (0.5 - half, 0.5 + half))))


def test_few_groups_of_unequal_size_are_worth_less_by_the_ratio_estimators_variance() -> None:
    """Of 6 groups with 20 to 70 values the share below the median has the variance k / (k - 1) sum (b - s m)^2 / n^2
    (b of a group's m values lie below, s of all n), and the values are worth as many as would have it by themselves."""
    sizes, below = np.array([20, 30, 40, 50, 60, 70]), np.array([6, 21, 14, 31, 24, 39])
    groups = [
        np.concatenate([np.linspace(0, 0.999, low), np.linspace(1.001, 2, size - low)])
        for size, low in zip(sizes, below, strict=True)
    ]
    assert 2 * below.sum() == sizes.sum() == 270
    variance = 6 / 5 * ((below - sizes / 2) ** 2).sum() / 270**2
    assert variance > 0.25 / 270
    half = 2.5706 * math.sqrt(variance)  # t of 5 degrees of freedom
    found = grouped_quantile_interval(groups, 0.5)
    assert found == pytest.approx(tuple(np.quantile(np.concatenate(groups), (0.5 - half, 0.5 + half))), rel=1e-3)


def test_grouped_quantile_interval_is_students() -> None:
    """Ten groups alike in every share are worth their 1,000 values: the median's interval reaches 2.2622, the tabled t
    of nine degrees of freedom, standard errors of the share to either side."""
    values = np.arange(100.0)
    half = 2.2622 * math.sqrt(0.25 / 1000)
    found = grouped_quantile_interval([values] * 10, 0.5)
    assert found == pytest.approx(tuple(np.quantile(np.tile(values, 10), (0.5 - half, 0.5 + half))), abs=0.01)


@pytest.mark.parametrize(("p", "rounds"), [(0.9, 12), (0.9, 60), (0.99, 60), (0.99, 300)])
@pytest.mark.parametrize("alike", [0.0, 0.3, 0.7])
def test_grouped_quantile_interval_misses_at_most_5_times_of_100(p: float, rounds: int, alike: float) -> None:
    """Over 300 seeded draws it misses the true quantile in at most 6 % (5 and the draw's luck), whether calls are
    independent or share most of their spread with their round; where rounds are too few it is not given."""
    rng = np.random.default_rng(9)
    true = float(np.quantile(_draw(rng, 4000, 500, alike), p))
    found = [grouped_quantile_interval(list(_draw(rng, rounds, 20, alike)), p) for _ in range(300)]
    given = [interval for interval in found if interval is not None]
    assert sum(not low <= true <= high for low, high in given) <= 0.06 * 300
    if alike == 0.0 or (p, rounds) == (0.9, 60):
        assert len(given) == 300


def _draw(rng: np.random.Generator, rounds: int, calls: int, alike: float) -> np.ndarray[tuple[int, int]]:
    """Skewed times, shape (rounds, calls), whose rounds differ by a part ``alike`` of their spread."""
    own, shared = rng.exponential(size=(rounds, calls)), rng.exponential(size=(rounds, 1))
    return np.asarray(1 + (1 - alike) * own + alike * shared)


def test_grouped_quantile_interval_says_when_it_has_none() -> None:
    """Below 6 groups, or where the quantile lies too near the outermost call, there is no interval."""
    few = [[1.0, 2.0, 3.0]] * 5
    assert grouped_quantile_interval(few, 0.5) is None
    assert grouped_quantile_interval([*few, [1.0, 2.0, 3.0]], 0.99) is None
    assert grouped_quantile_interval([], 0.9) is None


def test_a_grouped_interval_is_as_wide_as_students_t_says() -> None:
    """Of 6 groups that do not resemble each other, it reaches as far as 2.571 standard errors, the tabled t of 5."""
    groups = [list(range(start, 600, 6)) for start in range(6)]
    low, high = grouped_quantile_interval(groups, 0.5) or (0.0, 0.0)
    half = 2.5706 * math.sqrt(0.25 / 600)
    assert (low, high) == pytest.approx(((0.5 - half) * 599, (0.5 + half) * 599), abs=0.01)


def test_ratio_interval_pairs_rounds() -> None:
    """Noise that both sides share leaves the ratio certain; the same noise on one side does not."""
    rng = np.random.default_rng(7)
    slow = 1 + rng.exponential(size=40)
    low, high = ratio_interval(2 * slow, slow) or (0.0, 0.0)
    assert (low, high) == pytest.approx((2.0, 2.0))
    low, high = ratio_interval(2 * slow, np.ones(40)) or (0.0, 0.0)
    assert high - low > 0.5


def test_ratio_interval_holds_95_of_100_drawn_ratios() -> None:
    """Of rounds that are 1 or 3 the median of a draw is one of few values: its quantiles are counted by hand."""
    above = np.array([1.0] * 10 + [3.0] * 11)
    assert ratio_interval(above, np.ones(21)) == (1.0, 3.0)
    lone = np.array([1.0] * 4 + [3.0] * 17)  # 11 or more of 21 draws must be 1: 0.1 % of the draws
    assert ratio_interval(lone, np.ones(21)) == (3.0, 3.0)
    some = np.array([1.0] * 7 + [3.0] * 14)  # 7 % of the draws, so that 1 is within the 95 %
    assert ratio_interval(some, np.ones(21)) == (1.0, 3.0)
    few = np.array([1.0] * 6 + [3.0] * 15)  # 2 % on that side: left out at 2.5 % a side
    assert ratio_interval(few, np.ones(21)) == (3.0, 3.0)


@given(st.lists(st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)), min_size=6, max_size=30))
def test_ratio_interval_holds_the_ratio(pairs: list[tuple[float, float]]) -> None:
    """The interval holds the ratio of medians, and is the same at every call."""
    x, y = np.array(pairs).T
    found = ratio_interval(x, y)
    assert found is not None
    assert found[0] <= np.median(x) / np.median(y) <= found[1]
    assert ratio_interval(x, y) == found
    assert ratio_interval(x[:5], y[:5]) is None
    with pytest.raises(ValueError, match="equal numbers"):
        ratio_interval(x, y[1:])


def test_a_mean_of_few_windows_has_students_interval() -> None:
    """Three values 1, 2, 3: 4.3027, the tabled t of 2 degrees of freedom, standard errors of 1 / sqrt(3)."""
    assert student_half(np.array([1.0, 2.0, 3.0])) == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)
