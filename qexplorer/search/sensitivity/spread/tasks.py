"""The exact method cut into tasks.

A task is one batch of samples and as many trials as are worth the float network's own run on that batch, which is made
anew in each task: activations are kept where they are needed, and never sent. A process that does several tasks cuts
the network and writes its trials once. The cut follows from the question alone, so that a sweep that goes on after a
while finds what is done, however many workers there are by then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model
from qexplorer.graph.allowance import allowance
from qexplorer.load.handing import data_inputs, model_inputs
from qexplorer.observe.collecting.handing import statistics_inputs
from qexplorer.quantize.handing import quantized_inputs
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import CALIBRATION_SAMPLES
from qexplorer.scheduling.sweep import run_tasks
from qexplorer.scheduling.task import InputFile, SweepTask
from qexplorer.search.sensitivity.distances import LaidBeside
from qexplorer.search.sensitivity.evaluating import Results
from qexplorer.search.sensitivity.question import Inquiry
from qexplorer.search.sensitivity.variants import Trial

__all__ = ["SpreadEvaluation", "parts_of"]

_TARGET = "qexplorer.search.sensitivity.spread.child:evaluate"
_PASSES = 8.0
"""Float passes that the trials of one task cost, at most: the float network's own run, and that of the rounded one
where a trial stands behind rounded layers, are one more each."""

_Come = tuple[Sequence[int], dict[str, Any]]
"""Places of a task's trials, and what came of it."""


@dataclass(frozen=True, slots=True, eq=False)
class SpreadEvaluation:
    """What workers are told of a question.

    Attributes:
        model: the float model that was asked about.
        data: what its recipe is calibrated on.
        question: what is asked.
        made: the quantized model.
        split: the samples that are looked at.
    """

    model: Model
    data: DataSet
    question: Inquiry
    made: QuantizedModel
    split: Split

    def run(
        self, trials: Sequence[Trial], on: Sequence[int], batch: int, tell: Callable[[int, Results], None]
    ) -> Results:
        """As :meth:`~qexplorer.search.sensitivity.evaluating.Evaluation.run`, everything rounded together included.

        Raises:
            BackendError: ONNX Runtime cannot run a stretch.
            InputError: the cluster cannot be reached, or not be used.
        """
        tasks, asked = self._tasks(trials, on, batch)
        missing = Counter(number for number, _ in asked.values())
        come: dict[int, list[_Come]] = defaultdict(list)
        found, taken = Results.empty(len(trials), whole=True), 0
        for end in run_tasks(tasks):
            number, places = asked[end.task.digest]
            come[number].append((places, end.result()))
            while taken in missing and len(come[taken]) == missing[taken]:  # in order: a trial's rows are the first
                _take_in(found, come.pop(taken))
                taken += 1
                tell(min(taken * batch, self.split.n), found)
        return found

    def _tasks(
        self, trials: Sequence[Trial], on: Sequence[int], batch: int
    ) -> tuple[list[SweepTask], dict[str, tuple[int, list[int]]]]:
        """All tasks, and by digest the number of the batch and the places of the trials."""
        inputs, n, tasks, asked = self._inputs(), self.split.n, list[SweepTask](), dict[str, tuple[int, list[int]]]()
        for number, start in enumerate(range(0, n, batch)):
            due = [place for place, most in enumerate(on) if number < most]
            for part, places in enumerate(parts_of(trials, due)):
                task = self._task(inputs, batch, (start, min(start + batch, n)), places, whole=part == 0)
                asked[task.digest] = (number, places)
                tasks.append(task)
        return tasks, asked

    def _inputs(self) -> dict[str, InputFile]:
        recipe, looked_at = self.question.recipe, replace(self.data, calibration=self.split)
        inputs = model_inputs(self.model) | data_inputs(looked_at, "looked_at", evaluation=False)
        inputs |= quantized_inputs(self.made)
        if recipe.needs_samples or recipe.casts:
            inputs |= data_inputs(self.data, "seen", evaluation=False)
        if recipe.needs_statistics:
            inputs |= statistics_inputs(self.model, self.data, samples=CALIBRATION_SAMPLES)
        return inputs

    def _task(
        self,
        inputs: dict[str, InputFile],
        batch: int,
        rows: tuple[int, int],
        trials: Sequence[int],
        *,
        whole: bool,
    ) -> SweepTask:
        order = {
            "question": self.question.to_json() | {"weights": {}, "passes": None},
            "digest": self.made.digest,
            "batch": batch,
            "rows": list(rows),
            "trials": list(trials),
            "whole": whole,
        }
        return SweepTask(_TARGET, order, inputs, limits=allowance(self.model, batch=batch))


def parts_of(trials: Sequence[Trial], due: Sequence[int]) -> list[list[int]]:
    """Places of the trials that are ``due``, as tasks: in order, at least one task, none empty but that."""
    parts, cost = [list[int]()], 0.0
    for place in due:
        if parts[-1] and cost + trials[place].cost > _PASSES:
            parts.append([])
            cost = 0.0
        parts[-1].append(place)
        cost += trials[place].cost
    return parts


def _take_in(found: Results, parts: Sequence[_Come]) -> None:
    """Puts the rows of one batch behind those that are there; every part brings the float network's, all alike."""
    found.plain.take_in(LaidBeside.from_json(parts[0][1]["plain"]))
    for places, value in parts:
        if found.whole is not None and value["whole"] is not None:
            found.whole.take_in(LaidBeside.from_json(value["whole"]))
        for place, rows in zip(places, value["trials"], strict=True):
            found.trials[place].take_in(LaidBeside.from_json(rows))
