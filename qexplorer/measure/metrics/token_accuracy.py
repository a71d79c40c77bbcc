"""Next-token accuracy: the share of judged places at which the label has the largest logit."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, Scores
from qexplorer.measure.metrics.kinds.smooth import Ratio
from qexplorer.measure.metrics.rows.places import rows_of

__all__ = ["ENTRIES", "TokenAccuracy"]


class TokenAccuracy(Ratio):
    """A ratio of sums over samples, as the places of one sequence are not independent. Scores: right, and judged."""

    name, title, unit, form = "token_accuracy", "next-token accuracy", "%", ".1f"
    bounds = (0.0, 1.0)
    undefined = "no place is judged"

    def scores(self, answers: Answers) -> Scores:
        """Shape ``(n, 2)``."""
        pairs = [(int((x.argmax(axis=1) == y).sum()) if len(y) else 0, len(y)) for x, y in rows_of(answers)]
        return np.asarray(pairs, np.float64)


ENTRIES = (TokenAccuracy(),)
