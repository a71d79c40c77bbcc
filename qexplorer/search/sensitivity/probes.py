"""What stands at a rounding point while gradients are taken: it passes values on, and keeps their gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Probe"]


class Probe(nn.Module):
    """Passes on what it is given, and keeps value and gradient of the last run.

    Attributes:
        value: what was passed on, as a tensor that collects its gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``x``, with a gradient of its own."""
        if not x.is_floating_point():
            return x
        passed = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        if not passed.is_leaf:
            passed.retain_grad()
        self.value = passed
        return passed

    def taken(self) -> tuple[Tensor, Tensor] | None:
        """The value of the last run and its gradient, which is forgotten; None where nothing came back."""
        value = self.value
        if value is None or value.grad is None:
            return None
        gradient, value.grad = value.grad, None
        return value.detach(), torch.nan_to_num(gradient)
