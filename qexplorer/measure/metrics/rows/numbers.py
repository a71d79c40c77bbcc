"""What metrics of regression share: the error of each number, kept a sample a row."""

from __future__ import annotations

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores

__all__ = ["rows_of"]


def rows_of(answers: Answers) -> tuple[Scores, Scores]:
    """Answers and labels as float64 of shape ``(n, numbers)``; NoScore if they do not go with each other."""
    found, labels = np.asarray(answers.outputs[0]), np.asarray(answers.labels, np.float64)
    if found.ndim == 0 or found.shape[0] != answers.n or found.size != labels.size:
        raise NoScore(f"the model's first output has shape {found.shape}, the labels have {labels.shape}")
    rows = found.astype(np.float64).reshape(answers.n, -1)
    if not np.isfinite(rows).all():
        raise NoScore("an answer is not a finite number")
    return rows, labels.reshape(answers.n, -1)
