"""What a search for small networks asks and finds, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from qexplorer.core.python_surface.show import ShownReport
from qexplorer.core.results import Interval
from qexplorer.core.wire import Wire
from qexplorer.measure.metrics.statistics import Z95, wilson_interval
from qexplorer.search.architecture.shapes import NetworkShape
from qexplorer.search.joint.fronts import front_of

__all__ = ["ROUNDS", "ArchitectureQuestion", "ArchitectureReport", "JudgedNetwork", "TriedNetwork", "most_rounds"]

ROUNDS = 3
"""Usual ones."""


def most_rounds(networks: int, epochs: int) -> int:
    """Rounds in which there is something to choose and each trains twice as long as the one before.

    Args:
        networks: in the first, of which each keeps half.
        epochs: of the last.
    """
    return min((networks - 1).bit_length() + 1, epochs.bit_length())


@dataclass(frozen=True, slots=True)
class ArchitectureQuestion(Wire):
    """What is asked.

    Attributes:
        networks: shapes that are tried in the first round; each round keeps half.
        rounds: rounds; each trains twice as long as the one before.
        epochs: of float training in the last round.
        rounded_epochs: of training with rounding in the way in the last round.
        judged: networks of the last round that are judged and timed in the end, at most.
        seed: of every draw.
        pictures: moved ones that are drawn from those that there are, to learn from; an epoch sees all of them. 0:
            none were drawn, networks learned from those that there are (records from before it was asked).
    """

    networks: int = 16
    rounds: int = ROUNDS
    epochs: int = 8
    rounded_epochs: int = 4
    judged: int = 5
    seed: int = 0
    pictures: int = 16384

    @classmethod
    def brought_up(cls, value: Any) -> Any:
        """Formerly no pictures were drawn."""
        return {**value, "pictures": 0} if isinstance(value, dict) and "pictures" not in value else value


@dataclass(frozen=True, slots=True)
class TriedNetwork:
    """A network in the last round that it came to.

    Attributes:
        shape: of it.
        round: from 1.
        epochs: of float training.
        right: pictures apart that the quantized network has right.
        float_right: that the float network has right.
        n: pictures apart.
        weight_bytes: packed, of the weights of all layers.
        macs: multiply-accumulates of a sample.
        failed: why it came to nothing; None where it did not.
        before: pictures apart that it had right when trained half as long; None: it never was.
    """

    shape: NetworkShape
    round: int
    epochs: int
    right: int = 0
    float_right: int = 0
    n: int = 0
    weight_bytes: int = 0
    macs: int = 0
    failed: str | None = None
    before: int | None = None

    @property
    def accuracy(self) -> float:
        """Of the quantized network on the pictures apart."""
        return self.right / max(self.n, 1)

    @property
    def rises(self) -> float | None:
        """By how much twice the training raised its accuracy, where that is more than chance; else None.

        Two proportions beside each other, pooled (Agresti 2013, section 3.1): one interval in forty lies above 0 where
        training changed nothing.
        """
        if self.before is None or self.n == 0:
            return None
        rise, pooled = (self.right - self.before) / self.n, (self.right + self.before) / (2 * self.n)
        return rise if rise > Z95 * math.sqrt(2 * pooled * (1 - pooled) / self.n) else None


@dataclass(frozen=True, slots=True)
class JudgedNetwork:
    """A network on the evaluation part, timed.

    Attributes:
        name: what it is called.
        shape: of it; None: the hand-made sample.
        recipe: name of the recipe.
        right: evaluation samples that it has right.
        n: evaluation samples.
        weight_bytes: packed, of the weights of all layers.
        file_bytes: of the quantized file.
        latency_ms: median of one sample on ONNX Runtime; None where it could not be timed.
        latency_ci95: of that.
        valid: whether the processor was quiet enough.
        sha256: of the float network, by which it is opened.
        made: digest of the quantized file, by which it is kept; empty in records that had none.
        unlearned: why it was not trained far enough to be judged, as half a sentence; None where it was.
    """

    name: str
    shape: NetworkShape | None
    recipe: str
    right: int
    n: int
    weight_bytes: int
    file_bytes: int
    latency_ms: float | None
    latency_ci95: Interval | None
    valid: bool
    sha256: str
    made: str = ""
    unlearned: str | None = None

    @property
    def accuracy(self) -> float:
        """On the evaluation part."""
        return self.right / max(self.n, 1)

    @property
    def ci95(self) -> Interval:
        """Of the accuracy (Wilson 1927)."""
        return wilson_interval(self.right, self.n)


@dataclass(frozen=True, slots=True, repr=False)
class ArchitectureReport(ShownReport, Wire):
    """What was found.

    Attributes:
        sample: name of the hand-made model.
        data: the data set's name.
        question: what was asked.
        n_learned: pictures that networks learned from.
        n_apart: pictures that chose among them.
        tried: every shape, in the last round that it came to.
        judged: in the end, on the evaluation part; the hand-made sample's recipes first.
        seconds: that all of it took.
    """

    sample: str
    data: str
    question: ArchitectureQuestion
    n_learned: int
    n_apart: int
    tried: tuple[TriedNetwork, ...] = ()
    judged: tuple[JudgedNetwork, ...] = ()
    seconds: float = 0.0

    @property
    def hand_made(self) -> tuple[JudgedNetwork, ...]:
        """The sample, quantized alike."""
        return tuple(each for each in self.judged if each.shape is None)

    @property
    def found(self) -> tuple[JudgedNetwork, ...]:
        """Found networks that were judged."""
        return tuple(each for each in self.judged if each.shape is not None)

    @property
    def front(self) -> tuple[JudgedNetwork, ...]:
        """Judged networks that no other is better than in accuracy and bytes, the smallest first."""
        return self.front_over("weight_bytes")

    def front_over(self, cost: Literal["weight_bytes", "latency_ms"]) -> tuple[JudgedNetwork, ...]:
        """Judged networks that no other is better than in accuracy and this cost, the cheapest first; those that were
        not trained far enough are none of them."""
        learned = [each for each in self.judged if each.unlearned is None]
        known = [(float(value), each) for each in learned if (value := getattr(each, cost)) is not None]
        return tuple(known[at][1] for at in front_of([(value, -each.accuracy) for value, each in known]))

    @property
    def as_accurate(self) -> tuple[JudgedNetwork, ...]:
        """Found networks whose accuracy is within the interval of the first hand-made one, the smallest first."""
        if not self.hand_made:
            return ()
        low = self.hand_made[0].ci95[0]
        alike = [each for each in self.found if each.accuracy >= low and each.unlearned is None]
        return tuple(sorted(alike, key=lambda each: each.weight_bytes))
