"""What metrics of sequences share: logits and labels, place by place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.core.tasks.sequences import IGNORED

__all__ = ["rows_of"]


def rows_of(answers: Answers) -> Iterator[tuple[Scores, Scores]]:
    """Of each sample the logits of its judged places, shape ``(places, vocabulary)``, and their labels."""
    first, labels = np.asarray(answers.outputs[0]), np.asarray(answers.labels)
    if first.ndim != 3 or first.shape[:2] != labels.shape:
        raise NoScore(f"the model's first output has shape {first.shape}, the labels have {labels.shape}")
    if labels.max(initial=0) >= first.shape[2]:
        raise NoScore(f"the labels hold the token {labels.max()}, and the model has {first.shape[2]}")
    for logits, wanted in zip(first, labels, strict=True):
        judged = wanted != IGNORED
        yield logits[judged].astype(np.float64), wanted[judged]
