"""How a network is trained, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Schedule", "TrainingOptions"]

Schedule = Literal["cosine", "linear", "constant"]
"""How rates go from their own value to the end of a stage."""


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a network is trained; see the options of the algorithm ``qat`` for bounds and words.

    Attributes:
        epochs: times that all samples are seen.
        until: stop after this epoch, on the way to ``epochs``; 0: no stop.
        batch: samples of one step; a model with a fixed batch has that.
        rate: of weights.
        grid_rate: of scales and zero points, as a share of their size a step.
        optimizer: AdamW, or SGD with momentum 0.9.
        weight_decay: share of ``rate`` by which weights shrink a step; scales do not.
        schedule: how rates fall.
        warm_up: share of the steps of a stage in which rates rise from 0.
        clip: largest norm of all gradients of weights together; 0: none.
        stages: widths in bits on the way to the grids' own, each for an equal part of the epochs.
        patience: epochs without a better state after which training ends, on the grids' own width; 0: never.
        distillation: weight of the distance to the float network's answers; the task's loss has the rest.
        temperature: of that distance.
        inner: weight of the distance to the float network's inner activations, beside both.
        inner_layers: inner activations that are compared, at most.
        damping: weight of the swinging of weights between two levels.
        held_back: share of the samples that judge states and are not learned from.
        seed: of the order of samples.
    """

    epochs: int = 20
    batch: int = 32
    rate: float = 1e-3
    grid_rate: float = 1e-2
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = 1e-4
    schedule: Schedule = "cosine"
    warm_up: float = 0.0
    clip: float = 0.0
    stages: tuple[int, ...] = ()
    patience: int = 0
    distillation: float = 0.9
    temperature: float = 2.0
    inner: float = 0.0
    inner_layers: int = 4
    damping: float = 0.0
    held_back: float = 0.1
    seed: int = 0
    until: int = 0
