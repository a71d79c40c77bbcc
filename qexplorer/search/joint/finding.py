"""A joint search: known good points first, then what Optuna asks, and in the end the front on samples of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import InputError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.process.child import Emit
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan import make_plan
from qexplorer.scheduling.chosen import chosen_cluster
from qexplorer.scheduling.sweep import TaskSweep
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.joint.elsewhere import TrialRunner
from qexplorer.search.joint.joint_types import JointQuestion, JointReport, VerifiedTrial
from qexplorer.search.joint.space import parameters_of, recipe_for, settled
from qexplorer.search.joint.space_types import JointParameter
from qexplorer.search.joint.starts import Start, groups_and_starts, with_foretold
from qexplorer.search.joint.study import Study, opened
from qexplorer.search.joint.trial import TrialBench, TrialOrder
from qexplorer.search.joint.trying import Trials, judged
from qexplorer.search.sensitivity.finding import yardstick_of
from qexplorer.search.sensitivity.question import with_format
from qexplorer.search.set_apart import calibration_parts
from qexplorer.search.strangers import asked_of_child, in_child

__all__ = ["find_jointly", "joint_in_child", "three_parts", "without_last"]

_APART, _VERIFY = 0.3, 0.15  # of the calibration part: by which trials are judged, and the front is verified
_HAND_S = 1.0  # between two reports

Progress = Callable[[str, float], None]
Partly = Callable[[JointReport], None]


def find_jointly(
    model: Model,
    data: DataSet,
    question: JointQuestion,
    *,
    progress: Progress | None = None,
    partly: Partly | None = None,
) -> JointReport:
    """Formats of layers, granularity, calibrators and algorithms chosen together, on two objectives.

    The study lies in the workspace under what was asked and about what; the same question with more trials goes on in
    it, also after a kill.

    Args:
        model: the float model.
        data: fitted to the model. Its calibration part alone is read, in three: ranges are found on one, trials judged
            on another, and the front is verified on the last.
        question: what is asked.
        progress: told a sentence and the share that is done; may raise Cancelled.
        partly: handed what is known before the end.

    Raises:
        RecipeError: the recipe leaves weights in float, or a choice does not exist.
        InputError: there is nothing to choose among, or there is no metric to be judged by.
        DataError: there are too few calibration samples.
        QExplorerError: Optuna is not installed.
    """
    tell: Progress = progress or (lambda _text, _done: None)
    base = settled(question.space, Recipe.parse(question.recipe))
    parameters_of(question.space, base, [["layer"]] if question.space.per_layer else [])
    if not goes_apart(model):
        return _JointSearch(model, data, question, tell, partly).report()

    return in_child(
        "qexplorer.search.joint.finding:joint_in_child",
        model,
        data,
        question.to_json(),
        JointReport,
        tell=tell,
        partly=partly,
    )


def joint_in_child(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The child's side of :func:`find_jointly` for a stranger's model."""
    asked = asked_of_child(arguments, emit)
    question = JointQuestion.from_json(asked.question)
    return _JointSearch(asked.model, asked.data, question, asked.tell, asked.partly).report().to_json()


def three_parts(data: DataSet) -> list[DataSet]:
    """What ranges are found on, what the front is verified on, and what trials are judged by."""
    return calibration_parts(data, (_VERIFY, _APART))


def without_last(data: DataSet) -> DataSet:
    """All calibration samples but those that the front is verified on."""
    return calibration_parts(data, (_VERIFY,))[0]


@dataclass(slots=True)
class _JointSearch:
    """One search."""

    model: Model
    data: DataSet
    question: JointQuestion
    tell: Progress
    partly: Partly | None

    @property
    def base(self) -> Recipe:
        """What the space leaves as it is."""
        return settled(self.question.space, Recipe.parse(self.question.recipe))

    def report(self) -> JointReport:
        """Starts or goes on, tries, verifies."""
        seen, last, apart = three_parts(self.data)
        bench = self._bench(seen, apart)
        if self.question.quality == "metric" and bench.yard.metric is None:
            raise InputError("the data have no metric to judge by", where=self.data.name, do="take the loss")
        name = self.question.study_digest(self.model.sha256, self.data.digest)
        sweep = TaskSweep() if chosen_cluster() else None
        with opened(name, self.question.sampler, self.question.seed) as study, sweep or nullcontext():
            runner = TrialRunner(bench, sweep)
            self.tell(
                f"trials are done {runner.places} beside each other", 0.02
            )  # a cluster is reached before all else
            parameters, notes = self._parameters(study)
            found = self._empty(bench, study, parameters, last.calibration.n)
            found = self._tried(replace(found, notes=notes), study, runner)
        return self._verified(found, self._bench(seen, last))

    def _bench(self, seen: DataSet, judged: DataSet) -> TrialBench:
        def told(done: int, n: int) -> None:
            self.tell(f"observing sample {done} of {n}", 0.02 * done / max(n, 1))

        statistics = statistics_for(self.model, seen, progress=told)
        return TrialBench(self.model, seen, statistics, judged.calibration, yardstick_of(self.model, judged))

    def _parameters(self, study: Study) -> tuple[tuple[JointParameter, ...], tuple[str, ...]]:
        """What is chosen: as the study has it, or, for a new one, with known good points in its line."""
        if "parameters" not in study.kept:
            space, base, known = self.question.space, self.base, without_last(self.data)

            def told(text: str, done: float) -> None:
                self.tell(text, 0.02 + 0.18 * done)

            groups, starts, notes = groups_and_starts(self.model, known, base, space, told)
            parameters = parameters_of(space, base, [each.layers for each in groups])
            parameters = with_foretold(parameters, groups)
            study.begin(parameters)
            self._enqueue(study, parameters, starts)
            study.keep("notes", list(notes))
            study.keep("parameters", [each.to_json() for each in parameters])
        else:
            parameters = tuple(JointParameter.from_json(each) for each in study.kept["parameters"])
            study.begin(parameters)
        return parameters, tuple(study.kept["notes"])

    def _enqueue(self, study: Study, parameters: Sequence[JointParameter], starts: Sequence[Start]) -> None:
        for start in starts:
            study.enqueue(start.choice(parameters, self.base), start.why)

    def _empty(
        self, bench: TrialBench, study: Study, parameters: tuple[JointParameter, ...], verified: int
    ) -> JointReport:
        plain = make_plan(
            self.model, with_format(self.base, "int8").model_copy(update={"layers": ()}), bench.statistics
        )
        return JointReport(
            model=self.model.name,
            data=self.data.name,
            question=self.question,
            study=study.name,
            storage=str(study.path),
            unit=bench.yard.unit,
            metric_name=None if bench.yard.metric is None else bench.yard.metric.name,
            n=bench.apart.n,
            n_verified=verified,
            parameters=parameters,
            reference=plan_costs(self.model, plain),
            trials=(),
            float_metric=bench.float_metric,
        )

    def _tried(self, found: JointReport, study: Study, runner: TrialRunner) -> JointReport:
        """Trials until there are enough, the time is over, or all there are were tried."""
        trials = Trials(found, study, runner, self.base)
        began, handed = time.monotonic(), 0.0
        found = trials.report()
        while len(found.trials) < self.question.trials and not trials.exhausted:
            if self.question.seconds is not None and time.monotonic() - began > self.question.seconds:
                break
            done = len(found.trials) / self.question.trials
            self.tell(f"trying recipe {len(found.trials) + 1} of {self.question.trials}", 0.2 + 0.75 * done)
            trials.next()
            found = trials.report()
            if self.partly is not None and time.monotonic() - handed > _HAND_S:
                handed = time.monotonic()
                self.partly(trials.with_importance(found))
        if trials.exhausted:
            what = "every recipe of the space was tried"
            found = replace(found, notes=(*found.notes, what))
        return trials.with_importance(found)

    def _verified(self, found: JointReport, bench: TrialBench) -> JointReport:
        """The front and the plain recipes on samples that the search did not look at."""
        wanted = {trial.number: trial for trial in (*found.front, *(t for t in found.measured if t.is_plain))}
        plain = bench.float_metric
        verified = []
        for done, trial in enumerate(wanted.values()):
            self.tell(f"verifying {done + 1} of {len(wanted)}", 0.95 + 0.05 * done / len(wanted))
            recipe = recipe_for(self.base, found.parameters, trial.choice)
            result = bench.do(TrialOrder(recipe.to_yaml(), 0, bench.apart.n))
            verified.append(VerifiedTrial(trial.number, **judged(result, bench.yard, found.question.quality, plain)))
        return replace(found, verified=tuple(verified), float_verified=plain)
