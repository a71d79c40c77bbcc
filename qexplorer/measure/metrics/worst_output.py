"""SQNR of the output that is farthest from float's, where a model has several."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import FLOATS_OWN, Answers, NoScore, Scores
from qexplorer.measure.metrics.kinds.smooth import Smooth
from qexplorer.measure.metrics.rows.powers import signal_and_error
from qexplorer.measure.metrics.sqnr import ENOUGH_DB, decibels

__all__ = ["ENTRIES", "WorstOutput"]


class WorstOutput(Smooth):
    """The lowest SQNR of any one output; its interval is that output's.

    Scores: power and error of the first output, then of the second, and so on.
    """

    name, title, unit, form = "worst_output_sqnr", "SQNR of the worst output", "dB", ".1f"
    enough = ENOUGH_DB
    needs_float = True
    undefined = FLOATS_OWN

    def scores(self, answers: Answers) -> Scores:
        """Shape ``(n, 2 * outputs)``; NoScore for a single output, of which the SQNR says all."""
        if len(answers.outputs) < 2:
            raise NoScore("the model has one output")
        found = signal_and_error(answers)
        return np.asarray(found.transpose(0, 2, 1).reshape(found.shape[0], -1))

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """Of the worst."""
        return min((decibels(scores[:, i : i + 2]) for i in range(0, scores.shape[1], 2)), key=lambda found: found[0])


ENTRIES = (WorstOutput(),)
