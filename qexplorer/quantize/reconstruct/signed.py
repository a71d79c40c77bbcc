"""Descent by the sign of the gradient: every value moves by the same amount, whatever the size of its slope."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

__all__ = ["SignedDescent"]


class SignedDescent(torch.optim.Optimizer):
    """``x <- x - lr sign(gradient)`` (Bernstein et al. 2018, signSGD, algorithm 1).

    Args:
        params: what moves.
        lr: by how much in each step.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr, "initial_lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves everything that has a gradient."""
        del closure
        for group in self.param_groups:
            for each in group["params"]:
                if each.grad is not None:
                    each.sub_(torch.sign(each.grad), alpha=group["lr"])
