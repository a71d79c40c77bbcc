"""Scores of one variant of a stream."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.plugins import METRICS
from qexplorer.measure.live.judge import LiveJudge


def test_a_class_that_only_a_later_sample_names_was_not_seen_before() -> None:
    """Scores of a sample with two classes stand beside one with a single class, which counts for the first of them."""
    kept = {"0": [1.0, 1.0], "1": [0.0, 2.0, 3.0, 4.0]}
    seen, value, interval = LiveJudge("miou", None, 2, None, kept).result()
    together = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 2.0, 3.0, 4.0]])
    assert (seen, value) == (2, pytest.approx(METRICS.get("miou").value(together)))
    assert value == pytest.approx((1 / 3 + 3 / 4) / 2)
    assert interval is not None
