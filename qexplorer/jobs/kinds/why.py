"""The job that explains a run's speed."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.references import open_quantized
from qexplorer.jobs.report import Report

__all__ = ["WHY", "ExplainOrder", "ExplainResult"]

_SAMPLES = 32  # rows of the data that are fed


class ExplainOrder(DataOrder):
    """Which run to explain.

    Attributes:
        recipe: what was asked for.
        quantized: digest of the quantized file in the workspace.
        backend: a backend's name.
        threads: threads of one operator.
        batch: samples in one call.
    """

    recipe: RecipeText
    quantized: str
    backend: str
    threads: int = 1
    batch: int = 1


@dataclass(frozen=True, slots=True)
class ExplainResult:
    """The verdict, one sentence; the explanation itself is kept in the workspace."""

    verdict: str


def explain(order: ExplainOrder, report: Report) -> ExplainResult:
    """Profiles the run and its float model, and keeps the explanation.

    Raises:
        InputError: the quantized file is gone.
        BackendError: the backend cannot run one of the models.
    """
    from qexplorer.measure.scratch import keep_samples, scratch
    from qexplorer.measure.why.explain import WhyOrder, measure_why
    from qexplorer.run.batching import feeds_of

    path = open_quantized(order.quantized)
    model, data = load_both(order, report)
    samples = feeds_of(data.evaluation.head(_SAMPLES), model)
    asked = WhyOrder(model, order.recipe, path, order.quantized, order.backend, order.threads, order.batch)
    with scratch() as folder:
        found = measure_why(asked, keep_samples(folder, samples), progress=report.after_loading)
    return ExplainResult(found.verdict)


WHY = JobKind("why", "Explaining", "Compare", ExplainOrder, ExplainResult, explain, nice=0)
ENTRIES = (WHY,)
