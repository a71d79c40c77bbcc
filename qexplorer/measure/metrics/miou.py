"""Mean intersection over union: how well the regions of each class are met, every class counting the same."""

from __future__ import annotations

import math

import numpy as np

from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores
from qexplorer.core.tasks.segmentation import IGNORED
from qexplorer.measure.metrics.kinds.smooth import Smooth

__all__ = ["ENTRIES", "MeanIou"]


class MeanIou(Smooth):
    """The mean, over classes present in labels or answers, of pixels in both over pixels in either, of all pictures.

    Everingham et al. 2015 (IJCV 111, 98-136). Pixels labelled 255 are not judged. Scores: of each class the pixels in
    both and those in either, by picture.
    """

    name, title, unit, form = "miou", "mIoU", "%", ".1f"
    bounds = (0.0, 1.0)
    undefined = "no pixel is judged"

    def scores(self, answers: Answers) -> Scores:
        """Shape ``(n, 2 * classes)``; NoScore if the first output is no picture of classes or of scores."""
        first, labels = np.asarray(answers.outputs[0]), np.asarray(answers.labels)
        scored = first.ndim == labels.ndim + 1
        shape = (first.shape[0], *first.shape[2:]) if scored else first.shape
        if shape != labels.shape:
            raise NoScore(f"the model's first output has shape {first.shape}, the masks have {labels.shape}")
        if not scored and first.dtype.kind not in "iu":
            raise NoScore("the model's first output is neither scores of classes nor class numbers")
        judged = labels[labels != IGNORED]
        most = int(judged.max(initial=0)) + 1
        classes = max(first.shape[1] if scored else int(first.max(initial=0)) + 1, most)
        rows = [_counts(_classes(first[i], scored), labels[i], classes) for i in range(answers.n)]
        return np.stack(rows)

    def estimate(self, scores: Scores) -> tuple[float, Scores]:
        """Each class is a ratio of sums; the mean of their influences."""
        both, either = scores[:, 0::2], scores[:, 1::2]
        present = either.sum(axis=0) > 0
        if not present.any():
            return math.nan, np.zeros(scores.shape[0])
        both, either = both[:, present], either[:, present]
        ratios = both.sum(axis=0) / either.sum(axis=0)
        influence = (both - ratios * either) / either.mean(axis=0)
        return float(ratios.mean()), influence.mean(axis=1)


def _classes(answer: Scores, scored: bool) -> Scores:
    return np.asarray(answer.argmax(axis=0) if scored else answer)


def _counts(said: Scores, labels: Scores, classes: int) -> Scores:
    """Of one picture: pixels in both and in either, class after class."""
    seen = labels != IGNORED
    said, labels = said[seen].astype(np.int64), labels[seen].astype(np.int64)
    both = np.bincount(labels[said == labels], minlength=classes)
    either = np.bincount(labels, minlength=classes) + np.bincount(np.clip(said, 0, None), minlength=classes) - both
    return np.stack([both, either], axis=1).reshape(-1).astype(np.float64)


ENTRIES = (MeanIou(),)
