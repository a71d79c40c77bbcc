"""Remedies that a cluster runs before it is their turn: what follows on one that is kept is run anew."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType

from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.scheduling.chosen import chosen_cluster
from qexplorer.scheduling.sweep import TaskSweep
from qexplorer.search.mixing.elsewhere import LaidMix, lay_tasks
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.repair.remedies import Remedy
from qexplorer.search.repair.repair_types import Diagnosis
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

__all__ = ["RemediesAhead", "changes"]


class RemediesAhead:
    """Recipes at work on a cluster, where one was chosen; a context manager, at whose end nothing is at work there.

    Args:
        verifier: what is found is given to it.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._sweep: TaskSweep | None = None
        self._opened = contextlib.ExitStack()
        self._asked: dict[str, Recipe] = {}  # by the task's digest

    def __enter__(self) -> RemediesAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, recipes: Sequence[Recipe]) -> None:
        """Has these run beside each other, in this order; what is at work and not among them is ended.

        Raises:
            InputError: the cluster cannot be reached, or not be used.
        """
        if chosen_cluster() is None:
            return
        self._end()
        self._sweep = self._opened.enter_context(TaskSweep())
        one = self._verifier
        for task, recipe in zip(lay_tasks(one.model, one.data, one.apart, recipes), recipes, strict=True):
            self._asked[task.digest] = recipe
            self._sweep.submit(task)

    def evaluated(self, recipe: Recipe) -> Evaluated:
        """What a recipe loses, once whoever was asked for it has run it; what failed there is done here.

        Raises:
            RecipeError: the recipe cannot be applied.
            BackendError: the file cannot be run.
        """
        while self._sweep is not None and any(asked.digest == recipe.digest for asked in self._asked.values()):
            end = self._sweep.next_end()
            found = self._asked.pop(end.task.digest)
            if end.error is None:
                self._verifier.learn(found, LaidMix.from_json(end.value))
        return self._verifier.evaluated(recipe)

    def _end(self) -> None:
        self._opened.close()
        self._sweep, self._asked = None, {}


def changes(recipe: Recipe, diagnosis: Diagnosis, remedies: Sequence[Remedy]) -> list[Recipe]:
    """What remedies make of a recipe, each by itself; what cannot be changed so is said when it is its turn."""
    found: dict[str, Recipe] = {}
    for remedy in remedies:
        with contextlib.suppress(QExplorerError, ValueError):
            changed = remedy.change(recipe, diagnosis)
            if changed is not None:
                found[changed.digest] = changed
    return list(found.values())
