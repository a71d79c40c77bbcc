"""Likeness to float of whatever a model gives: lists without a row a sample, single numbers, several outputs."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.plugin_kinds.metric import Answers, NoScore
from qexplorer.core.plugins import METRICS
from qexplorer.measure.metrics.predictions import predictions


def _answers(*pairs: tuple[np.ndarray, np.ndarray], n: int) -> Answers:
    return Answers([x for x, _ in pairs], n, None, [y for _, y in pairs])


@pytest.mark.parametrize("shape", [(12,), (5,), (3, 4), (2, 2)])
def test_an_output_without_a_row_a_sample_counts_by_its_values(shape: tuple[int, ...]) -> None:
    """Boxes of all pictures in one list, or a number for a batch: the ratio is that of all values."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(shape)
    x = y + 0.1 * rng.standard_normal(shape)
    metric = METRICS.get("sqnr")
    found = metric.value(metric.scores(_answers((x, y), n=4)))
    assert found == pytest.approx(10 * np.log10((y**2).sum() / ((x - y) ** 2).sum()))


def test_outputs_of_different_length_have_no_ratio() -> None:
    """Where a variant finds fewer boxes than float there is no number, and the reason names both shapes."""
    with pytest.raises(NoScore, match=r"shape \(3,\), and float's has \(4,\)"):
        METRICS.get("sqnr").scores(_answers((np.ones(3), np.ones(4)), n=2))


def test_the_cosine_of_single_numbers_says_nothing() -> None:
    """It would be whether they share a sign."""
    with pytest.raises(NoScore, match="a single number"):
        METRICS.get("cosine").scores(_answers((np.ones((4, 1)), np.ones((4, 1))), n=4))
    two = _answers((np.ones((4, 1)), np.ones((4, 1))), (np.ones((4, 1)), np.ones((4, 1))), n=4)
    assert METRICS.get("cosine").scores(two).tolist() == [[1.0]] * 4


def test_no_class_is_named_where_none_is_asked_for() -> None:
    """Without a threshold the largest of four coordinates, or a number's sign, is no class."""
    assert predictions([np.eye(4)], 4, threshold=None) is None
    assert predictions([np.ones((4, 1))], 4, threshold=None) is None
