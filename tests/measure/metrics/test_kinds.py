"""Intervals and paired comparisons of each kind: closed forms, and how often they hold the truth on simulated data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from qexplorer.core.plugin_kinds.metric import Scores
from qexplorer.core.plugins import METRICS
from qexplorer.measure.metrics.kinds.smooth import Mean, Ratio
from qexplorer.measure.metrics.statistics import paired_difference_interval, wilson_interval


class Height(Mean):
    """A mean of anything."""

    name, title = "height", "height"


class Rate(Ratio):
    """A ratio of anything."""

    name, title = "rate", "rate"


def test_a_mean_has_students_interval() -> None:
    """Alone and paired it is exactly SciPy's t interval, of the values and of their differences."""
    rng = np.random.default_rng(1)
    one, two = rng.standard_normal((2, 15, 1)) * 3 + 5
    for found, values in (
        (Height().interval(one), one[:, 0]),
        (Height().compare(one, two).ci95, (one - two)[:, 0]),
    ):
        assert found == pytest.approx(stats.t.interval(0.95, 14, values.mean(), stats.sem(values)))
    assert Height().compare(one, two).delta == pytest.approx((one - two).mean())


def test_a_ratio_has_cochrans_variance() -> None:
    """Sampling Techniques, 6.4: the residuals over the mean below, n - 1 in the variance."""
    rng = np.random.default_rng(2)
    below = rng.integers(1, 9, 30).astype(float)
    above = 2 * below + rng.standard_normal(30)
    found = Rate().interval(np.stack([above, below], axis=1))
    ratio = above.sum() / below.sum()
    variance = ((above - ratio * below) ** 2).sum() / 29 / 30 / below.mean() ** 2
    half = stats.t.ppf(0.975, 29) * math.sqrt(variance)
    assert found == pytest.approx((ratio - half, ratio + half))


def test_one_sample_has_no_interval() -> None:
    """Neither alone nor paired, and the value is there."""
    one = np.array([[2.0]])
    assert Height().value(one) == 2.0
    assert Height().interval(one) is None
    assert Height().compare(one, one + 1).ci95 is None
    two = np.array([[2.0], [4.0]])
    assert Height().interval(two) == pytest.approx(stats.t.interval(0.95, 1, 3.0, 1.0))


@pytest.mark.parametrize("name", ["token_accuracy", "miou"])
def test_a_share_without_a_mistake_has_no_interval_without_width(name: str) -> None:
    """All right on ten samples does not prove that all are: nothing is claimed."""
    assert METRICS.get(name).value(np.ones((10, 2))) == 1.0
    assert METRICS.get(name).interval(np.ones((10, 2))) is None


def test_a_share_has_wilsons_interval_and_tangos_beside_float() -> None:
    """Of 20 samples 18 right, of which float has 17."""
    metric = METRICS.get("accuracy")
    right, before = np.zeros((20, 1)), np.zeros((20, 1))
    right[:18], before[3:] = 1, 1
    assert (metric.value(right), metric.interval(right)) == (0.9, wilson_interval(18, 20))
    assert metric.compare(right, before).ci95 == paired_difference_interval(3, 2, 20)


@pytest.mark.parametrize(
    ("name", "none", "some"),
    [
        ("rmse", np.zeros((4, 1)), np.arange(4.0)[:, None]),
        ("token_accuracy", np.array([[0.0, 2.0]] * 4), np.array([[1.0, 2.0], [2.0, 2.0], [0.0, 1.0], [1.0, 1.0]])),
        ("miou", np.array([[0.0, 2.0, 1.0, 2.0]] * 4), np.arange(1.0, 17.0).reshape(4, 4)),
    ],
)
def test_a_comparison_turns_with_its_sides(name: str, none: Scores, some: Scores) -> None:
    """Also beside answers without any error, or without any that is right, which no sample moves."""
    metric = METRICS.get(name)
    one, other = metric.compare(none, some), metric.compare(some, none)
    assert one.ci95 is not None
    assert other.ci95 is not None
    assert one.delta == pytest.approx(-other.delta)
    assert one.ci95 == pytest.approx((-other.ci95[1], -other.ci95[0]))
    assert one.ci95[0] < one.delta < one.ci95[1]


def test_balanced_accuracy_of_one_class_is_a_proportion() -> None:
    """With a single class the recovered limits are Wilson's and Tango's own."""
    metric = METRICS.get("balanced_accuracy")
    right, before = np.zeros((20, 2)), np.zeros((20, 2))
    right[:18, 0], before[3:, 0] = 1, 1
    assert metric.interval(right) == pytest.approx(wilson_interval(18, 20))
    paired = metric.compare(right, before)
    assert (paired.fixed, paired.broken) == (3, 2)
    assert paired.ci95 == pytest.approx(paired_difference_interval(3, 2, 20))


def test_balanced_accuracy_of_more_classes_is_known_better() -> None:
    """Limits of four classes alike are half as far from their mean as those of each, alone and paired."""
    metric = METRICS.get("balanced_accuracy")
    classes = np.repeat(np.arange(4.0), 20)
    right, before = np.tile(np.arange(20) < 18, 4), np.tile(np.arange(20) >= 3, 4)
    ours, floats = (np.stack([each.astype(float), classes], axis=1) for each in (right, before))
    own, difference = wilson_interval(18, 20), paired_difference_interval(3, 2, 20)
    assert metric.interval(ours) == pytest.approx([0.9 + (end - 0.9) / 2 for end in own])
    assert metric.compare(ours, floats).ci95 == pytest.approx([0.05 + (end - 0.05) / 2 for end in difference])


def test_rmse_and_perplexity_stay_above_zero() -> None:
    """Their intervals are symmetric on a logarithmic scale, around the value."""
    scores = {"rmse": np.array([[1e-4], [25.0], [1.0]]), "perplexity": np.array([[0.1, 1.0], [9.0, 3.0], [2.0, 9.0]])}
    for name, rows in scores.items():
        found, value = METRICS.get(name).interval(rows), METRICS.get(name).value(rows)
        assert found is not None
        assert 0 < found[0] < value < found[1]
        assert found[0] * found[1] == pytest.approx(value**2)


def draw(name: str, rng: np.random.Generator, n: int) -> tuple[Scores, Scores]:
    """Scores of a variant and of float on ``n`` samples that both find alike hard, the variant a little worse."""
    hard = rng.gamma(2.0, size=n)
    if name == "rmse":
        errors = rng.standard_normal(n)[:, None] * hard[:, None]
        return np.square(errors + 0.3 * hard[:, None]), np.square(errors)
    if name in ("perplexity", "token_accuracy"):
        tokens = rng.integers(3, 12, n)
        if name == "perplexity":
            return tuple(np.stack([tokens * hard * (w + 0.2 * rng.random(n)), tokens], axis=1) for w in (0.55, 0.5))  # type: ignore[return-value]
        easy = rng.beta(6, 2, n)
        return tuple(np.stack([rng.binomial(tokens, easy * w), tokens], axis=1).astype(float) for w in (0.9, 1.0))  # type: ignore[return-value]
    if name == "sqnr":
        power = rng.gamma(3.0, size=n)
        noise = 0.02 * power * hard * rng.gamma(4.0, 0.25, size=n)
        return np.stack([power, noise], axis=1), np.stack([power, 0.01 * power * hard], axis=1)
    if name == "miou":
        size = rng.integers(20, 60, (n, 3)).astype(float)
        rows = []
        for share in (0.75, 0.8):
            both = rng.binomial(size.astype(int), np.clip(share - 0.05 * hard[:, None], 0, 1)).astype(float)
            rows.append(np.stack([both, size], axis=2).reshape(n, -1))
        return rows[0], rows[1]
    classes = np.minimum(rng.geometric(0.5, n) - 1, 3).astype(float)
    base = (rng.random(n) < 0.9 - 0.1 * classes).astype(float)
    ours = np.where(rng.random(n) < 0.1, 0.0, base)
    return np.stack([ours, classes], axis=1), np.stack([base, classes], axis=1)


@pytest.mark.parametrize("name", ["rmse", "perplexity", "token_accuracy", "sqnr", "miou", "balanced_accuracy"], ids=str)
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str) -> None:
    """Of 400 simulated sets of 150 samples, at least 91 % of both intervals hold what 300,000 samples come to."""
    metric, rng = METRICS.get(name), np.random.default_rng(11)
    ours, floats = draw(name, rng, 300_000)
    truth, delta = metric.value(ours), metric.compare(ours, floats).delta
    alone = paired = 0
    for _ in range(400):
        one, other = draw(name, rng, 150)
        low, high = metric.interval(one) or (math.nan, math.nan)
        alone += low <= truth <= high
        low, high = metric.compare(one, other).ci95 or (math.nan, math.nan)
        paired += low <= delta <= high
    assert alone >= 0.91 * 400
    assert paired >= 0.91 * 400
