"""Signal to quantization noise ratio against the float model, over all outputs together."""

from __future__ import annotations

import math

import numpy as np

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN, Answers, Scores
from qexplorer.measure.metrics.kinds.smooth import Smooth
from qexplorer.measure.metrics.rows.powers import signal_and_error

__all__ = ["ENOUGH_DB", "ENTRIES", "Sqnr", "decibels"]

ENOUGH_DB = 20.0
"""Below it more than a hundredth of the output's power is error."""


class Sqnr(Smooth):
    """Ten times the decimal logarithm of float's power over the power of the difference.

    Scores: both sums over a sample.
    """

    name, title, unit, form = "sqnr", "SQNR", "dB", ".1f"
    enough = ENOUGH_DB
    needs_float = True
    undefined = FLOATS_OWN

    def scores(self, answers: Answers) -> Scores:
        """Shape ``(n, 2)``."""
        return np.asarray(signal_and_error(answers).sum(axis=2))

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """See :func:`decibels`."""
        return decibels(scores)


def decibels(scores: Scores) -> tuple[float, Scores]:
    """The ratio of the columns' sums in dB, and each sample's influence on it; infinite without noise."""
    signal, noise = scores.mean(axis=0)
    if signal == 0 or noise == 0:
        return (math.inf if noise == 0 else -math.inf), np.zeros(scores.shape[0])
    influence = 10 / math.log(10) * (scores[:, 0] / signal - scores[:, 1] / noise)
    return 10 * math.log10(signal / noise), influence


ENTRIES = (Sqnr(),)
