"""What came of a training: the quantized model, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.python_surface.show import as_html
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.training.diaries.diary import Diary
from qexplorer.quantize.training.recipes import asked_of
from qexplorer.quantize.training.seen import Epoch

__all__ = ["TrainedModel"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """A trained model.

    Attributes:
        quantized: the model as any other recipe gives it.
        diary: how training went.
    """

    quantized: QuantizedModel
    diary: Diary

    @property
    def recipe(self) -> Recipe:
        """What was asked for, with where it was stopped: by this recipe anybody gets the same file."""
        return self.quantized.recipe

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """What was seen of each epoch, the state before training first."""
        return self.diary.epochs

    @property
    def stopped_after(self) -> int:
        """The epoch after which somebody stopped it; 0: nobody did."""
        asked = asked_of(self.recipe)
        return 0 if asked is None else int(asked.options["until"])

    def save(self, path: str | Path) -> Path:
        """Writes the quantized graph; see ``QuantizedModel.save``."""
        return self.quantized.save(path)

    def _repr_html_(self) -> str:
        return as_html(self)
