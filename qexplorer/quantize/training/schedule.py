"""What changes as training goes on: the width that is rounded to, stage by stage, and the rates within a stage."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import Schedule, TrainingOptions

__all__ = ["Stages", "bounded", "optimizer_of", "rate_share", "set_rates"]

_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class Stages:
    """Which width each epoch is trained at (progressive quantization, Zhuang et al. 2018, section 3.2).

    Attributes:
        widths: in bits, falling.
        epochs: in all; the grids' own width comes last, and every width has an equal part, the first ones one epoch
            more where they do not divide.
    """

    widths: tuple[int, ...]
    epochs: int

    def of(self, epoch: int) -> tuple[int, int, int]:
        """Bits of an epoch, 0 for the grids' own width; its stage's first epoch and last epoch."""
        every = (*self.widths, 0)
        ends = [-(-self.epochs * (number + 1) // len(every)) for number in range(len(every))]
        number = next(number for number, end in enumerate(ends) if epoch <= end)
        return every[number], 1 + (ends[number - 1] if number else 0), ends[number]

    def first_of_last(self) -> int:
        """The first epoch at the grids' own width."""
        return self.of(self.epochs)[1]


def rate_share(schedule: Schedule, warm_up: float, done: float) -> float:
    """The share of its rate that a step has when the share ``done`` of the stage's steps is behind it."""
    if done < warm_up:
        return done / warm_up
    left = (done - warm_up) / (1 - warm_up)
    if schedule == "constant":
        return 1.0
    return 1 - left if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * left))


def set_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Gives every group this share of its own rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * share


def optimizer_of(network: QuantizedNetwork, options: TrainingOptions) -> torch.optim.Optimizer:
    """The optimizer: weights, biases and scales have rates of their own, and scales do not shrink."""
    groups = []
    for parameters, rate, decay in (
        (network.of_constants(), options.rate, options.weight_decay),
        (network.of_grids(), options.grid_rate, 0.0),
    ):
        if parameters:
            groups.append({"params": parameters, "lr": rate, "initial_lr": rate, "weight_decay": decay})
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=options.rate, momentum=_MOMENTUM, fused=True)
    return torch.optim.AdamW(groups, lr=options.rate, fused=True)


def bounded(parameters: list[torch.nn.Parameter], most: float) -> None:
    """Shrinks all gradients together so that their norm is at most ``most``; 0 leaves them."""
    if most > 0:
        torch.nn.utils.clip_grad_norm_(parameters, most)
