"""How long a search will take, foretold from rates that were measured on one processor (AMD EPYC, one thread)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from qexplorer.core.model import Model
from qexplorer.search.architecture.architecture_types import ArchitectureQuestion
from qexplorer.search.architecture.shapes import CHOICES, NetworkShape, drawn_shapes, macs
from qexplorer.search.architecture.taught import SEEN_ROUNDED

__all__ = [
    "AROUND_S",
    "JUDGED_S",
    "LEAST_S",
    "ROUNDED",
    "S_A_MAC",
    "TAUGHT_S_A_MAC",
    "ForetoldTime",
    "foretold_time",
    "lengths",
    "training_s",
]

LEAST_S, S_A_MAC = 1e-4, 5e-11  # of a picture forwards and backwards: whatever it is, and for each product
TAUGHT_S_A_MAC, ROUNDED = 6e-11, 2.4  # of a picture that the teacher answers; times slower with rounding in the way
AROUND_S, JUDGED_S = 0.6, 16.0  # around each training; for each network that is judged and timed


@dataclass(frozen=True, slots=True)
class ForetoldTime:
    """Seconds of the parts of a search where nothing else runs.

    Attributes:
        taught: until the teacher has answered.
        trained: of all rounds.
        judged: of judging in the end.
    """

    taught: float
    trained: float
    judged: float

    @property
    def total(self) -> float:
        """Of all."""
        return self.taught + self.trained + self.judged


def lengths(question: ArchitectureQuestion) -> list[tuple[int, int]]:
    """Epochs of float training and of training with rounding in each round."""
    shorter = [2 ** (question.rounds - 1 - at) for at in range(question.rounds)]
    return [(max(1, question.epochs // each), max(1, question.rounded_epochs // each)) for each in shorter]


def training_s(shape: NetworkShape, epochs: int, rounded_epochs: int, pictures: int, size: Sequence[int]) -> float:
    """Seconds of one network's training on one processor.

    Args:
        shape: of the network.
        epochs: of float training.
        rounded_epochs: of training with rounding in the way.
        pictures: that are learned from.
        size: of a picture, channels first.
    """
    seen = pictures * epochs + ROUNDED * min(pictures, SEEN_ROUNDED) * rounded_epochs
    return AROUND_S + seen * (LEAST_S + S_A_MAC * macs(shape, size))


def foretold_time(model: Model, question: ArchitectureQuestion, places: int) -> ForetoldTime:
    """How long a search takes.

    Args:
        model: the teacher.
        question: what is asked.
        places: networks that are trained beside each other.
    """
    size = model.inputs[0].shape[1:]
    drawn = drawn_shapes(question.networks, question.seed)
    trained = 0.0
    for at, each in enumerate(lengths(question)):
        mean = fmean(training_s(shape, *each, question.pictures, _fixed(size)) for shape in drawn)
        count = max(1, round(len(drawn) / 2**at))
        trained += mean * max(1.0, count / min(places, count))
    last = max(1, round(len(drawn) / 2 ** (question.rounds - 1)))
    return ForetoldTime(
        taught=question.pictures * TAUGHT_S_A_MAC * (model.macs or 0),
        trained=trained,
        judged=JUDGED_S * (len(CHOICES["recipe"]) + min(last, question.judged)),
    )


def _fixed(size: Iterable[int | str | None]) -> tuple[int, ...]:
    return tuple(each if isinstance(each, int) else 1 for each in size)
