"""Finding the best mix: what is foretold, the exact allocation, and the measurement that decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import DataError, InputError, QExplorerError, RecipeError
from qexplorer.core.formats import get_format
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.graph.index import index_of
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.stats import Statistics
from qexplorer.process.child import Emit
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.training.parts import parts
from qexplorer.search.allocation.exact import greedy, solve
from qexplorer.search.allocation.hull import hull
from qexplorer.search.allocation.problem import Allocation
from qexplorer.search.mixing.mix_types import MixGroup, MixPair, MixPoint, MixQuestion, MixReport, VerifiedMix
from qexplorer.search.mixing.recipes import recipe_in
from qexplorer.search.mixing.tables import WEIGHT_BYTES, groups_in, problem_of
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.sensitivity.finding import find_sensitivity, yardstick_of
from qexplorer.search.sensitivity.question import Inquiry, default_passes, with_format
from qexplorer.search.sensitivity.sensitivity_types import Rounded, SensitivityReport
from qexplorer.search.strangers import asked_of_child, in_child

__all__ = ["find_mix", "mix_in_child"]

_APART = 0.3  # of the calibration part, by which mixes are chosen
_LEAST = 8
_SHARES = (1.0, 0.97, 0.93, 0.88)  # of the budget, at which exact mixes are tried: what is foretold is not exact

Progress = Callable[[str, float], None]
Partly = Callable[[MixReport], None]


def find_mix(
    model: Model,
    data: DataSet,
    question: MixQuestion,
    *,
    progress: Progress | None = None,
    partly: Partly | None = None,
) -> MixReport:
    """The mix of formats with the least loss under a budget, or the smallest one within a drop.

    Args:
        model: the float model.
        data: fitted to the model. Its calibration part alone is read, in two: on one part layers are judged and ranges
            found, on the other mixes are measured, so that the evaluation part can judge what was chosen.
        question: what is asked.
        progress: told a sentence and the share that is done; may raise Cancelled.
        partly: handed what is known before the end: the foretold front, then mixes as they are measured.

    Raises:
        RecipeError: the recipe leaves weights in float, or a format cannot be chosen.
        DataError: there are too few calibration samples.
        InputError: nothing fits into the budget.
    """
    tell: Progress = progress or (lambda _text, _done: None)
    _check(question, data)
    if not goes_apart(model):
        return _Search(model, data, question, tell, partly).report()

    return in_child(
        "qexplorer.search.mixing.finding:mix_in_child",
        model,
        data,
        question.to_json(),
        MixReport,
        tell=tell,
        partly=partly,
    )


def mix_in_child(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The child's side of :func:`find_mix` for a stranger's model."""
    asked = asked_of_child(arguments, emit)
    question = MixQuestion.from_json(asked.question)
    return _Search(asked.model, asked.data, question, asked.tell, asked.partly).report().to_json()


def _check(question: MixQuestion, data: DataSet) -> None:
    if question.recipe.weights is None:
        raise RecipeError(f"'{question.recipe.name}' leaves weights in float, so there is nothing to mix")
    if len(set(question.formats)) < 2:
        raise RecipeError("a mix needs two formats or more", allowed="such as int8 and int4")
    for name in question.formats:
        with_format(question.recipe, name)
    if data.calibration.n < 2 * _LEAST:
        what = f"a search needs at least {2 * _LEAST} calibration samples, and there are {data.calibration.n}"
        raise DataError(what, where=data.name, do="give more samples")


@dataclass(slots=True)
class _Search:
    """One search."""

    model: Model
    data: DataSet
    question: MixQuestion
    tell: Progress
    partly: Partly | None

    def report(self) -> MixReport:
        """Foretells, solves, measures."""
        formats = tuple(sorted(self.question.formats, key=lambda name: -get_format(name).bits))
        seen, apart = self._halves()
        statistics = self._statistics(seen)
        plans = {
            name: make_plan(self.model, self._plain(name), statistics) for name in dict.fromkeys((*formats, "int8"))
        }
        sensitivity = self._sensitivity(seen, formats)
        groups = groups_in(sensitivity, plans, formats, index_of(self.model).tied)
        if not groups:
            raise RecipeError("no layer's format can be chosen", do="look at page Sensitivity, which says why")
        verifier = Verifier(self.model, seen, statistics, apart.calibration, yardstick_of(self.model, apart))
        other = _weights(plans[formats[0]]) - sum(group.weight_bytes[0] for group in groups)
        self._check_budget(groups, other, _weights(plans["int8"]))
        self.tell("measuring int8", 0.5)
        _, plain = verifier.of(self._plain("int8"))
        found = MixReport(
            model=self.model.name,
            data=self.data.name,
            base=self.question.recipe.to_yaml(),
            formats=formats,
            int8_bytes=_weights(plans["int8"]),
            other_bytes=other,
            share=self.question.share,
            most_drop=self.question.most_drop,
            unit=sensitivity.unit,
            metric_name=sensitivity.metric_name,
            n=apart.calibration.n,
            groups=groups,
            pairs=(),
            front=_points(hull(problem_of(groups), WEIGHT_BYTES), other),
            verified=(),
            chosen=None,
            plain=plain,
        )
        self._hand(found)
        found = self._with_pairs(found, verifier)
        return self._verified(found, verifier)

    def _check_budget(self, groups: Sequence[MixGroup], other: int, whole: int) -> None:
        """Before anything is measured."""
        least = other + sum(min(group.weight_bytes) for group in groups)
        share = self.question.share
        if share is not None and int(share * whole) < least:
            least_share = math.ceil(1000 * least / whole) / 1000
            what = f"nothing fits into {100 * share:.3g} % of int8's bytes"
            raise InputError(what, allowed=f"{least_share:.3g} or more", do="allow more, or add a smaller format")

    def _halves(self) -> tuple[DataSet, DataSet]:
        """What is looked at, and what is kept apart to measure mixes."""
        split = self.data.calibration
        strata = None if split.labels is None else task_of(self.data).strata(split.labels)
        kept, held = parts(split.n, max(_APART, _LEAST / split.n), strata)
        seen, apart = (
            replace(self.data, calibration=split.take(np.sort(rows)), digest=f"{self.data.digest}-{name}")
            for rows, name in ((kept, "seen"), (held, "apart"))
        )
        return seen, apart

    def _statistics(self, data: DataSet) -> Statistics | None:
        if not self.question.recipe.needs_statistics:
            return None
        return statistics_for(
            self.model, data, progress=lambda done, n: self.tell(f"observing sample {done} of {n}", 0.1 * done / n)
        )

    def _plain(self, format: str) -> Recipe:
        return with_format(self.question.recipe, format)

    def _sensitivity(self, data: DataSet, formats: Sequence[str]) -> SensitivityReport:
        """Of weights alone in the narrowest format: losses in all others follow from it."""
        question = Inquiry(
            recipe=self._plain(formats[-1]).model_copy(update={"algorithms": ()}),
            samples=self.question.samples,
            rounded=(Rounded.WEIGHTS,),
            passes=default_passes(self.model),
            formats=tuple(formats),
        )
        return find_sensitivity(
            self.model, data, question, progress=lambda text, done: self.tell(text, 0.1 + 0.4 * done)
        )

    def _with_pairs(self, found: MixReport, verifier: Verifier) -> MixReport:
        """With what pairs of the groups that lose most in the narrowest format lose beyond their sum."""
        count = min(self.question.pairs, len(found.groups))
        if count < 2:
            return found
        worst = sorted(range(len(found.groups)), key=lambda i: -found.groups[i].losses[-1])[:count]
        wide = [0] * len(found.groups)

        def loss_with(*narrow: int) -> float:
            choice = tuple(len(found.formats) - 1 if i in narrow else c for i, c in enumerate(wide))
            return verifier.of(recipe_in(found, choice))[1].loss

        base = loss_with()
        alone = {}
        pairs = []
        steps = count + count * (count - 1) // 2
        for done, i in enumerate(worst):
            self.tell("measuring pairs of layers", 0.5 + 0.2 * done / steps)
            alone[i] = loss_with(i)
        for done, (a, b) in enumerate((a, b) for at, a in enumerate(worst) for b in worst[at + 1 :]):
            self.tell("measuring pairs of layers", 0.5 + 0.2 * (count + done) / steps)
            beyond = loss_with(a, b) - alone[a] - alone[b] + base
            pairs.append(MixPair(min(a, b), max(a, b), beyond))
        found = replace(found, pairs=tuple(pairs))
        self._hand(found)
        return found

    def _verified(self, found: MixReport, verifier: Verifier) -> MixReport:
        candidates = self._candidates(found)
        for done, (point, why) in enumerate(candidates):
            self.tell(f"measuring mix {done + 1} of {len(candidates)}", 0.7 + 0.3 * done / len(candidates))
            found = self._measured(found, verifier, point, why)
            self._hand(found)
        if self.question.most_drop is not None:
            found = self._smallest(found, verifier)
        return replace(found, chosen=_chosen(found))

    def _measured(self, found: MixReport, verifier: Verifier, point: MixPoint, why: str) -> MixReport:
        recipe = recipe_in(found, point.choice)
        made, evaluated = verifier.of(recipe)
        mix = VerifiedMix(point, recipe.to_yaml(), recipe.name, why, _weights(made.plan), evaluated)
        return replace(found, verified=(*found.verified, mix), chosen=None)

    def _candidates(self, found: MixReport) -> list[tuple[MixPoint, str]]:
        """Mixes worth measuring: exact ones with pairs and without at the budget and a little below, and greedy's."""
        if found.budget_bytes is None:
            return []
        budget = found.budget_bytes - found.other_bytes
        plain, paired = problem_of(found.groups), problem_of(found.groups, found.pairs)
        solved: list[tuple[Allocation, str]] = [(solve(paired, {WEIGHT_BYTES: budget}), "exact, with pairs")]
        for share in _SHARES:
            try:
                solved.append((solve(plain, {WEIGHT_BYTES: budget * share}), "exact"))
            except QExplorerError:
                break  # below the smallest mix
        solved.append((greedy(plain, WEIGHT_BYTES, budget), "greedy"))
        distinct: dict[tuple[int, ...], tuple[MixPoint, str]] = {}
        for allocation, why in solved:
            distinct.setdefault(allocation.chosen, (_point(allocation, found.other_bytes), why))
        return list(distinct.values())[: self.question.verified]

    def _smallest(self, found: MixReport, verifier: Verifier) -> MixReport:
        """The smallest point of the front within the drop, by halving: larger mixes drop less, on the whole."""
        assert self.question.most_drop is not None
        low, high = 0, len(found.front) - 1
        steps = max(1, math.ceil(math.log2(len(found.front) + 1)))
        done = 0
        while low <= high:
            middle = (low + high) // 2
            self.tell(f"measuring mix {done + 1} of about {steps}", min(0.7 + 0.3 * done / steps, 0.99))
            found = self._measured(found, verifier, found.front[middle], "front")
            self._hand(found)
            done += 1
            if _is_within(found.verified[-1], self.question.most_drop):
                high = middle - 1
            else:
                low = middle + 1
        return found

    def _hand(self, found: MixReport) -> None:
        if self.partly is not None:
            self.partly(found)


def _weights(plan: Plan) -> int:
    """Packed bytes of the weights of layers: codes, scales and zero points."""
    return sum(layer.weight_bytes for layer in plan.layers)


def _is_within(mix: VerifiedMix, drop: float) -> bool:
    measured = mix.found.metric_drop if mix.found.metric_drop is not None else mix.found.loss
    return measured <= drop


def _chosen(found: MixReport) -> int | None:
    """The mix with the least measured loss within the budget, or the smallest within the drop."""
    within = [
        i
        for i, mix in enumerate(found.verified)
        if (found.budget_bytes is None or mix.weight_bytes <= found.budget_bytes)
        and (found.most_drop is None or _is_within(mix, found.most_drop))
    ]
    if found.most_drop is not None:
        return min(within, key=lambda i: found.verified[i].weight_bytes, default=None)
    return min(within, key=lambda i: found.verified[i].found.loss, default=None)


def _point(allocation: Allocation, other: int) -> MixPoint:
    return MixPoint(allocation.chosen, allocation.loss, round(allocation.costs[WEIGHT_BYTES]) + other)


def _points(allocations: Sequence[Allocation], other: int) -> tuple[MixPoint, ...]:
    return tuple(_point(each, other) for each in allocations)
