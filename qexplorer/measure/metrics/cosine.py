"""Cosine similarity to the float model, over all outputs together."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.measure.metrics.kinds.smooth import Mean
from qexplorer.measure.metrics.rows.powers import products

__all__ = ["ENTRIES", "Cosine"]


class Cosine(Mean):
    """The mean over samples of the cosine between all values of an answer and float's."""

    name, title, form = "cosine", "cosine to float", ".4f"
    bounds = (-1.0, 1.0)
    enough = 0.99
    needs_float = True
    ideal = 1.0

    def scores(self, answers: Answers) -> Scores:
        """Each sample's cosine; 1 where both are all zeros, 0 where one is. NoScore for answers of a single number, of
        which it would be the sign."""
        if sum(np.size(output) for output in answers.outputs) <= answers.n:
            raise NoScore("an answer is a single number, and the cosine of two numbers is whether they share a sign")
        product, ours, theirs = products(answers).T
        length = np.sqrt(ours * theirs)
        equal = np.asarray((ours == 0) & (theirs == 0), np.float64)
        found = np.divide(product, length, out=equal, where=length > 0)
        return np.asarray(np.clip(found, -1.0, 1.0))[:, None]


ENTRIES = (Cosine(),)
