"""Top-1 accuracy: the share of samples whose class the model names."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.measure.metrics.kinds.proportion import Proportion
from qexplorer.measure.metrics.predictions import Labels, predictions

__all__ = ["ENTRIES", "NO_CLASSES", "AccuracyMetric", "named"]

NO_CLASSES = "the model's first output names no class for each sample"


class AccuracyMetric(Proportion):
    """Right where the class named is the label."""

    name, title = "accuracy", "accuracy"
    clause = "{value} of {n} samples right"

    def scores(self, answers: Answers) -> Scores:
        """1 where right; NoScore if no class is named."""
        return np.asarray(named(answers) == answers.labels, np.float64)[:, None]


def named(answers: Answers) -> Labels:
    """The class named for each sample, shape ``(n,)``; NoScore if the first output names none."""
    said = predictions(answers.outputs, answers.n, threshold=answers.threshold)
    if said is None:
        raise NoScore(NO_CLASSES)
    return said


ENTRIES = (AccuracyMetric(),)
