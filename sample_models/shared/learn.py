"""Plain supervised learning on one thread with every seed fixed, so that a script gives the same weights again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ["Augment", "Draw", "accuracy", "fit", "fit_adam", "fixed_seed"]

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
Draw = Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]


def fixed_seed(seed: int) -> torch.Generator:
    """One thread, deterministic kernels, every generator seeded; returns one for shuffling and augmentation."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def fit(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    generator: torch.Generator,
    *,
    epochs: int,
    rate: float,
    batch: int = 64,
    decayed: Iterable[nn.Parameter] | None = None,
    decay: float = 1e-4,
    smoothing: float = 0.0,
    augment: Augment | None = None,
) -> nn.Module:
    """Trains ``net`` in place with SGD, Nesterov momentum and a one-cycle rate, and returns it ready to judge.

    Args:
        net: gives logits.
        x: samples, first axis n.
        y: class numbers, shape (n,).
        generator: shuffles and augments.
        epochs: passes over the data.
        rate: highest learning rate.
        batch: samples a step.
        decayed: parameters under weight decay; all of them by default.
        decay: weight decay of those.
        smoothing: label smoothing.
        augment: changes a batch before each step.
    """
    chosen = {id(p) for p in (net.parameters() if decayed is None else decayed)}
    groups = [
        {"params": [p for p in net.parameters() if id(p) in chosen], "weight_decay": decay},
        {"params": [p for p in net.parameters() if id(p) not in chosen], "weight_decay": 0.0},
    ]
    steps = -(-len(x) // batch)
    optimizer = torch.optim.SGD([g for g in groups if g["params"]], lr=rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * steps)
    net.train()
    for epoch in range(epochs):
        loss_sum = 0.0
        for index in torch.split(torch.randperm(len(x), generator=generator), batch):
            images = x[index] if augment is None else augment(x[index], generator)
            loss = functional.cross_entropy(net(images), y[index], label_smoothing=smoothing)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            loss_sum += loss.item() * len(index)
        print(f"epoch {epoch + 1}/{epochs}: loss {loss_sum / len(x):.4f}", flush=True)
    return net.eval()


def fit_adam(
    net: nn.Module,
    draw: Draw,
    generator: torch.Generator,
    *,
    steps: int,
    rate: float,
    decay: float = 0.1,
    faster: Mapping[nn.Parameter, float] | None = None,
) -> nn.Module:
    """Trains a transformer in place with AdamW, gradients of norm 1 at most and a one-cycle rate; ready to judge.

    Args:
        net: gives logits, classes on the last axis.
        draw: samples and class numbers of a step, drawn by the generator.
        generator: what draws.
        steps: how many.
        rate: highest learning rate.
        decay: weight decay of matrices and kernels; vectors have none.
        faster: how many times faster some of the parameters learn, without decay.
    """
    times = faster or {}
    matrices = [p for p in net.parameters() if p.ndim > 1 and p not in times]
    vectors = [p for p in net.parameters() if p.ndim <= 1 and p not in times]
    groups: list[dict[str, Any]] = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0}]
    groups += [{"params": [p], "weight_decay": 0, "lr": rate * factor} for p, factor in times.items()]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.1)
    net.train()
    for step in range(1, steps + 1):
        x, y = draw(generator)
        loss = functional.cross_entropy(net(x).flatten(0, -2), y.flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == steps:
            print(f"step {step}/{steps}: loss {loss.item():.4f}", flush=True)
    return net.eval()


def accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Fraction of samples that ``net`` has right."""
    with torch.no_grad():
        answers = torch.cat([net(part).argmax(1) for part in torch.split(x, 256)])
    return float(np.mean((answers == y).numpy()))
