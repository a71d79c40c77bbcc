"""The job that writes a quantized file by one recipe, calibrating if it needs to."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import model_validator

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_ordered_model, load_pair
from qexplorer.jobs.orders import CALIBRATION_SAMPLES, ModelOrder, needs_data
from qexplorer.jobs.references import DataRef
from qexplorer.jobs.report import Report

__all__ = ["QUANTIZE", "QuantizeOrder", "QuantizeResult"]


class QuantizeOrder(ModelOrder):
    """What to quantize.

    Attributes:
        recipe: how.
        data: what ranges are observed on; None if the recipe needs none.
        samples: of its calibration part, at most.
    """

    recipe: RecipeText
    data: DataRef | None = None
    samples: int = CALIBRATION_SAMPLES

    @model_validator(mode="after")
    def _has_data(self) -> QuantizeOrder:
        if self.data is None and needs_data(self.recipe):
            raise ValueError(f"the recipe '{self.recipe.name}' needs data")
        return self


@dataclass(frozen=True, slots=True)
class QuantizeResult:
    """Digest of the quantized file, under which the workspace keeps it."""

    digest: str


def quantize(order: QuantizeOrder, report: Report) -> QuantizeResult:
    """Quantizes and keeps the file."""
    data = None
    if order.data is not None and needs_data(order.recipe):
        model, data = load_pair(order.model, order.data, report)
    else:
        model = load_ordered_model(order, report)
    from qexplorer import api

    def tell(done: int, total: int) -> None:
        report.count_samples(done, total)
        if done >= total:
            report.step("writing the quantized graph", 0.9)

    if data is None:
        report.step("writing the quantized graph", 0.9)
    made = api.quantize(model, order.recipe, data, samples=order.samples, progress=tell)
    return QuantizeResult(made.digest)


QUANTIZE = JobKind(
    name="quantize",
    title="Quantizing",
    page="Quantize",
    order=QuantizeOrder,
    result=QuantizeResult,
    work=quantize,
)
ENTRIES = (QUANTIZE,)
