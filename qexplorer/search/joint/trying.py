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
from qexplorer.search.joint.joint_types import BIT_OPERATIONS, LOCAL, WEIGHT_BYTES, JointReport, JointTrial
from qexplorer.search.joint.neighbours import Choice, neighbour, size_of, unknown_choice
from qexplorer.search.joint.racing import Rival, is_worse, stages
from qexplorer.search.joint.space import recipe_for
from qexplorer.search.joint.study import AskedTrial, Study
from qexplorer.search.joint.trial import TrialOrder, TrialResult
from qexplorer.search.sensitivity.distances import Yardstick, interval_of_mean

__all__ = ["Trials", "judged"]

_AGAIN = 3  # times in a row that a sampler may propose what is known before it is given something else
_NEAR = 48  # neighbours that are drawn where none is foretold to be the best


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
        exhausted: whether every choice is known.
    """

    empty: JointReport
    study: Study
    runner: TrialRunner
    base: Recipe
    exhausted: bool = False
    _known: dict[tuple[int, ...], JointTrial] = field(default_factory=dict)
    _results: dict[int, TrialResult] = field(default_factory=dict)
    _repeats: int = 0  # in a row, until now

    def __post_init__(self) -> None:
        for number, choice, facts in self.study.ended():
            self._repeats = self._repeats + 1 if choice in self._known else 0
            if choice not in self._known:
                self._known[choice] = _trial(number, choice, facts)

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
            self._repeat(each)

    def _new(self) -> tuple[list[AskedTrial], list[AskedTrial]]:
        """Choices that are not known, and those that were drawn again meanwhile."""
        found, question = self.report(), self.empty.question
        front = [trial.choice for trial in found.front]
        guide = guide_of(found.parameters, question.cost, found.measured) if question.quality == "loss" else None
        new: dict[tuple[int, ...], AskedTrial] = {}
        repeated: list[AskedTrial] = []
        most = min(self.runner.places, question.trials - len(self._known))

        def elsewhere(draw: random.Random) -> Choice | None:
            return unknown_choice(found.parameters, self._known.keys() | new.keys(), draw)

        def near(draw: random.Random) -> Choice | None:
            taken = self._known.keys() | new.keys()
            if front and guide is not None:
                return guide.draw(front, taken, draw) or elsewhere(draw)
            drawn = (neighbour(front, found.parameters, draw)[1] for _ in range(_NEAR if front else 0))
            return next((choice for choice in drawn if choice not in taken), None) or elsewhere(draw)

        while len(new) < most and len(self._known) + len(new) < size_of(found.parameters):
            moved_on = elsewhere if self._repeats >= _AGAIN else None
            asked = self.study.ask(near if question.sampler == LOCAL else moved_on)
            known = asked.choice in self._known
            self._repeats = self._repeats + 1 if known or asked.choice in new else 0
            if known:
                self._repeat(asked)
            elif asked.choice in new:
                repeated.append(asked)
            else:
                new[asked.choice] = asked
        return list(new.values()), repeated

    def _repeat(self, asked: AskedTrial) -> None:
        """Answers a choice that was drawn again from what is known: it is no trial of its own, and costs none."""
        known = self._known[asked.choice]
        self.study.tell(asked.number, self._values(known), {"state": known.state, "same_as": known.number})

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
        self.study.tell(number, self._values(trial), _facts(trial))

    def _values(self, trial: JointTrial) -> tuple[float, float] | None:
        if trial.state != "measured":
            return None
        return float(trial.quality or 0.0), trial.cost(self.empty.question.cost)


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
