"""What metrics of likeness share: each output's power, its error's power, and their product with float, by sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.plugin_kinds.metric import Answers, NoScore, Scores

__all__ = ["products", "signal_and_error"]

_BLOCK = 256
"""Samples taken into float64 at a time."""


def signal_and_error(answers: Answers) -> Scores:
    """Shape ``(n, 2, outputs)``: sums over a sample of float's values squared, and of the differences squared."""
    found = []
    for ours, theirs in _pairs(answers):
        found.append([(np.square(y).sum(axis=1), np.square(x - y).sum(axis=1)) for x, y in _blocks(ours, theirs)])
    rows = [np.stack([np.concatenate([block[i] for block in blocks]) for i in (0, 1)], axis=1) for blocks in found]
    return _finite(np.stack(rows, axis=2))


def products(answers: Answers) -> Scores:
    """Shape ``(n, 3)``: over all outputs, sums of ours times float's, of ours squared, of float's squared."""
    total = np.zeros((answers.n, 3))
    for ours, theirs in _pairs(answers):
        parts = [np.stack([(x * y).sum(1), (x * x).sum(1), (y * y).sum(1)], axis=1) for x, y in _blocks(ours, theirs)]
        total += np.concatenate(parts)
    return _finite(total)


def _pairs(answers: Answers) -> Sequence[tuple[Array, Array]]:
    assert answers.floats is not None
    pairs = [(np.asarray(x), np.asarray(y)) for x, y in zip(answers.outputs, answers.floats, strict=True)]
    for x, y in pairs:
        if x.shape != y.shape:
            raise NoScore(f"an output has shape {x.shape}, and float's has {y.shape}, for {answers.n} samples")
    return [(_by_sample(x, answers.n), _by_sample(y, answers.n)) for x, y in pairs]


def _by_sample(output: Array, n: int) -> Array:
    """``output`` with a row for each sample. One that has none (boxes of all pictures in one list, a number for a
    whole batch) comes with its values in the samples' order: they are dealt out evenly, and 0 in the places that are
    left adds nothing to a sum."""
    if output.ndim and output.shape[0] == n:
        return output
    each = -(-output.size // n)
    rows = np.zeros(n * each, output.dtype)
    rows[: output.size] = output.reshape(-1)
    return rows.reshape(n, each)


def _blocks(ours: Array, theirs: Array) -> list[tuple[Scores, Scores]]:
    """Both as float64 of shape ``(samples, values)``, few samples at a time."""
    starts = range(0, ours.shape[0], _BLOCK)
    cut = [(ours[i : i + _BLOCK], theirs[i : i + _BLOCK]) for i in starts]
    return [(x.astype(np.float64).reshape(len(x), -1), y.astype(np.float64).reshape(len(y), -1)) for x, y in cut]


def _finite(scores: Scores) -> Scores:
    if not np.isfinite(scores).all():
        raise NoScore("an output is not a finite number")
    return scores
