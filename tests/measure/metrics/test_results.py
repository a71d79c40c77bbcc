"""From scores to a result: which difference is told, what is missing and why, and where an interval ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from qexplorer.core.plugin_kinds.metric import Answers
from qexplorer.core.plugins import METRICS
from qexplorer.core.results import Accuracy
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.metrics.results import Scored, changed_at, differs, not_shown, result_of, score_all
from qexplorer.measure.metrics.sqnr import ENOUGH_DB, decibels

RIGHT, WRONG = np.ones((4, 1)), np.zeros((4, 1))


@pytest.mark.parametrize(
    ("p", "ci95", "told"),
    [
        (0.05, None, True),
        (0.051, (0.01, 0.2), False),  # the exact test goes first
        (None, (0.01, 0.2), True),
        (None, (-0.2, -0.01), True),
        (None, (0.0, 0.2), False),
        (None, (-0.2, 0.0), False),
        (None, None, False),
    ],
)
def test_a_difference_is_told_at_five_per_cent_or_where_zero_is_left_out(
    p: float | None, ci95: tuple[float, float] | None, told: bool
) -> None:
    """Either end of an interval still holds zero."""
    assert differs(Accuracy("accuracy", 0.9, delta=0.1, delta_ci95=ci95, mcnemar_p=p)) is told


def result(name: str, own: Scored, base: Scored | None, *, is_float: bool = False) -> Accuracy:
    """Of four samples."""
    return result_of(METRICS.get(name), own, base, 4, is_float=is_float)


def test_the_float_model_is_what_others_are_compared_with() -> None:
    """It agrees with itself by definition; with labels it has a value and no difference."""
    found = result("agreement", Scored(), None, is_float=True)
    assert (found.value, found.n, found.ci95) == (1.0, 4, None)
    assert found.reason == "no labels: every run is compared with this one"
    assert result("sqnr", Scored(), None, is_float=True).value is None
    odd = result("agreement", Scored(without={"agreement": "it names no class"}), None, is_float=True)
    assert (odd.value, odd.n, odd.reason) == (None, 0, "it names no class")
    plain = result("accuracy", Scored({"accuracy": RIGHT}), None, is_float=True)
    assert (plain.value, plain.n, plain.delta, plain.reason) == (1.0, 4, None, None)


def test_what_is_missing_says_why() -> None:
    """No answers of the float model, no scores, or a value that is not defined; never a number in its place."""
    scored = Scored({"accuracy": RIGHT, "agreement": RIGHT})
    nothing = result("agreement", scored, None)
    assert (nothing.value, nothing.n) == (None, 0)
    assert nothing.reason == "the float model gave no answers on this backend, and there are no labels"
    for base in (None, Scored()):
        alone = result("accuracy", scored, base)
        assert (alone.value, alone.delta) == (1.0, None)
        assert alone.reason == "no difference to the float model, which gave no answers on this backend"
    assert result("accuracy", Scored(without={"accuracy": "it is odd"}), scored).reason == "it is odd"
    assert result("accuracy", Scored(), scored).reason == "it was not measured"
    flat = Scored({"r2": np.array([[1.0, 0.0]] * 4)})
    undefined = result("r2", flat, flat)
    assert (undefined.value, undefined.n) == (None, 4)
    assert undefined.reason == "all labels are equal, so there is no variance to explain"


def test_a_variant_is_compared_sample_by_sample() -> None:
    """What only it is right about was fixed, what only float is right about was broken."""
    own, base = np.array([[1.0], [1.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
    found = result("accuracy", Scored({"accuracy": own}), Scored({"accuracy": base}))
    assert (found.value, found.delta, found.fixed, found.broken) == (0.75, 0.25, 2, 1)
    assert found.mcnemar_p == 1.0
    endless = Scored({"r2": np.array([[1.0, 0.0]] * 4)})
    varied = Scored({"r2": np.array([[1.0, 2.0]] * 4)})
    assert result("r2", varied, endless).delta is None


def test_metrics_that_need_float_are_left_out_without_it() -> None:
    """They are neither scored nor explained; one that these answers have no score of is explained."""
    metrics = [METRICS.get(name) for name in ("accuracy", "agreement", "top5_accuracy")]
    labels = np.array([0, 1])
    found = score_all(metrics, Answers([np.eye(2)], 2, labels))
    assert set(found.scores) == {"accuracy"}
    assert set(found.without) == {"top5_accuracy"}
    assert set(score_all(metrics, Answers([np.eye(2)], 2, labels, [np.eye(2)])).scores) == {"accuracy", "agreement"}
    assert changed_at(None, labels, labels) == changed_at(labels, None, labels) == ()


@pytest.mark.parametrize(("label", "right"), [(0, 1.0), (4, 1.0), (5, 0.0), (6, 0.0)])
def test_of_equal_scores_the_lower_class_stands_before(label: int, right: float) -> None:
    """Where all seven are alike the first five are classes 0 to 4, as the first of all is class 0."""
    scores = METRICS.get("top5_accuracy").scores(Answers([np.zeros((1, 7))], 1, np.array([label])))
    assert scores.tolist() == [[right]]
    assert METRICS.get("accuracy").scores(Answers([np.zeros((1, 7))], 1, np.array([label]))).tolist() == [[label == 0]]


@pytest.mark.parametrize(
    ("output", "threshold", "expected"),
    [
        (np.array([[0.5], [0.51]], np.float32), 0.5, [0, 1]),  # above, not at
        (np.array([[3], [1]], np.int32), 0.5, [3, 1]),
        (np.array([True, False]), 0.0, [1, 0]),
        (np.array([[1, 5, 5], [9, 0, 0]], np.uint8), 0.0, [1, 0]),  # the first of the largest
        (np.zeros((2, 0), np.float32), 0.0, None),
        (np.array([["a", "b"]] * 2), 0.0, None),
    ],
)
def test_a_class_is_named_by_numbers(output: Any, threshold: float, expected: list[int] | None) -> None:
    """Class numbers as they are, truth values, the place of the largest score; nothing by texts."""
    found = predictions([output], 2, threshold=threshold)
    assert (None if found is None else found.tolist()) == expected


def test_an_interval_ends_where_the_scale_does() -> None:
    """A mean cosine is at most 1, a share of tokens at least 0; where all samples agree inside of it there is none of
    width."""
    cosine = METRICS.get("cosine").interval(np.array([[1.0], [0.9], [1.0]]))
    assert cosine is not None
    assert cosine[0] < 0.9
    assert cosine[1] == 1.0
    tokens = METRICS.get("token_accuracy").interval(np.array([[0.0, 4.0], [0.0, 4.0], [1.0, 4.0]]))
    assert tokens is not None
    assert tokens[0] == 0.0
    assert METRICS.get("cosine").interval(np.full((3, 1), 0.5)) == (0.5, 0.5)
    assert METRICS.get("cosine").interval(np.full((3, 1), -1.0)) is None


def test_enough_is_an_error_of_a_hundredth_of_the_power() -> None:
    """20 dB; ten times the error is 10 dB less."""
    assert decibels(np.array([[100.0, 1.0], [300.0, 3.0]]))[0] == pytest.approx(ENOUGH_DB)
    assert decibels(np.array([[100.0, 10.0]]))[0] == pytest.approx(10.0)
    assert decibels(np.array([[0.0, 1.0]]))[0] == -math.inf


HIGHER, LOWER = "higher", "lower"


@pytest.mark.parametrize(
    ("name", "direction", "bounds", "unit", "ideal", "enough"),
    [
        ("accuracy", HIGHER, (0.0, 1.0), "%", None, None),
        ("balanced_accuracy", HIGHER, (0.0, 1.0), "%", None, None),
        ("top5_accuracy", HIGHER, (0.0, 1.0), "%", None, None),
        ("token_accuracy", HIGHER, (0.0, 1.0), "%", None, None),
        ("miou", HIGHER, (0.0, 1.0), "%", None, None),
        ("agreement", HIGHER, (0.0, 1.0), "%", 1.0, 0.95),
        ("cosine", HIGHER, (-1.0, 1.0), "", 1.0, 0.99),
        ("sqnr", HIGHER, (None, None), "dB", None, 20.0),
        ("worst_output_sqnr", HIGHER, (None, None), "dB", None, 20.0),
        ("r2", HIGHER, (None, 1.0), "", None, None),
        ("rmse", LOWER, (0.0, None), "", None, None),
        ("perplexity", LOWER, (1.0, None), "", None, None),
    ],
)
def test_a_result_says_how_its_metric_is_read(
    name: str,
    direction: str,
    bounds: tuple[float | None, float | None],
    unit: str,
    ideal: float | None,
    enough: float | None,
) -> None:
    """What is better, where the scale ends, its unit, and from where on it is enough; what compares with float has no
    difference to it."""
    metric = METRICS.get(name)
    found = not_shown(metric, "because")
    assert (found.direction, found.bounds, found.unit, found.enough) == (direction, bounds, unit, enough)
    assert (found.metric, found.title, found.form, found.clause) == (name, metric.title, metric.form, metric.clause)
    compares = name in ("agreement", "cosine", "sqnr", "worst_output_sqnr")
    assert (metric.needs_float, metric.ideal) == (compares, ideal)
