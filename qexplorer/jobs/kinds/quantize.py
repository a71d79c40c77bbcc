"""The job that writes a quantized file by one recipe, calibrating if it needs to."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import model_validator

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_ordered_model, load_pair
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, ModelOrder
from qexplorer.jobs.references import DataRef
from qexplorer.jobs.report import Report
from qexplorer.quantize.plan_types import LayerPlan

__all__ = ["QUANTIZE", "QuantizeOrder", "QuantizeResult"]

_WRITING = "writing the quantized graph"


class QuantizeOrder(ModelOrder):
    """What to quantize.

    Attributes:
        recipe: how.
        data: what ranges are observed on and algorithms read; None if the recipe needs none.
        samples: of its calibration part, at most.
    """

    recipe: RecipeText
    data: DataRef | None = None
    samples: int = CALIBRATION_SAMPLES

    @model_validator(mode="after")
    def _has_data(self) -> QuantizeOrder:
        if self.data is None and self.recipe.needs_calibration:
            raise ValueError(f"the recipe '{self.recipe.name}' needs data")
        return self


@dataclass(frozen=True, slots=True)
class QuantizeResult:
    """What was made.

    Attributes:
        digest: of the quantized file, under which the workspace keeps it.
        layers: what happened to each layer, with what the recipe's algorithms really changed.
        calibration: which samples it took, in words; None: none.
        weight_bytes: its constants, packed; None in records from before it was told.
    """

    digest: str
    layers: tuple[LayerPlan, ...]
    calibration: str | None = None
    weight_bytes: int | None = None


def quantize(order: QuantizeOrder, report: Report) -> QuantizeResult:
    """Quantizes and keeps the file."""
    data = None
    if order.data is not None and (order.recipe.needs_calibration or order.recipe.casts):
        model, data = load_pair(order.model, order.data, report)
    else:
        model = load_ordered_model(order, report)
    from qexplorer import api

    def observing(done: int, total: int) -> None:
        report.count_samples(done, total)
        if done >= total:
            report.step(_WRITING, 0.8)

    def working(step: str, share: float) -> None:
        report.step(step, 0.8 + 0.1 * share)

    if not order.recipe.needs_statistics:
        report.step(_WRITING, 0.8)
    made = api.quantize(model, order.recipe, data, samples=order.samples, progress=observing, steps=working)
    return QuantizeResult(made.digest, made.plan.layers, made.calibration, made.weight_bytes)


QUANTIZE = JobKind("quantize", "Quantizing", "Quantize", QuantizeOrder, QuantizeResult, quantize)
ENTRIES = (QUANTIZE,)
