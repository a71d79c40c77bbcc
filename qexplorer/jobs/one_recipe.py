"""What jobs about one quantized graph's arithmetic share: their order, and what they give back."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.orders import DataOrder

__all__ = ["GraphResult", "OneRecipeOrder"]


class OneRecipeOrder(DataOrder):
    """Which quantized graph: that of ``recipe``, looked at on ``samples`` of the evaluation part (None: all)."""

    recipe: RecipeText
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class GraphResult:
    """Digest of the quantized graph; what was found of it is kept in the workspace under that."""

    digest: str
