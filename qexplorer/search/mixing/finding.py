"""Finding the best mix: what is foretold, the exact allocation, and the measurement that decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import BackendError, DataError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.metrics.statistics import student_half
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.stats import Statistics
from qexplorer.process.child import Emit
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan import make_plan
from qexplorer.run.registry import reference
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.costs.cost_kinds import COSTS, cost_kind
from qexplorer.search.costs.planned import PlannedNetwork
from qexplorer.search.mixing.candidates import (
    Counting,
    candidates,
    check_budgets,
    chosen_among,
    front_of,
    is_within,
    within_budgets,
)
from qexplorer.search.mixing.choices import MixChoice, choices_of
from qexplorer.search.mixing.foretelling import (
    ForetoldGroups,
    foretold_groups,
    losses_of,
    share_in_the_whole,
)
from qexplorer.search.mixing.mix_types import MixPair, MixPoint, MixQuestion, MixReport, VerifiedMix
from qexplorer.search.mixing.networks import changes_graph, file_notes, graph_only, networks_of, unchanged
from qexplorer.search.mixing.recipes import recipe_in
from qexplorer.search.mixing.tables import Losses
from qexplorer.search.mixing.tempering import temperature_for, tempering_note
from qexplorer.search.mixing.timing_mixes import timed_mixes
from qexplorer.search.mixing.timing_table import TimedCosts
from qexplorer.search.mixing.verifying import JudgedMix, Verifier
from qexplorer.search.sensitivity.finding import yardstick_of
from qexplorer.search.sensitivity.question import with_format
from qexplorer.search.set_apart import APART, calibration_parts
from qexplorer.search.strangers import asked_of_child, in_child

__all__ = ["find_mix", "mix_in_child"]

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
    """The mix of choices with the least loss under budgets, or with the least cost within a drop.

    Args:
        model: the float model.
        data: fitted to the model. Its calibration part alone is read, in two: on one part layers are judged and ranges
            found, on the other mixes are measured, so that the evaluation part can judge what was chosen.
        question: what is asked.
        progress: told a sentence and the share that is done; may raise Cancelled.
        partly: handed what is known before the end: the foretold front, then mixes as they are measured.

    Raises:
        RecipeError: the recipe leaves weights in float, or a choice cannot be mixed with it.
        DataError: there are too few calibration samples, or no labels for a test beside float.
        InputError: nothing fits into the budgets.
        BackendError: latency cannot be measured where it is asked for.
    """
    tell: Progress = progress or (lambda _text, _done: None)
    _check(question)
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


def _check(question: MixQuestion) -> None:
    choices_of(question.recipe, question.choices)
    for name in (*question.budgets, question.along):
        cost_kind(name)


@dataclass(slots=True)
class _Search:
    """One search."""

    model: Model
    data: DataSet
    question: MixQuestion
    tell: Progress
    partly: Partly | None
    _left_out: dict[str, str] = field(default_factory=dict)  # by name of a recipe, why it was not measured

    def report(self) -> MixReport:
        """Foretells, solves, measures."""
        choices = choices_of(self.question.recipe, self.question.choices)
        seen, apart = calibration_parts(self.data, (APART,))
        statistics = self._statistics(seen, choices)
        self.tell("running the float network", 0.1)
        temperature = temperature_for(self.model, self.data, self.question.samples)
        yard = yardstick_of(self.model, apart, temperature)
        verifier = Verifier(self.model, seen, statistics, apart.calibration, yard)
        networks = networks_of(self.model, statistics, choices, verifier.made)
        losses = losses_of(
            networks,
            seen,
            choices,
            self.question.samples,
            temperature,
            lambda text, done: self.tell(text, 0.1 + 0.3 * done),
        )
        found = self._foretold(choices, networks, losses, verifier, statistics)
        if self.question.as_float and yard.metric is None:
            what = "whether a mix is distinguishable from float is asked of the task's metric, and there are no labels"
            raise DataError(what, where=self.data.name, do="give labels, or ask for a budget or a drop")
        if self.question.is_timed:
            found = self._timed(found, choices, verifier)
        found = replace(found, front=front_of(found))
        check_budgets(found)
        self._hand(found)
        found = self._with_pairs(found, verifier)
        found = self._verified(found, verifier)
        if found.clock is not None and found.verified:
            self.tell("timing mixes", 0.95)
            found = timed_mixes(found, self.model, self.data, self._files(found, verifier))
        measured = [verifier.losses(Recipe.parse(mix.recipe)) for mix in found.verified]
        found = replace(found, notes=(*found.notes, *self._left_out.values()))
        return replace(found, chosen=chosen_among(found, measured))

    def _foretold(
        self,
        choices: tuple[MixChoice, ...],
        networks: Mapping[str, PlannedNetwork],
        losses: Mapping[str, Losses],
        verifier: Verifier,
        statistics: Statistics | None,
    ) -> MixReport:
        """Everything but latency; the plain model in int8 is measured."""
        int8 = self._int8
        self.tell("measuring int8", 0.4)
        plain = self._judged(verifier, int8)
        hardware = self._backend if self.question.hardware_aware else None
        alone = foretold_groups(networks, statistics, choices, losses, {}, hardware)
        shares = self._activation_shares(choices, losses, alone, verifier)
        told = foretold_groups(networks, statistics, choices, losses, shares, hardware)
        all_int8 = make_plan(self.model, int8, statistics)
        return MixReport(
            model=self.model.name,
            data=self.data.name,
            base=self.question.recipe.to_yaml(),
            choices=tuple(choice.name for choice in choices),
            whole=plan_costs(self.model, all_int8),
            other=told.other,
            budgets=self.question.limits,
            most_drop=self.question.most_drop,
            as_float=self.question.as_float,
            axis=self.question.along,
            hardware=hardware,
            unit=verifier.yard.unit,
            metric_name=None if verifier.yard.metric is None else verifier.yard.metric.name,
            n=verifier.apart.n,
            groups=told.groups,
            pairs=(),
            edges=told.edges,
            front=(),
            verified=(),
            chosen=None,
            plain=None if plain is None else plain.found,
            notes=(*tempering_note(verifier.yard.temperature), *file_notes(networks, self.model, all_int8)),
            temperature=verifier.yard.temperature,
        )

    @property
    def _int8(self) -> Recipe:
        return with_format(self.question.recipe, "int8")

    @property
    def _backend(self) -> str:
        return self.question.backend or reference().name

    def _activation_shares(
        self, choices: tuple[MixChoice, ...], losses: Mapping[str, Losses], told: ForetoldGroups, verifier: Verifier
    ) -> dict[str, float]:
        """By what activations are in: how much of their losses counts, from one whole network measured for each."""
        widest: dict[str, MixChoice] = {}
        for choice in choices:
            if choice.on_grids and choice.recipe.activations is not None:
                widest.setdefault(choice.activations_in, choice)
        names = [group.layers for group in told.groups]
        measured = {key: self._judged(verifier, choice.recipe) for key, choice in widest.items()}
        return {
            key: share_in_the_whole(
                judged.found.loss,
                sum(losses[widest[key].name].of_weights(each, widest[key]) for each in names),
                sum(losses[widest[key].name].of_activations(each, widest[key]) for each in names),
            )
            for key, judged in measured.items()
            if judged is not None
        }

    def _timed(self, found: MixReport, choices: tuple[MixChoice, ...], verifier: Verifier) -> MixReport:
        work = TimedCosts(
            model=self.model,
            base=self.question.recipe,
            choices=choices,
            verifier=verifier,
            backend=self._backend,
            threads=self.question.threads,
            anew=self.question.anew,
            tell=lambda text, done: self.tell(text, 0.45 + 0.1 * done),
        )
        try:
            return work.into(found)
        except BackendError as error:
            if any(COSTS[name].timed for name in (*found.budgets, found.axis)):
                raise
            return replace(found, notes=(*found.notes, f"latency is not among the costs: {error.sentence}"))

    def _statistics(self, data: DataSet, choices: tuple[MixChoice, ...]) -> Statistics | None:
        if not any(choice.recipe.needs_statistics for choice in choices):
            return None
        return statistics_for(
            self.model, data, progress=lambda done, n: self.tell(f"observing sample {done} of {n}", 0.1 * done / n)
        )

    def _with_pairs(self, found: MixReport, verifier: Verifier) -> MixReport:
        """With what pairs of the groups that lose most in their narrowest choice lose beyond their sum."""
        open_ones = [at for at, group in enumerate(found.groups) if len(group.choices) > 1]
        count = min(self.question.pairs, len(open_ones))
        if count < 2:
            return found
        worst = sorted(open_ones, key=lambda at: -found.groups[at].losses[-1])[:count]

        def with_narrow(*narrow: int) -> Recipe:
            choice = tuple(len(group.choices) - 1 if at in narrow else 0 for at, group in enumerate(found.groups))
            return recipe_in(found, choice)

        sets = [(), *((at,) for at in worst), *combinations(worst, 2)]
        verifier.prepare([with_narrow(*each) for each in sets], lambda text, done: self.tell(text, 0.55 + 0.15 * done))
        losses = {}
        for done, each in enumerate(sets):
            self.tell("measuring pairs of layers", 0.55 + 0.15 * done / len(sets))
            judged = self._judged(verifier, with_narrow(*each))
            if judged is not None:
                losses[each] = judged.losses
        pairs = []
        for a, b in combinations(worst, 2):
            if not {(), (a,), (b,), (a, b)} <= losses.keys():
                continue
            beyond = losses[a, b] - losses[a,] - losses[b,] + losses[()]
            pairs.append(MixPair(min(a, b), max(a, b), float(beyond.mean()), student_half(beyond)))
        found = replace(found, pairs=tuple(pairs))
        found = replace(found, front=front_of(found))
        self._hand(found)
        return found

    def _verified(self, found: MixReport, verifier: Verifier) -> MixReport:
        if found.seeks_least:
            return self._least(found, verifier)
        asked = candidates(found, self.question.verified, self._counting(found, verifier))
        recipes = [recipe_in(found, point.choice) for point, _ in asked]
        verifier.prepare(recipes, lambda text, done: self.tell(text, 0.7 + 0.2 * done))
        for done, (point, why) in enumerate(asked):
            self.tell(f"measuring mix {done + 1} of {len(asked)}", 0.7 + 0.25 * done / len(asked))
            found = self._measured(found, verifier, point, why) or found
            self._hand(found)
        return found

    def _counting(self, found: MixReport, verifier: Verifier) -> Counting | None:
        """What counts a mix from its plan; None where that is what is foretold."""
        if not changes_graph(self.question.recipe):
            return None
        return lambda point: PlannedNetwork.made(verifier.made(graph_only(recipe_in(found, point.choice)))).costs()

    def _judged(self, verifier: Verifier, recipe: Recipe) -> JudgedMix | None:
        """None, and the reason kept, where it cannot be run or answers no numbers."""
        try:
            return verifier.judged(recipe)
        except BackendError as error:
            self._left_out[recipe.name] = f"left out: {error.sentence}"
            return None

    def _measured(self, found: MixReport, verifier: Verifier, point: MixPoint, why: str) -> MixReport | None:
        """With one more mix; None where that cannot be measured."""
        recipe = recipe_in(found, point.choice)
        judged = self._judged(verifier, recipe)
        if judged is None:
            return None
        point = replace(point, costs=point.costs | judged.costs)  # of what was made, whatever was foretold
        mix = VerifiedMix(point, recipe.to_yaml(), recipe.name, why, point.weight_bytes, judged.found, judged.paired)
        return replace(found, verified=(*found.verified, mix), chosen=None)

    def _files(self, found: MixReport, verifier: Verifier) -> Mapping[str, Any]:
        made = {mix.recipe_name: verifier.made(Recipe.parse(mix.recipe)) for mix in found.verified}
        return made | {"int8": verifier.made(unchanged(self._int8))}

    def _least(self, found: MixReport, verifier: Verifier) -> MixReport:
        """The point of the front with the least cost within what is asked, by halving: dearer mixes lose less, on the
        whole."""
        points = within_budgets(found, found.front)
        low, high, done = 0, len(points) - 1, 0
        steps = max(1, math.ceil(math.log2(len(points) + 1)))
        while low <= high:
            middle = (low + high) // 2
            self.tell(f"measuring mix {done + 1} of about {steps}", min(0.7 + 0.25 * done / steps, 0.94))
            more = self._measured(found, verifier, points[middle], "front")
            found = more or found
            self._hand(found)
            done += 1
            if more is not None and is_within(more, more.verified[-1]):
                high = middle - 1
            else:
                low = middle + 1
        return found

    def _hand(self, found: MixReport) -> None:
        if self.partly is not None:
            self.partly(found)
