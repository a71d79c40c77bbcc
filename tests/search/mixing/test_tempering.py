"""At which temperature mixes are judged."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.search.mixing.tempering import tempered
from qexplorer.search.sensitivity.distances import Yardstick


def answers(sure: int, of: int, margin: float) -> list[np.ndarray]:
    """Two classes: some samples that are sure of one by so much, the others undecided."""
    return [np.array([[margin, 0.0]] * sure + [[0.0, 0.0]] * (of - sure))]


@pytest.mark.parametrize(
    ("given", "axis", "wanted"),
    [
        (answers(0, 8, 0.0), 1, 1.0),
        (answers(6, 8, 400.0), 1, 1.0),  # a quarter decides
        (answers(7, 8, 400.0), 1, 4.0),  # an eighth does at every temperature
        (answers(7, 8, 5.0), 1, 1.5),  # 2 p (1 - p) of the sure ones: 0.013 at 1, 0.067 at 1.5
        (answers(7, 8, 400.0), None, 1.0),
    ],
)
def test_the_lowest_temperature_at_which_a_quarter_decides(
    given: list[np.ndarray], axis: int | None, wanted: float
) -> None:
    """By closed forms of two classes; answers that are no classes have none."""
    assert tempered(Yardstick((0,), axis, probabilities=False), given) == wanted
