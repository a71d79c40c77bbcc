"""What orders of jobs have in common: plain values that say the same on every machine that has the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.references import DataRef, ModelRef

__all__ = ["CALIBRATION_SAMPLES", "DataOrder", "GraphResult", "ModelOrder", "OneRecipeOrder", "Order"]

CALIBRATION_SAMPLES = 512
"""Calibration samples used, at most, where an order does not say."""


class Order(BaseModel):
    """Everything that a job is asked for. Fields that are not known are refused, not passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelOrder(Order):
    """An order about a model."""

    model: ModelRef


class DataOrder(ModelOrder):
    """An order about a model and data that goes with it."""

    data: DataRef

    @property
    def asked(self) -> dict[str, Any]:
        """All other fields, by the names that the function behind the job has for them."""
        return {name: getattr(self, name) for name in type(self).model_fields if name not in DataOrder.model_fields}


class OneRecipeOrder(DataOrder):
    """Which quantized graph: that of ``recipe``, looked at on ``samples`` of the evaluation part (None: all)."""

    recipe: RecipeText
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class GraphResult:
    """Digest of the quantized graph; what was found of it is kept in the workspace under that."""

    digest: str
