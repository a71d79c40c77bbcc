"""Accuracy, agreement, and what a model says of a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.metric import Answers
from qexplorer.core.plugins import METRICS
from qexplorer.core.results import Accuracy
from qexplorer.load.outputs import threshold_of
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.metrics.results import Scored, changed_at, not_shown, result_of, score_all

_CASE = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 2), min_size=n, max_size=n).map(np.array) for _ in range(3)))
)


def accuracy(predicted: np.ndarray, labels: np.ndarray, floats: np.ndarray | None) -> Accuracy:
    """Top-1 accuracy of class numbers, compared with those of ``floats``."""
    metric, n = METRICS.get("accuracy"), labels.size
    own, base = (
        None if said is None else score_all([metric], Answers([said], n, labels)) for said in (predicted, floats)
    )
    assert own is not None
    return result_of(metric, own, base, n, is_float=floats is None)


@given(_CASE)
def test_paired_counts_are_those_of_counting_one_by_one(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Value, fixed, broken and flipped are what a loop over the samples finds; the difference is that of accuracies."""
    labels, floats, ours = case
    n, positions = labels.size, np.arange(labels.size) * 3
    found = accuracy(ours, labels, floats)
    triples = list(zip(labels.tolist(), floats.tolist(), ours.tolist(), strict=True))
    assert found.value == sum(y == b for y, _, b in triples) / n
    assert found.fixed == sum(a != y == b for y, a, b in triples)
    assert found.broken == sum(b != y == a for y, a, b in triples)
    assert changed_at(ours, floats, positions) == tuple(3 * i for i, (_, a, b) in enumerate(triples) if a != b)
    base = accuracy(floats, labels, None).value
    assert base is not None
    assert found.delta == pytest.approx(found.value - base)
    assert found.delta_ci95 is not None
    assert found.delta_ci95[0] <= found.delta <= found.delta_ci95[1]
    assert found.n == n


def test_agreement_counts_equal_predictions() -> None:
    """Three of four equal predictions are an agreement of 0.75, with an interval and without a difference."""
    metric = METRICS.get("agreement")
    ours, theirs = [np.array([1, 2, 0, 0])], [np.array([1, 2, 0, 3])]
    found = result_of(metric, score_all([metric], Answers(ours, 4, None, theirs)), Scored(), 4, is_float=False)
    assert (found.metric, found.value, found.n, found.delta) == ("agreement", 0.75, 4, None)
    assert found.ci95 is not None


def test_what_is_not_shown_has_a_reason_and_no_value() -> None:
    """An accuracy that must not be shown is None, never 0."""
    found = not_shown(METRICS.get("accuracy"), "because")
    assert (found.value, found.ci95, found.n, found.reason) == (None, None, 0, "because")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (np.array([[0.1, 0.9], [0.8, 0.2]], np.float32), [1, 0]),
        (np.array([[[[1.0]], [[3.0]]], [[[2.0]], [[0.0]]]], np.float32), [1, 0]),
        (np.array([7, 3], np.int64), [7, 3]),
        (np.array([[-1.0], [2.0]], np.float32), [0, 1]),
        (np.zeros((2, 3, 4, 4), np.float32), None),
        (np.float32(3.0), None),
        (np.zeros((5, 3), np.float32), None),
    ],
)
def test_classes_are_read_from_the_shapes_that_name_one(output: np.ndarray, expected: list[int] | None) -> None:
    """Scores, scores with trailing ones, class numbers and single scores name a class; images and scalars do not."""
    found = predictions([output], 2)
    assert (None if found is None else found.tolist()) == expected


def test_a_single_probability_turns_at_one_half(cnn: Model) -> None:
    """Behind a Sigmoid the threshold is 0.5, else 0."""
    from dataclasses import replace

    last = cnn.layers[-1]
    sigmoid = replace(last, name="s", op="Sigmoid", inputs=("y0",), outputs=("y1",))
    reshape = replace(last, name="r", op="Reshape", inputs=("y1",), outputs=("y",))
    ends = replace(cnn, layers=(*cnn.layers[:-1], replace(last, outputs=("y0",)), sigmoid, reshape))
    assert (threshold_of(cnn), threshold_of(ends)) == (0.0, 0.5)
    assert predictions([np.array([[0.4], [0.6]], np.float32)], 2, threshold=0.5) is not None
    assert predictions([np.array([[0.4], [0.6]], np.float32)], 2, threshold=0.5).tolist() == [0, 1]  # type: ignore[union-attr]
