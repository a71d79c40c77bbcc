"""Accuracy, agreement, and what a model says of a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.core.model import Model
from qexplorer.measure.metrics.accuracy import accuracy, agreement, not_shown
from qexplorer.measure.metrics.predictions import predictions, threshold_of

_CASE = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 2), min_size=n, max_size=n).map(np.array) for _ in range(3)))
)


@given(_CASE)
def test_paired_counts_are_those_of_counting_one_by_one(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Value, fixed, broken and flipped are what a loop over the samples finds; the difference is that of accuracies."""
    labels, floats, ours = case
    n, positions = labels.size, np.arange(labels.size) * 3
    found = accuracy(ours, labels, floats, positions)
    triples = list(zip(labels.tolist(), floats.tolist(), ours.tolist(), strict=True))
    assert found.value == sum(y == b for y, _, b in triples) / n
    assert found.fixed == sum(a != y == b for y, a, b in triples)
    assert found.broken == sum(b != y == a for y, a, b in triples)
    assert found.flipped == tuple(3 * i for i, (_, a, b) in enumerate(triples) if a != b)
    base = accuracy(floats, labels, None, positions).value
    assert base is not None
    assert found.delta == pytest.approx(found.value - base)
    assert found.delta_ci95 is not None
    assert found.delta_ci95[0] <= found.delta <= found.delta_ci95[1]
    assert found.n == n


def test_agreement_counts_equal_predictions() -> None:
    """Three of four equal predictions are an agreement of 0.75, and the fourth is a flip."""
    found = agreement(np.array([1, 2, 0, 0]), np.array([1, 2, 0, 3]), np.array([5, 6, 7, 8]))
    assert (found.metric, found.value, found.n, found.flipped) == ("agreement", 0.75, 4, (8,))
    assert found.ci95 is not None
    assert "no labels" in (found.reason or "")


def test_what_is_not_shown_has_a_reason_and_no_value() -> None:
    """An accuracy that must not be shown is None, never 0."""
    found = not_shown("accuracy", "because")
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
