"""A finished comparison, and how far one has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run
from qexplorer.core.wire import Wire
from qexplorer.core.workspace import digest_json

__all__ = ["Comparison", "Progress", "prediction_key"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison is.

    Attributes:
        step: what is being done, for people.
        done: from 0 to 1, never falling.
        seconds_left: None until there is something to tell it from.
        runs: what is known so far, in final order. A run that is not timed yet says so in its latency's reason.
    """

    step: str
    done: float
    seconds_left: float | None
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Wire):
    """Every run of a comparison with what it was made from.

    Attributes:
        id: unique.
        created: moment it was finished, ISO 8601, UTC.
        model: the float model's name, sha256, shape and size.
        data: the data set's name, digest, how many samples were used and how they were split.
        machine: where it ran: on a cluster, where its times were taken, with the machine's ``name``.
        runs: for each backend the float model, then the recipes in the order they were given.
        effort: ``quick`` or ``standard``.
        quantized: path of each quantized file, by digest.
        recipes: YAML of each recipe, by the digest of its run.
        positions: where the samples that were judged stand in the evaluation split.
        labels: their labels, or None.
        predictions: the class each run named for each of them, by :func:`prediction_key`.
    """

    id: str
    created: str
    model: dict[str, Any]
    data: dict[str, Any]
    machine: dict[str, Any]
    runs: tuple[Run, ...]
    effort: str = "quick"
    quantized: dict[str, str] = field(default_factory=dict)
    recipes: dict[str, str] = field(default_factory=dict)
    positions: tuple[int, ...] = ()
    labels: tuple[int, ...] | None = None
    predictions: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def float_run(self, backend: str) -> Run | None:
        """The float model's run on ``backend``."""
        return next((run for run in self.runs if run.backend == backend and run.recipe == "float"), None)

    def run_of(self, digest: str, backend: str) -> Run | None:
        """The run with this digest on ``backend``."""
        return next((run for run in self.runs if (run.digest, run.backend) == (digest, backend)), None)

    def called(self, names: Mapping[str, str]) -> Comparison:
        """The same with runs called by today's ``names`` of recipes, by the recipe's digest; others keep theirs."""
        read = {digest: Recipe.parse(text) for digest, text in self.recipes.items()} if names else {}
        new = {run: names[recipe.digest] for run, recipe in read.items() if recipe.digest in names}
        if all(run.recipe == new.get(run.digest, run.recipe) for run in self.runs):
            return self
        texts = {run: read[run].model_copy(update={"name": name}).to_yaml() for run, name in new.items()}
        runs = tuple(replace(run, recipe=new.get(run.digest, run.recipe)) for run in self.runs)
        return replace(self, runs=runs, recipes=self.recipes | texts)

    @property
    def machine_text(self) -> str:
        """The processor that took the times, and the machine that has it where that is one of a cluster."""
        name = self.machine.get("name")
        return f"{self.machine.get('cpu', 'unknown machine')}{f' of {name}' if name else ''}"

    @property
    def look(self) -> str:
        """Stands for everything that is shown of it: its id, and what its runs are called."""
        return f"{self.id}_{digest_json([run.recipe for run in self.runs])[:8]}"

    def prediction(self, run: Run, position: int) -> int | None:
        """The class that ``run`` named for the evaluation sample at ``position``; None if that is not known."""
        said = self.predictions.get(prediction_key(run))
        if said is None or position not in self.positions:
            return None
        return said[self.positions.index(position)]

    def label(self, position: int) -> int | None:
        """The label of the evaluation sample at ``position``; None if there is none."""
        if self.labels is None or position not in self.positions:
            return None
        return self.labels[self.positions.index(position)]


def prediction_key(run: Run) -> str:
    """Names a run among the predictions of its comparison."""
    return f"{run.backend}/{run.digest}"
