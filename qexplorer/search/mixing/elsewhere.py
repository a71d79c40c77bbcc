"""Recipes run beside each other: by a cluster where one was chosen, by children here where that is faster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.allowance import allowance
from qexplorer.load.handing import data_inputs, model_inputs
from qexplorer.observe.collecting.handing import statistics_inputs
from qexplorer.scheduling.chosen import chosen_cluster
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import SweepTask
from qexplorer.search.sensitivity.distances import LaidBeside

__all__ = ["BATCH", "LaidMix", "laid_elsewhere", "lay_tasks"]

BATCH = 32
"""Samples that are run at a time, at most."""

_TARGET = "qexplorer.search.mixing.elsewhere_child:lay"
_MACS_A_SECOND, _BYTES_A_SECOND = 1e10, 2e7  # of a simulation on one processor, and of weights that are quantized
_LEAST_S = 20.0  # of work: below it children take longer to import what they need than they save


@dataclass(frozen=True, slots=True, eq=False)
class LaidMix:
    """A recipe that was made and run.

    Attributes:
        laid: its answers beside those of the float network.
        costs: bytes and bit operations of its plan.
    """

    laid: LaidBeside
    costs: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"laid": self.laid.to_json(), "costs": self.costs}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LaidMix:
        """What :meth:`to_json` told."""
        return cls(LaidBeside.from_json(value["laid"]), dict(value["costs"]))


def laid_elsewhere(
    model: Model,
    data: DataSet,
    apart: Split,
    recipes: Sequence[Recipe],
    temperature: float,
    tell: Callable[[str, float], None],
) -> dict[str, LaidMix]:
    """What came of those that could be run, by digest of the recipe; nothing where it is not worth it.

    Args:
        model: the float model.
        data: what recipes are calibrated on; its statistics are kept, or collected now.
        apart: the samples that recipes are judged on.
        recipes: what is run.
        temperature: that divergences are taken at.
        tell: told a sentence and the share that is done.

    Raises:
        InputError: a cluster was chosen that cannot be reached, or not be used.
    """
    alone_s = (model.macs or 0) * apart.n / _MACS_A_SECOND + model.file_bytes / _BYTES_A_SECOND
    if not recipes or (chosen_cluster() is None and alone_s * len(recipes) < _LEAST_S):
        return {}
    tasks = lay_tasks(model, data, apart, recipes, temperature)
    digests = {task.digest: recipe.digest for task, recipe in zip(tasks, recipes, strict=True)}
    found = {}
    for done, end in enumerate(run_tasks(tasks), start=1):
        tell(f"measuring recipe {done} of {len(tasks)}", done / len(tasks))
        if end.error is None:
            found[digests[end.task.digest]] = LaidMix.from_json(end.value)
    return found


def lay_tasks(
    model: Model, data: DataSet, apart: Split, recipes: Sequence[Recipe], temperature: float = 1.0
) -> list[SweepTask]:
    """A task for each recipe: what :func:`~qexplorer.search.mixing.elsewhere_child.lay` does."""
    inputs = model_inputs(model) | data_inputs(replace(data, calibration=apart), "apart", evaluation=False)
    if any(recipe.needs_samples or recipe.casts for recipe in recipes):
        inputs |= data_inputs(data, "seen", evaluation=False)
    if any(recipe.needs_statistics for recipe in recipes):
        inputs |= statistics_inputs(model, data)
    limits = allowance(model, batch=BATCH, samples=apart.n)
    orders = [{"recipe": recipe.to_yaml(), "temperature": temperature} for recipe in recipes]
    return [SweepTask(_TARGET, order, inputs, limits=limits) for order in orders]
