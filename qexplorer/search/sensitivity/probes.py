"""What stands at a rounding point while gradients are taken: it passes values on, and remembers them."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Probe"]


class Probe(nn.Module):
    """Passes on what it is given.

    Attributes:
        value: what was passed on in the last run, as a tensor that gradients can be taken of; None of whole numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``x``, with a gradient of its own."""
        if not x.is_floating_point():
            self.value = None
            return x
        self.value = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
        return self.value
