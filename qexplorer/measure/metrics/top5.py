"""Top-5 accuracy: the share of samples whose class is among the five with the largest scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.measure.metrics.kinds.proportion import Proportion

__all__ = ["ENTRIES", "Top5Accuracy"]

PLACES = 5


class Top5Accuracy(Proportion):
    """Right where fewer than five classes have a score that is larger than the label's.

    A class with the same score counts as larger if its number is lower, as it is for the first place.
    """

    name, title = "top5_accuracy", "top-5 accuracy"
    clause = "the class of {value} of {n} samples among the first five"

    def scores(self, answers: Answers) -> Scores:
        """1 where right; NoScore for fewer than six classes, where it says nothing."""
        first = np.asarray(answers.outputs[0])
        if first.ndim < 2 or first.shape[0] != answers.n or any(length != 1 for length in first.shape[2:]):
            raise NoScore("the model's first output is no table of scores")
        rows: NDArray[Any] = first.reshape(answers.n, -1)
        if rows.shape[1] <= PLACES:
            raise NoScore(f"the model has {rows.shape[1]} classes: the first {PLACES} places say nothing")
        labels = np.asarray(answers.labels, np.int64)
        own = rows[np.arange(answers.n), labels][:, None]
        earlier = np.arange(rows.shape[1])[None, :] < labels[:, None]
        ahead = ((rows > own) | ((rows == own) & earlier)).sum(axis=1)
        return np.asarray(ahead < PLACES, np.float64)[:, None]


ENTRIES = (Top5Accuracy(),)
