"""What is made small in training: the task's own loss on labels, and the distance to the float network's answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["TaskLoss", "distance", "task_loss"]

TaskLoss = Callable[[Sequence[Tensor], Tensor], Tensor]
"""From outputs and labels of some samples to the mean loss, a number."""


def task_loss(kind: str | None, *, probability: bool = False) -> TaskLoss | None:
    """The loss called ``kind`` by a task (see ``core.tasks.protocol``); None where the task has none.

    Args:
        kind: its name.
        probability: whether one score a sample is the probability of class 1, not its logit.
    """
    if kind == "cross_entropy":
        return partial(_cross_entropy, probability=probability)
    return _squared_error if kind == "squared_error" else None


def _cross_entropy(outputs: Sequence[Tensor], labels: Tensor, *, probability: bool) -> Tensor:
    """Of classes along axis 1, or along the last one where only that leaves the labels' shape.

    Labels that are no class of the output count for nothing, also where no label of the samples is one.
    """
    scores = outputs[0]
    if scores.shape[: labels.dim()] == labels.shape and scores.dim() == labels.dim() + 1:
        scores = scores.movedim(-1, 1)
    if scores.dim() == 1 or scores.shape[1] == 1:
        scores, wanted = scores.reshape(labels.shape), labels.to(scores.dtype)
        if probability:
            return functional.binary_cross_entropy(scores.clamp(1e-7, 1 - 1e-7), wanted)
        return functional.binary_cross_entropy_with_logits(scores, wanted)
    known = torch.where((labels >= 0) & (labels < scores.shape[1]), labels, torch.full_like(labels, -100))
    total = functional.nll_loss(_logits(scores, 1).log_softmax(1), known, reduction="sum")
    return total / (known >= 0).sum().clamp(min=1)


def _squared_error(outputs: Sequence[Tensor], labels: Tensor) -> Tensor:
    found = outputs[0]
    return functional.mse_loss(found, labels.to(found.dtype).reshape(found.shape))


def distance(outputs: Sequence[Tensor], wanted: Sequence[Tensor], *, axis: int | None, temperature: float) -> Tensor:
    """How far answers are from those of the float network.

    Args:
        outputs: of the quantized network.
        wanted: of the float network, for the same samples.
        axis: of scores of classes in the first output: the Kullback-Leibler divergence at ``temperature``, times its
            square (Hinton et al. 2015, section 2), the mean over samples, places and pixels. None, or one class: the
            squared error of every output, in units of the float output's mean square.
        temperature: above 1, classes that are unlikely count for more.
    """
    if axis is not None and outputs[0].dim() > axis and outputs[0].shape[axis] > 1:
        one, other = (_logits(each, axis) / temperature for each in (outputs[0], wanted[0]))
        wide = functional.kl_div(one.log_softmax(axis), other.log_softmax(axis), reduction="none", log_target=True)
        return wide.sum(axis).mean() * temperature**2
    terms = [
        functional.mse_loss(found, aim) / aim.square().mean().clamp(min=1e-12)
        for found, aim in zip(outputs, wanted, strict=True)
        if found.is_floating_point() and found.numel()
    ]
    return torch.stack(terms).mean() if terms else torch.zeros(())


def _logits(scores: Tensor, axis: int) -> Tensor:
    return torch.log(scores.clamp(min=1e-7)) if _are_probabilities(scores, axis) else scores


def _are_probabilities(scores: Tensor, axis: int) -> bool:
    """Whether a softmax ends the network: scores between 0 and 1 that sum to 1 along their axis."""
    plain = scores.detach()
    if plain.numel() == 0 or plain.min() < 0 or plain.max() > 1 + 1e-3:
        return False
    return bool((plain.sum(axis) - 1).abs().max() < 0.05)
