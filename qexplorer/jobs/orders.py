"""What orders of jobs have in common: plain values that say the same on every machine that has the workspace."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from qexplorer.jobs.references import DataRef, ModelRef

__all__ = ["CALIBRATION_SAMPLES", "DataOrder", "ModelOrder", "Order"]

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
