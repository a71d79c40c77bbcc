"""The trials of a study, one after the other: asked for, run, stopped early where that is sure, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qexplorer.core.errors import BackendError, RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.search.joint.joint_types import BIT_OPERATIONS, WEIGHT_BYTES, JointReport, JointTrial
from qexplorer.search.joint.racing import Rival, is_worse, stages
from qexplorer.search.joint.space import recipe_for
from qexplorer.search.joint.study import AskedTrial, Study
from qexplorer.search.joint.trial import TrialBench, TrialOrder, TrialResult
from qexplorer.search.sensitivity.distances import Yardstick, interval_of_mean

__all__ = ["Trials", "judged"]

_AGAIN = 40  # times in a row that what is known may be drawn before the space counts as searched


def judged(result: TrialResult, yard: Yardstick, quality: str, plain: float | None) -> dict[str, Any]:
    """Quality, its interval and the metric.

    Args:
        result: of some samples.
        yard: what answers are judged by.
        quality: ``loss`` or ``metric``.
        plain: the float network's metric on the same samples.
    """
    metric, losses = result.metric(yard), np.asarray(result.losses, np.float64)
    if quality == "loss":
        return {"quality": float(losses.mean()), "ci95": interval_of_mean(losses), "metric": metric}
    assert yard.metric is not None
    if metric is None or plain is None:
        raise RecipeError(f"the metric {yard.metric.name} has no value on these samples")
    sign = 1 if str(yard.metric.direction) == "higher" else -1
    return {"quality": sign * (plain - metric), "ci95": None, "metric": metric}


@dataclass(slots=True, eq=False)
class Trials:
    """Trials of one study.

    Attributes:
        empty: the report without any.
        study: it.
        bench: where they are done.
        base: what the space leaves as it is.
        exhausted: whether nothing new is drawn any more.
    """

    empty: JointReport
    study: Study
    bench: TrialBench
    base: Recipe
    exhausted: bool = False
    _known: dict[tuple[int, ...], JointTrial] = field(default_factory=dict)
    _results: dict[int, TrialResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, choice, facts in self.study.ended():
            self._known.setdefault(choice, _trial(number, choice, facts))

    def report(self) -> JointReport:
        """With all that have ended."""
        return replace(self.empty, trials=tuple(self._known.values()))

    def with_importance(self, found: JointReport) -> JointReport:
        """And with the share of each parameter."""
        return replace(found, importance=self.study.importances())

    def next(self) -> None:
        """The next recipe that is not known yet, if there is one."""
        front = [trial.choice for trial in self.report().front]
        for again in range(_AGAIN):
            asked = self.study.ask(front if again < _AGAIN // 2 else [])  # all that is near may be known
            if asked.choice not in self._known:
                self._try(asked)
                return
            self._tell(asked.number, self._known[asked.choice])
        self.exhausted = True

    def _try(self, asked: AskedTrial) -> None:
        refused = JointTrial(asked.number, "refused", asked.why, asked.choice, "")
        try:
            recipe = recipe_for(self.base, self.empty.parameters, asked.choice, asked.number)
            trial = self._run(replace(refused, name=recipe.name), recipe)
        except (RecipeError, BackendError) as error:
            trial = replace(refused, why=str(error))
        self._known[asked.choice] = trial
        self._tell(asked.number, trial)

    def _run(self, trial: JointTrial, recipe: Recipe) -> JointTrial:
        """On a first part of the samples, and on the rest unless a cheaper recipe is surely better."""
        question, yard, result, at = self.empty.question, self.bench.yard, None, 0
        marks = stages(self.bench.apart.n) if question.quality == "loss" else (self.bench.apart.n,)
        for mark in marks:
            more = self.bench.do(TrialOrder(recipe.to_yaml(), at, mark))
            result, at = (more if result is None else result + more), mark
            trial = replace(
                trial,
                state="measured" if mark == marks[-1] else "stopped",
                weight_bytes=round(result.costs[WEIGHT_BYTES]),
                bit_operations=result.costs[BIT_OPERATIONS],
                n=mark,
                **judged(result, yard, question.quality, self.bench.plain(0, mark).metric(yard)),
            )
            if mark != marks[-1] and is_worse(result.losses, trial.cost(question.cost), self._rivals(mark)):
                return trial
        assert result is not None
        self._results[trial.number] = result
        return trial

    def _rivals(self, n: int) -> list[Rival]:
        """Trials of the front; of an earlier search they are run again, on as many samples as are needed."""
        found = []
        for trial in self.report().front:
            if trial.number not in self._results:
                recipe = recipe_for(self.base, self.empty.parameters, trial.choice)
                self._results[trial.number] = self.bench.do(TrialOrder(recipe.to_yaml(), 0, n))
            found.append(Rival(trial.cost(self.empty.question.cost), self._results[trial.number].losses))
        return found

    def _tell(self, number: int, trial: JointTrial) -> None:
        values = None
        if trial.state == "measured":
            values = (float(trial.quality or 0.0), trial.cost(self.empty.question.cost))
        self.study.tell(number, values, _facts(trial))


def _facts(trial: JointTrial) -> dict[str, Any]:
    """What is kept with a trial, one plain value for each column of a dashboard."""
    low, high = trial.ci95 or (None, None)
    return {
        "state": trial.state,
        "why": trial.why,
        "recipe": trial.name,
        "quality": trial.quality,
        "low": low,
        "high": high,
        "metric": trial.metric,
        "weight_bytes": trial.weight_bytes,
        "bit_operations": trial.bit_operations,
        "samples": trial.n,
    }


def _trial(number: int, choice: Sequence[int], facts: Mapping[str, Any]) -> JointTrial:
    return JointTrial(
        number=number,
        state=facts["state"],
        why=facts["why"],
        choice=tuple(choice),
        name=facts["recipe"],
        quality=facts["quality"],
        ci95=None if facts["low"] is None else (facts["low"], facts["high"]),
        metric=facts["metric"],
        weight_bytes=facts["weight_bytes"],
        bit_operations=facts["bit_operations"],
        n=facts["samples"],
    )
