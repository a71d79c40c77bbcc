"""The job that has a language model and its variants write on from a prompt."""

from __future__ import annotations

from pydantic import Field

from qexplorer.jobs.coding import RecipeText
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.loading import load_both
from qexplorer.jobs.orders import DataOrder
from qexplorer.jobs.report import Report
from qexplorer.measure.generation.generation_types import Generation

__all__ = ["GENERATE", "GenerateOrder"]


class GenerateOrder(DataOrder):
    """What to write on from: see ``measure.generation.generate``."""

    recipes: tuple[RecipeText, ...]
    backend: str
    prompt: str
    tokens: int = Field(default=64, ge=1)
    temperature: float = 0.0
    seed: int = Field(default=0, ge=0)


def write_texts(order: GenerateOrder, report: Report) -> Generation:
    """Writes."""
    from qexplorer.measure.generation.generate import generate

    model, data = load_both(order, report)
    return generate(
        model,
        order.recipes,
        data,
        order.prompt,
        tokens=order.tokens,
        temperature=order.temperature,
        seed=order.seed,
        backend=order.backend,
        progress=report.after_loading,
    )


GENERATE = JobKind("generate", "Writing on", "Compare", GenerateOrder, Generation, write_texts)
ENTRIES = (GENERATE,)
