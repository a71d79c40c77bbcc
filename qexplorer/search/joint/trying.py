"""The trials of a study, in turn or beside each other: asked for, run, stopped early where that is sure, told."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qexplorer.core.errors import QExplorerError, RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.search.joint.elsewhere import TrialRunner
from qexplorer.search.joint.guide import guide_of
from qexplorer.search.joint.joint_types import BIT_OPERATIONS, WEIGHT_BYTES, JointReport, JointTrial
from qexplorer.search.joint.neighbours import neighbour
from qexplorer.search.joint.racing import Rival, is_worse, stages
from qexplorer.search.joint.space import recipe_for
from qexplorer.search.joint.study import AskedTrial, Study
from qexplorer.search.joint.trial import TrialOrder, TrialResult
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
        runner: does them.
        base: what the space leaves as it is.
        exhausted: whether nothing new is drawn any more.
    """

    empty: JointReport
    study: Study
    runner: TrialRunner
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
        """The next recipes that are not known yet, as many as are done beside each other, if there are any."""
        asked, repeated = self._new()
        self.exhausted = not asked
        begun = [self._begun(each) for each in asked]
        racing = [(trial, recipe) for trial, recipe in begun if recipe is not None]
        found = {trial.number: trial for trial, _ in begun} | {trial.number: trial for trial in self._race(racing)}
        for each in asked:
            self._known[each.choice] = found[each.number]
            self._tell(each.number, found[each.number])
        for each in repeated:
            self._tell(each.number, self._known[each.choice])

    def _new(self) -> tuple[list[AskedTrial], list[AskedTrial]]:
        """Choices that are not known, and those that were drawn again meanwhile."""
        found, question = self.report(), self.empty.question
        front = [trial.choice for trial in found.front]
        guide = guide_of(found.parameters, question.cost, found.measured) if question.quality == "loss" else None
        new: dict[tuple[int, ...], AskedTrial] = {}
        repeated: list[AskedTrial] = []
        most = min(self.runner.places, question.trials - len(self._known))

        def near(draw: random.Random) -> tuple[int, ...]:
            if guide is None:
                return neighbour(front, found.parameters, draw)[1]
            return guide.draw(front, self._known.keys() | new.keys(), draw)

        while len(new) < most and len(repeated) < _AGAIN:
            asked = self.study.ask(near if front and len(repeated) < _AGAIN // 2 else None)  # all near may be known
            if asked.choice in self._known:
                self._tell(asked.number, self._known[asked.choice])
                repeated.append(asked)
            elif asked.choice in new:
                repeated.append(asked)
            else:
                new[asked.choice] = asked
        return list(new.values()), [each for each in repeated if each.choice not in self._known]

    def _begun(self, asked: AskedTrial) -> tuple[JointTrial, Recipe | None]:
        """The trial without results, and its recipe; None where its parts do not go together."""
        refused = JointTrial(asked.number, "refused", asked.why, asked.choice, "")
        try:
            recipe = recipe_for(self.base, self.empty.parameters, asked.choice, asked.number)
        except RecipeError as error:
            return replace(refused, why=str(error)), None
        return replace(refused, name=recipe.name), recipe

    def _race(self, racing: Sequence[tuple[JointTrial, Recipe]]) -> list[JointTrial]:
        """All of them on a first part of the samples, and on the rest those that no cheaper recipe is surely better
        than."""
        question, n = self.empty.question, self.runner.bench.apart.n
        marks = stages(n) if question.quality == "loss" else (n,)
        ended: list[JointTrial] = []
        left, at = list(racing), 0
        for mark in marks:
            results = self.runner.run([TrialOrder(recipe.to_yaml(), at, mark) for _, recipe in left])
            going: list[tuple[JointTrial, Recipe]] = []
            rivals = self._rivals(mark) if mark != marks[-1] and left else []
            for (trial, recipe), result in zip(left, results, strict=True):
                if isinstance(result, QExplorerError):
                    ended.append(replace(trial, state="refused", why=str(result)))
                    continue
                measured = self._judged(trial, result, mark, last=mark == marks[-1])
                losses = self._results[trial.number].losses
                if mark == marks[-1] or is_worse(losses, measured.cost(question.cost), rivals):
                    ended.append(measured)
                else:
                    going.append((measured, recipe))
            left, at = going, mark
        return ended

    def _judged(self, trial: JointTrial, result: TrialResult, mark: int, *, last: bool) -> JointTrial:
        bench, whole = self.runner.bench, self._results.get(trial.number)
        whole = result if whole is None else whole + result
        self._results[trial.number] = whole
        return replace(
            trial,
            state="measured" if last else "stopped",
            weight_bytes=round(whole.costs[WEIGHT_BYTES]),
            bit_operations=whole.costs[BIT_OPERATIONS],
            n=mark,
            **judged(whole, bench.yard, self.empty.question.quality, bench.plain(0, mark).metric(bench.yard)),
        )

    def _rivals(self, n: int) -> list[Rival]:
        """Trials of the front; of an earlier search they are run again, on as many samples as are needed."""
        front = self.report().front
        unknown = [trial for trial in front if trial.number not in self._results]
        recipes = [recipe_for(self.base, self.empty.parameters, trial.choice) for trial in unknown]
        results = self.runner.run([TrialOrder(recipe.to_yaml(), 0, n) for recipe in recipes])
        for trial, result in zip(unknown, results, strict=True):
            if isinstance(result, QExplorerError):
                raise result
            self._results[trial.number] = result
        cost = self.empty.question.cost
        return [Rival(trial.cost(cost), self._results[trial.number].losses) for trial in front]

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
