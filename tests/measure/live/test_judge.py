"""Scores of one variant of a stream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.plugins import METRICS
from qexplorer.measure.live.judge import LiveJudge, first_sample
from qexplorer.measure.metrics.statistics import wilson_interval


def test_a_class_that_only_a_later_sample_names_was_not_seen_before() -> None:
    """Scores of a sample with two classes stand beside one with a single class, which counts for the first of them."""
    kept = {"0": [1.0, 1.0], "1": [0.0, 2.0, 3.0, 4.0]}
    seen, value, interval = LiveJudge("miou", None, 2, None, kept).result()
    together = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 2.0, 3.0, 4.0]])
    assert (seen, value) == (2, pytest.approx(METRICS.get("miou").value(together)))
    assert value == pytest.approx((1 / 3 + 3 / 4) / 2)
    assert interval is not None


def test_a_sample_counts_once_by_its_first_answer(tmp_path: Path) -> None:
    """None right of two is a share of 0 with its interval, and no missing number; labels are those of the sample, and
    a probability is a class from the threshold on."""
    np.save(tmp_path / "labels.npy", np.array([0, 1, 1]))
    judge = LiveJudge("accuracy", str(tmp_path / "labels.npy"), 3, 0.5, {})
    assert judge.result() == (0, None, None)
    for row, probability in ((0, 0.6), (2, 0.4), (0, 0.1), (2, 0.9)):
        judge.see(row, [np.array([[probability]], np.float32)])
    assert judge.result() == (2, 0.0, wilson_interval(0, 2))
    judge.see(1, [np.array([[0.6]], np.float32)])
    assert judge.result() == (3, 1 / 3, wilson_interval(1, 3))
    assert judge.told() == {"0": [0.0], "2": [0.0], "1": [1.0]}


def test_an_answer_without_a_score_is_not_judged() -> None:
    """Nor is a metric told that these samples do not define."""
    judge = LiveJudge("accuracy", None, 1, None, {})
    judge.see(0, [np.zeros((1, 4), np.float32)])
    assert judge.result() == (0, None, None)
    alike = LiveJudge("r2", None, 1, None, {"0": [1.0, 0.0], "1": [2.0, 0.0]})
    assert alike.result() == (2, None, None)


def test_of_a_call_the_first_sample_is_kept() -> None:
    """With its axis; a number for the whole batch stays, and outputs by name are taken in their order."""
    found = first_sample({"y": np.arange(6).reshape(3, 2), "z": np.float32(7)})
    assert [each.tolist() for each in found] == [[[0, 1]], 7.0]
