"""A model of transformers as a module of one tensor in and one out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["FirstAnswer"]


class FirstAnswer(nn.Module):
    """Feeds the input that the model is named after, and gives logits, or the first output where there are none."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.input_name = model, str(model.main_input_name)

    def forward(self, x: Tensor) -> Tensor:
        """The answer."""
        answers = self.model(**{self.input_name: x}, return_dict=True)
        found: Tensor = answers["logits"] if "logits" in answers else answers[0]
        return found
