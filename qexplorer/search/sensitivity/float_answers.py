"""The float network's answers, with what every variant that is laid beside them needs of them worked out once.

Of a language model an answer has as many values as words times places, and forty variants are laid beside it: the
probabilities of the float network are worked out once, and not for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError

__all__ = ["FloatAnswers"]

Float64 = NDArray[np.float64]

_PIECE = 2**17  # values that are compared at a time: with what is computed on the way they stay in a core's own cache
_LEAST_SHARE = 1e-7  # of a probability, before its logarithm is taken


@dataclass(frozen=True, slots=True, eq=False)
class FloatAnswers:
    """Answers of some samples.

    Attributes:
        answers: as the network gave them, first axis the samples.
        signals: mean square of each output that is judged, shape ``(n,)``, by its position.
        classes: scores and probabilities of the first output; None where answers are no classes.
    """

    answers: Sequence[Array]
    signals: dict[int, Float64]
    classes: _Classes | None = None

    @classmethod
    def of(
        cls,
        answers: Sequence[Array],
        floats: Sequence[int],
        axis: int | None,
        *,
        probabilities: bool,
        temperature: float = 1.0,
    ) -> FloatAnswers:
        """Works out what is asked of all of them.

        Args:
            answers: of the float network.
            floats: positions of the outputs that are judged.
            axis: of scores of classes in the first output; None where it names none.
            probabilities: whether these scores are probabilities already.
            temperature: that divergences are taken at.

        Raises:
            DataError: an answer is NaN or infinite, so that nothing is near it or far from it.
        """
        for i in floats:
            wrong = np.count_nonzero(~np.isfinite(answers[i].reshape(len(answers[i]), -1)).all(1))
            if wrong:
                raise DataError(
                    f"the float network answers NaN or infinity on {wrong} of {len(answers[i])} samples",
                    where=f"output {i + 1}",
                    do="leave these samples out, or give the network without what makes them so, such as a logarithm",
                )
        signals = {i: _mean_products(answers[i], answers[i]) for i in floats}
        classes = None if axis is None else _Classes.of(answers[0], axis, probabilities, temperature)
        return cls(answers, signals, classes)

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.answers[0])

    @property
    def evenness(self) -> float:
        """The share of samples that in effect decide a divergence: 1 where all weigh alike.

        A sample weighs what the trace of the divergence's curvature is there, ``1 - sum p^2``; weights that differ
        count as ``(sum w)^2 / sum w^2`` equal ones (Kish 1965, "Survey Sampling", section 11.7).
        """
        assert self.classes is not None, "answers name classes"
        weights = (1 - np.square(self.classes.shares).sum(-1)).mean(-1)
        squares = float(np.square(weights).mean())
        return float(weights.mean()) ** 2 / squares if squares > 0 else 0.0

    def error(self, place: int, answer: Array) -> tuple[Float64, Float64]:
        """Mean square of a variant's error in one output, and the cosine, of each sample."""
        plain = self.answers[place]
        x, y = plain.reshape(len(plain), -1), answer.reshape(len(plain), -1)
        error = np.zeros(len(x))
        for part in _parts(len(x), x[:1].size):
            away = y[part].astype(np.float64) - x[part].astype(np.float64)
            error[part] = np.einsum("ij,ij->i", away, away)
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = _mean_products(x, y) / np.sqrt(self.signals[place] * _mean_products(y, y))
        return error / max(x[:1].size, 1), cosine

    def divergence(self, answer: Array) -> Float64:
        """Kullback-Leibler divergence of each sample's classes from these, in nats, the mean over places.

        With ``d`` the differences of scores less their mean under ``p``, it is ``log(sum p exp d)``: one function of
        each value, and no difference of large numbers where answers hardly differ. At a temperature ``T`` scores are
        divided by ``T``, and the divergence is multiplied by its square, so that it stays as large while errors are
        small (Hinton, Vinyals and Dean 2015, section 2).
        """
        assert self.classes is not None, "answers name classes"
        return self.classes.divergence(answer)

    def surprise(self, answer: Array, labels: Array) -> Float64 | None:
        """Minus the logarithm of the probability that an answer gives the right class, in nats, of each sample.

        It is the logarithmic score, in the mean least for the true probabilities (Good 1952, "Rational decisions"), and
        tells of a loss before answers change.

        Args:
            answer: of a variant, the first output.
            labels: one class for each sample.

        Returns:
            None where answers are no classes, or have more than one place.
        """
        return None if self.classes is None else self.classes.surprise(answer, labels)


@dataclass(frozen=True, slots=True, eq=False)
class _Classes:
    """Scores of the float network over the temperature, shape ``(n, places, classes)``, and its probabilities."""

    scores: Array
    shares: Float64
    axis: int
    probabilities: bool
    temperature: float

    @classmethod
    def of(cls, scores: Array, axis: int, probabilities: bool, temperature: float) -> _Classes:
        moved = _as_places(scores, axis)
        moved = np.log(np.maximum(moved.astype(np.float64), _LEAST_SHARE)) if probabilities else moved
        moved = moved if temperature == 1 else moved.astype(np.float64) / temperature
        return cls(moved, np.exp(_log_probabilities(moved)), axis, probabilities, temperature)

    def divergence(self, answer: Array) -> Float64:
        ours = _as_places(answer, self.axis)
        found = np.zeros(len(ours))
        for part in _parts(len(ours), ours[:1].size):
            taken = ours[part].astype(np.float64)
            if self.probabilities:
                taken = np.log(np.maximum(taken, _LEAST_SHARE))
            taken /= self.temperature
            shares, scores = self.shares[part], self.scores[part]
            with np.errstate(over="ignore", invalid="ignore"):
                away = taken - scores.astype(np.float64)
                away -= np.einsum("npc,npc->np", shares, away)[..., None]
                places = np.log1p(np.einsum("npc,npc->np", shares, np.expm1(away, out=away)))
            if not np.isfinite(places).all():  # scores that are apart by hundreds
                places = (shares * (_log_probabilities(scores) - _log_probabilities(taken))).sum(-1)
            found[part] = places.mean(-1)
        return np.asarray(np.maximum(found, 0.0)) * self.temperature**2

    def surprise(self, answer: Array, labels: Array) -> Float64 | None:
        places = _as_places(answer, self.axis)
        if places.shape[1] != 1 or labels.shape != (len(places),):
            return None
        scores = places[:, 0].astype(np.float64)
        if self.probabilities:
            scores = np.log(np.maximum(scores, _LEAST_SHARE))
        return np.asarray(-_log_probabilities(scores)[np.arange(len(labels)), labels])


def _as_places(scores: Array, axis: int) -> Array:
    moved = np.moveaxis(scores, axis, -1)
    return moved.reshape(len(scores), math.prod(moved.shape[1:-1]), moved.shape[-1])


def _mean_products(one: Array, other: Array) -> Float64:
    """The mean of products of each sample's values, in float64."""
    x, y = one.reshape(len(one), -1), other.reshape(len(one), -1)
    found = np.zeros(len(x))
    for part in _parts(len(x), x[:1].size):
        found[part] = np.einsum("ij,ij->i", x[part].astype(np.float64), y[part].astype(np.float64))
    return found / max(x[:1].size, 1)


def _parts(samples: int, size: int) -> Iterator[slice]:
    """A few samples of some size at a time."""
    step = max(1, _PIECE // max(size, 1))
    for start in range(0, samples, step):
        yield slice(start, start + step)


def _log_probabilities(scores: Array) -> Float64:
    """Logarithms of the classes' probabilities, classes along the last axis."""
    values = np.asarray(scores, np.float64)
    values = values - values.max(-1, keepdims=True)
    return np.asarray(values - np.log(np.exp(values).sum(-1, keepdims=True)))
