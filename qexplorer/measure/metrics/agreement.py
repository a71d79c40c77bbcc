"""Agreement with float: the share of samples that get the class which the float model names."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.measure.metrics.accuracy import NO_CLASSES, named
from qexplorer.measure.metrics.kinds.proportion import Proportion
from qexplorer.measure.metrics.predictions import predictions

__all__ = ["ENTRIES", "Agreement"]


class Agreement(Proportion):
    """Right where both name the same class."""

    name, title = "agreement", "agreement with float"
    clause = "says what float says on {value} of {n} samples{interval}"
    enough = 0.95
    needs_float = True
    ideal = 1.0

    def scores(self, answers: Answers) -> Scores:
        """1 where they agree; NoScore if no class is named."""
        assert answers.floats is not None
        theirs = predictions(answers.floats, answers.n, threshold=answers.threshold)
        if theirs is None:
            raise NoScore(NO_CLASSES)
        return np.asarray(named(answers) == theirs, np.float64)[:, None]


ENTRIES = (Agreement(),)
