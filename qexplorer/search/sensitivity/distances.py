"""How far answers are from the float network's: sums that stream past, one row for each sample.

The loss is the same thing that gradients foretell. Where answers are scores of classes it is the Kullback-Leibler
divergence from the float network's probabilities, the mean over places and then over samples, in nats. Elsewhere it is
the squared error in units of the float output's mean square, the mean over outputs: the inverse of the SQNR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.core.plugin_kinds.metric import Answers, Metric, NoScore
from qexplorer.measure.metrics.statistics import student_half
from qexplorer.search.sensitivity.float_answers import FloatAnswers
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["LaidBeside", "Yardstick", "check_losses"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What answers are judged by.

    Attributes:
        floats: positions of outputs that are floats.
        axis: of scores of classes in the first output; None where it names none.
        probabilities: whether these scores are probabilities already.
        temperature: that divergences are taken at.
        metric: the task's first metric, or None.
        threshold: where a single score turns from class 0 to class 1.
    """

    floats: tuple[int, ...]
    axis: int | None
    probabilities: bool
    temperature: float = 1.0
    metric: Metric | None = None
    threshold: float | None = None

    def beside(self, plain: Sequence[Array]) -> FloatAnswers:
        """The float network's answers, ready for variants to be laid beside them."""
        return FloatAnswers.of(
            plain, self.floats, self.axis, probabilities=self.probabilities, temperature=self.temperature
        )

    @property
    def unit(self) -> str:
        """Of the loss."""
        return "relative" if self.axis is None else "nats"


@dataclass(slots=True, eq=False)
class LaidBeside:
    """What was found of one variant so far, a row for each sample.

    Attributes:
        signal: power of each float output, shape ``(n, outputs)``.
        error: power of the error, the same.
        cosine: between the flattened outputs, ``(n, outputs)``.
        kl: divergence in nats, ``(n,)``; empty where answers are no classes.
        scores: of the metric.
        surprise: minus the logarithm of the right class's probability, ``(n,)``; empty without one label a sample.
    """

    signal: list[Float64] = field(default_factory=list)
    error: list[Float64] = field(default_factory=list)
    cosine: list[Float64] = field(default_factory=list)
    kl: list[Float64] = field(default_factory=list)
    scores: list[Float64] = field(default_factory=list)
    surprise: list[Float64] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Samples."""
        return sum(len(each) for each in self.error)

    def add(
        self,
        yard: Yardstick,
        answers: Sequence[Array],
        plain: Sequence[Array] | FloatAnswers,
        labels: Array | None,
    ) -> None:
        """Takes in a batch.

        Args:
            yard: what it is judged by.
            answers: of the variant, first axis the samples.
            plain: of the float network; ready ones (:meth:`Yardstick.beside`) where several variants lie beside them.
            labels: of these samples, or None.
        """
        float_answers = plain if isinstance(plain, FloatAnswers) else yard.beside(plain)
        rows = [float_answers.error(i, answers[i]) for i in yard.floats]
        self.signal.append(np.stack([float_answers.signals[i] for i in yard.floats], 1))
        self.error.append(np.stack([row[0] for row in rows], 1))
        self.cosine.append(np.stack([row[1] for row in rows], 1))
        if yard.axis is not None:
            self.kl.append(float_answers.divergence(answers[0]))
            surprise = None if labels is None else float_answers.surprise(answers[0], labels)
            self.surprise.extend([] if surprise is None else [surprise])
        if yard.metric is not None:
            given = Answers(answers, float_answers.n, labels, float_answers.answers, yard.threshold)
            try:
                self.scores.append(np.asarray(yard.metric.scores(given), np.float64))
            except NoScore:
                self.scores.append(np.zeros((0, 0)))

    def losses(self, yard: Yardstick) -> Float64:
        """The loss of each sample."""
        if yard.axis is not None:
            return np.concatenate(self.kl)
        signal, error = np.concatenate(self.signal), np.concatenate(self.error)
        return np.asarray((error / np.maximum(signal.mean(0), 1e-30)).mean(1))

    def value(self, yard: Yardstick) -> float | None:
        """The task's metric; None where it has none."""
        if yard.metric is None or not self.scores or any(not each.size for each in self.scores):
            return None
        found = float(yard.metric.value(np.concatenate(self.scores)))
        return found if math.isfinite(found) else None

    def to_json(self) -> dict[str, list[Any]]:
        """As plain data; :meth:`from_json` reads it back, bit for bit."""
        return {each.name: [rows.tolist() for rows in getattr(self, each.name)] for each in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, list[Any]]) -> LaidBeside:
        """What :meth:`to_json` told."""
        return cls(**{name: [np.asarray(rows, np.float64) for rows in parts] for name, parts in value.items()})

    def take_in(self, more: LaidBeside) -> None:
        """Puts the rows of further samples behind."""
        for each in fields(self):
            getattr(self, each.name).extend(getattr(more, each.name))

    def evaluated(self, yard: Yardstick, plain: LaidBeside | None, name: str | None = None) -> Evaluated:
        """What it comes to, beside the float network on as many samples.

        Args:
            yard: what it is judged by.
            plain: the float network; None for the float network itself.
            name: of the variant, for an error.

        Raises:
            BackendError: an answer is NaN or infinite.
        """
        losses, error = self.losses(yard), np.concatenate(self.error)
        check_losses(losses + error.sum(1), name)
        signal = np.concatenate(self.signal)
        power, noise = float(signal.sum()), float(error.sum())
        value, drop = self.value(yard), None
        if yard.metric is not None and value is not None and plain is not None:
            scores = np.concatenate(plain.scores)[: self.n]
            before = float(yard.metric.value(scores))
            drop = (before - value) * (1 if str(yard.metric.direction) == "higher" else -1)
        beyond = _beyond(self.surprise, [] if plain is None else plain.surprise)
        return Evaluated(
            loss=float(losses.mean()),
            ci95=interval_of_mean(losses),
            n=self.n,
            sqnr_db=10 * math.log10(power / noise) if noise > 0 and power > 0 else None,
            mse=noise / max(error.size, 1),
            cosine=_mean(np.concatenate(self.cosine)),
            kl=float(losses.mean()) if yard.axis is not None else None,
            metric=value,
            metric_drop=drop if drop is None or math.isfinite(drop) else None,
            surprise=None if beyond is None else float(beyond.mean()),
            surprise_half=None if beyond is None or beyond.size < 2 else student_half(beyond),
        )


def check_losses(losses: Float64, name: str | None = None) -> None:
    """Raises BackendError if a loss is none, because the answer is NaN or infinite where float's is a number."""
    wrong = np.count_nonzero(~np.isfinite(losses))
    if wrong:
        raise BackendError(
            f"rounded, the network answers NaN or infinity on {wrong} of {len(losses)} samples",
            where=name,
            do="leave in float what divides by what was rounded to zero or takes its logarithm, or take more bits",
        )


def interval_of_mean(values: Float64) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean that cannot be below 0; None with fewer than two values."""
    if values.size < 2:
        return None
    middle, half = float(values.mean()), student_half(values)
    return max(middle - half, 0.0), middle + half


def _beyond(ours: list[Float64], plain: list[Float64]) -> Float64 | None:
    """By how much the right class surprises a variant more than the float network, of each sample."""
    if not ours or not plain:
        return None
    values = np.concatenate(ours)
    return np.asarray(values - np.concatenate(plain)[: len(values)])


def _mean(values: Any) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else None
