"""Balanced accuracy: the mean, over classes, of the share of the class's samples that are right."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Scores
from qexplorer.measure.metrics.accuracy import named
from qexplorer.measure.metrics.kinds.stratified import MeanOfShares

__all__ = ["ENTRIES", "BalancedAccuracy"]


class BalancedAccuracy(MeanOfShares):
    """Brodersen et al. 2010 (ICPR, 3121-3124); the mean recall over classes that have samples."""

    name, title = "balanced_accuracy", "balanced accuracy"

    def scores(self, answers: Answers) -> Scores:
        """1 where right, and the label; NoScore if no class is named."""
        labels = np.asarray(answers.labels, np.float64)
        return np.stack([np.asarray(named(answers) == answers.labels, np.float64), labels], axis=1)


ENTRIES = (BalancedAccuracy(),)
