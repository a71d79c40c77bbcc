"""How a network is trained, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["TrainingOptions"]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a network is trained; see the options of the algorithm ``qat`` for bounds and words.

    Attributes:
        epochs: times that all samples are seen.
        until: stop after this epoch, on the way to ``epochs``; 0: no stop.
        batch: samples of one step; a model with a fixed batch has that.
        rate: of weights; it falls to 0 along half a cosine.
        grid_rate: of scales and zero points, as a share of their size a step.
        optimizer: AdamW, or SGD with momentum 0.9.
        distillation: weight of the distance to the float network's answers; the task's loss has the rest.
        temperature: of that distance.
        damping: weight of the swinging of weights between two levels.
        held_back: share of the samples that judge states and are not learned from.
        seed: of the order of samples.
    """

    epochs: int = 5
    batch: int = 32
    rate: float = 1e-3
    grid_rate: float = 1e-2
    optimizer: Literal["adamw", "sgd"] = "adamw"
    distillation: float = 0.5
    temperature: float = 2.0
    damping: float = 0.0
    held_back: float = 0.1
    seed: int = 0
    until: int = 0
