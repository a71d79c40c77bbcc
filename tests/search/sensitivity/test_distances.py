"""What answers are laid beside float's by, on answers made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.search.sensitivity.distances import LaidBeside, Yardstick
from qexplorer.search.sensitivity.sensitivity_types import Evaluated


def _evaluated(logits: list[list[float]], labels: list[int] | None, *, probabilities: bool) -> Evaluated:
    """A variant beside a float network that gives each of two classes a half."""
    yard = Yardstick(floats=(0,), axis=1, probabilities=probabilities)
    ours = np.array(logits, np.float32)
    plain = np.zeros_like(ours)
    if probabilities:
        ours, plain = (np.exp(each) / np.exp(each).sum(1, keepdims=True) for each in (ours, plain))
    laid = [LaidBeside(), LaidBeside()]
    for each, answers in zip(laid, (ours, plain), strict=True):
        each.add(yard, [answers], [plain], None if labels is None else np.array(labels))
    return laid[0].evaluated(yard, laid[1])


@pytest.mark.parametrize("probabilities", [False, True])
def test_the_right_class_surprises_by_the_logarithm_of_its_probability(*, probabilities: bool) -> None:
    """A quarter in place of a half is log 2 more, three quarters are log 1.5 less; without labels nothing is told."""
    third = float(np.log(3.0))
    found = _evaluated([[third, 0.0], [third, 0.0]], [1, 1], probabilities=probabilities)
    assert found.surprise == pytest.approx(np.log(2.0), rel=1e-5)
    assert found.surprise_half == pytest.approx(0.0, abs=1e-6)
    assert found.less_sure
    mixed = _evaluated([[third, 0.0], [third, 0.0]], [1, 0], probabilities=probabilities)
    assert mixed.surprise == pytest.approx((np.log(2.0) - np.log(1.5)) / 2, rel=1e-5)
    assert not mixed.less_sure
    assert _evaluated([[third, 0.0]], None, probabilities=probabilities).surprise is None
