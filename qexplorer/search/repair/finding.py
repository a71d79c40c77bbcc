"""Repairing: diagnoses, remedies tried one by one, and those kept that samples apart speak for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import QExplorerError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.plugins import METRICS
from qexplorer.core.recipe import Recipe
from qexplorer.core.recipe_words.names import MOST_LETTERS, is_automatic, own_name
from qexplorer.graph.index import index_of
from qexplorer.measure.arithmetic.saturation import saturates_here
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.stats import Statistics
from qexplorer.process.child import Emit
from qexplorer.quantize.apart import goes_apart
from qexplorer.quantize.plan import make_plan
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.repair.ahead import RemediesAhead, changes
from qexplorer.search.repair.diagnosing import Evidence, diagnose
from qexplorer.search.repair.remedies import Remedy, remedies_for
from qexplorer.search.repair.repair_types import Diagnosis, Fault, RepairReport, RepairStep
from qexplorer.search.repair.sums import SaturatingSums, diagnose_sums
from qexplorer.search.repair.worth import WORTH, is_sound, nothing_to_win, pays, told_why_it_stopped
from qexplorer.search.sensitivity.finding import find_sensitivity, yardstick_of
from qexplorer.search.sensitivity.question import Inquiry, default_passes
from qexplorer.search.sensitivity.sensitivity_types import Evaluated
from qexplorer.search.set_apart import APART, LEAST, calibration_parts
from qexplorer.search.sharing import with_whom
from qexplorer.search.strangers import asked_of_child, in_child

__all__ = ["MOST_TRIED", "find_repair", "repair_in_child"]

_LAYERS = 6  # that remedies are tried for

MOST_TRIED = 25
"""Recipes that a repair makes where much is wrong, about."""

Progress = Callable[[str, float], None]
Partly = Callable[[RepairReport], None]


def find_repair(
    model: Model,
    data: DataSet,
    recipe: Recipe,
    *,
    progress: Progress | None = None,
    partly: Partly | None = None,
) -> RepairReport:
    """What is wrong with a quantized model, and the recipe in which it is mended.

    A remedy is kept where it wins at least a twentieth of the loss on samples kept apart, and the metric does not fall.
    These are a part of the calibration samples; where those lack classes that the evaluation part has, they are a part
    of that, which the report then says.

    Args:
        model: the float model.
        data: fitted to the model.
        recipe: by which it is quantized.
        progress: told a sentence and the share that is done; may raise Cancelled.
        partly: handed what is known before the end.

    Raises:
        RecipeError: the recipe rounds nothing, or cannot be applied.
        DataError: there are too few samples.
    """
    tell: Progress = progress or (lambda _text, _done: None)
    if recipe.is_float:
        raise RecipeError(f"'{recipe.name}' keeps everything in float, so there is nothing to repair")
    if not goes_apart(model):
        return _Repair(model, data, recipe, tell, partly).report()

    return in_child(
        "qexplorer.search.repair.finding:repair_in_child",
        model,
        data,
        {"recipe": recipe.to_yaml()},
        RepairReport,
        tell=tell,
        partly=partly,
    )


def repair_in_child(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """The child's side of :func:`find_repair` for a stranger's model."""
    asked = asked_of_child(arguments, emit)
    recipe = Recipe.parse(asked.question["recipe"])
    return _Repair(asked.model, asked.data, recipe, asked.tell, asked.partly).report().to_json()


@dataclass(slots=True)
class _Repair:
    """One repair."""

    model: Model
    data: DataSet
    recipe: Recipe
    tell: Progress
    partly: Partly | None
    notes: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)  # digests of recipes that were tried

    def report(self) -> RepairReport:
        """Diagnoses, tries, keeps."""
        seen, apart = self._samples()
        statistics = self._statistics(seen, "observing sample")
        yard = yardstick_of(self.model, apart)
        verifier = Verifier(self.model, seen, statistics, apart.calibration, yard)
        before = verifier.evaluated(self.recipe)
        self.tell("looking at sums of products", 0.1)
        sums = SaturatingSums(verifier)
        summed = sums.of(self.recipe)
        diagnoses = self._diagnoses(seen, apart, statistics)
        saturated = diagnose_sums(summed)
        cuts = summed is not None and summed.at_fault
        diagnoses = (*saturated, *diagnoses) if is_sound(before) else (*diagnoses, *saturated)
        found = RepairReport(
            model=self.model.name,
            data=self.data.name,
            recipe=self.recipe.to_yaml(),
            recipe_name=self.recipe.name,
            repaired=self.recipe.to_yaml(),
            repaired_name=self.recipe.name,
            metric_name=None if yard.metric is None else yard.metric.name,
            unit=yard.unit,
            n=apart.calibration.n,
            plain=verifier.plain.value(yard),
            before=before,
            after=before,
            diagnoses=diagnoses,
            notes=tuple(self.notes),
            saturating_before=summed.saturating.loss if summed is not None and cuts else None,
            saturating_after=summed.saturating.loss if summed is not None and cuts else None,
        )
        self._hand(found)
        if not is_sound(before):
            found = self._tried(found, verifier)
        elif not saturated:
            return replace(found, sound=True)
        return self._with_sums_tried(found, sums)

    def _samples(self) -> tuple[DataSet, DataSet]:
        """What ranges are found on, and what decides."""
        split = self.data.calibration
        if self._lacks_classes(split):
            evaluation = self.data.evaluation
            order = np.random.default_rng(0).permutation(evaluation.n)[: max(LEAST, int(APART * evaluation.n))]
            self.notes.append(
                f"the calibration samples lack classes, so {len(order)} of the {evaluation.n} evaluation samples "
                "decided what is kept: judge the repaired recipe on others"
            )
            return self.data, self._judged_by(evaluation.take(np.sort(order)))
        seen, apart = calibration_parts(self.data, (APART,))
        return seen, apart

    def _judged_by(self, split: Split) -> DataSet:
        return replace(self.data, calibration=split, digest=f"{self.data.digest}-evaluation")

    def _lacks_classes(self, split: Split) -> bool:
        labels, others = split.labels, self.data.evaluation.labels
        if labels is None or others is None or labels.ndim != 1 or others.ndim != 1 or len(self.data.classes) < 2:
            return False
        return len(np.unique(labels)) < min(len(np.unique(others)), 2)

    def _statistics(self, data: DataSet, words: str) -> Statistics | None:
        def told(done: int, n: int) -> None:
            self.tell(f"{words} {done} of {n}", 0.1 * done / max(n, 1))

        return statistics_for(self.model, data, progress=told)

    def _diagnoses(self, seen: DataSet, apart: DataSet, statistics: Statistics | None) -> tuple[Diagnosis, ...]:
        view, plan = index_of(self.model), make_plan(self.model, self._bare(), statistics)
        other = self._statistics(apart, "observing new sample")
        static = self.recipe.needs_statistics
        found = diagnose(Evidence(self.model, view, plan, seen, statistics, other if static else None))
        inquiry = Inquiry(recipe=self._bare(), passes=default_passes(self.model))
        sensitivity = find_sensitivity(
            self.model, apart, inquiry, progress=lambda text, done: self.tell(text, 0.1 + 0.3 * done)
        )
        losses = {}
        for layer in sensitivity.layers:
            evaluated = layer.exact()
            for name in layer.members:
                losses[name] = None if evaluated is None else evaluated.loss
        whole = [each for each in found if not each.layer]
        single = [replace(each, loss=losses.get(each.layer)) for each in found if each.layer]
        single.sort(key=lambda each: -(each.loss or 0.0) * each.severity)
        named = {each.layer for each in single}
        rest = [layer for layer in sensitivity.worst() if layer.name not in named][:2]
        for layer in rest:
            loss = layer.exact() or layer.gradient() or None
            value = None if loss is None else loss.loss
            sentence = "nothing in its statistics explains it, and rounding it alone costs more than most"
            single.append(Diagnosis(layer.name, layer.op, Fault.SENSITIVE, sentence, loss=value))
        shares = with_whom(plan, view.tied)
        return (*whole, *(replace(each, shares=shares.get(each.layer, ())) for each in single))

    def _bare(self) -> Recipe:
        return self.recipe.model_copy(update={"algorithms": ()})

    def _tried(self, found: RepairReport, verifier: Verifier) -> RepairReport:
        targets, begin = self._targets(found), max(found.before.loss, 1e-12)
        with RemediesAhead(verifier) as ahead:
            for place, diagnosis in enumerate(targets):
                share = 0.4 + 0.6 * place / max(len(targets), 1)
                found = self._tried_for(diagnosis, found, ahead, begin, share)
                if nothing_to_win(found, begin):
                    last = remedies_for(diagnosis)[-1].title
                    ended = diagnosis is targets[-1] and bool(found.steps) and found.steps[-1].remedy == last
                    return found if ended else told_why_it_stopped(found, begin)
        return found

    def _tried_for(
        self, diagnosis: Diagnosis, found: RepairReport, ahead: RemediesAhead, begin: float, share: float
    ) -> RepairReport:
        """The report with the remedies for one fault tried, and those kept that help."""
        recipe, asked = Recipe.parse(found.repaired), False
        remedies = remedies_for(diagnosis)
        for number, remedy in enumerate(remedies):
            if nothing_to_win(found, begin):
                break
            if self._was_tried(recipe, diagnosis, remedy):
                continue
            self.tell(f"trying {remedy.title} for {diagnosis.layer or 'the whole model'}", share)
            if not asked:
                ahead.ask(changes(recipe, diagnosis, remedies[number:]))
            changed, step, found = self._try(found, ahead.evaluated, recipe, diagnosis, remedy, begin)
            found = replace(found, steps=(*found.steps, step))
            recipe, asked = changed or recipe, changed is None
            self._hand(found)
        return found

    def _was_tried(self, recipe: Recipe, diagnosis: Diagnosis, remedy: Remedy) -> bool:
        """Whether a remedy gives a recipe that was tried for another fault: what it wins is known."""
        made = {each.digest for each in changes(recipe, diagnosis, [remedy])}
        known = bool(made) and made <= self._seen
        self._seen |= made
        return known

    def _with_sums_tried(self, found: RepairReport, sums: SaturatingSums) -> RepairReport:
        """Remedies for sums that saturate, kept where these win more than exact ones lose."""
        targets = [each for each in found.diagnoses if each.fault is Fault.SATURATED][:_LAYERS]
        recipe = Recipe.parse(found.repaired)
        now = sums.of(recipe) if targets else None
        for diagnosis in targets:
            for remedy in remedies_for(diagnosis):
                if now is None or not now.at_fault:
                    break
                self.tell(f"trying {remedy.title} for {diagnosis.layer}", 0.95)
                changed, step, after = self._try(
                    found, sums.verifier.evaluated, recipe, diagnosis, remedy, 0.0, bound=None
                )
                then = None if changed is None else sums.of(changed)
                if changed is not None and then is not None and pays(now, then):
                    recipe, now, found = changed, then, replace(after, saturating_after=then.saturating.loss)
                elif changed is not None:
                    step = replace(step, kept=False, why="with sums that saturate it wins no more than it loses")
                found = replace(found, steps=(*found.steps, step))
                self._hand(found)
        if any(step.kept and step.diagnosis is Fault.SATURATED for step in found.steps) and saturates_here() is False:
            said = "what is kept for sums that saturate is for processors without VNNI: on this one all sums are exact"
            found = replace(found, notes=(*found.notes, said))
        return replace(found, saturating_after=None if now is None else now.saturating.loss) if targets else found

    def _targets(self, found: RepairReport) -> list[Diagnosis]:
        """The whole model's faults, then those of the worst layers."""
        some = [each for each in found.diagnoses if each.fault is not Fault.SATURATED]
        layers = list(dict.fromkeys(each.layer for each in some if each.layer))[:_LAYERS]
        return [each for each in some if not each.layer] + [each for each in some if each.layer in layers]

    def _try(
        self,
        found: RepairReport,
        judge: Callable[[Recipe], Evaluated],
        recipe: Recipe,
        diagnosis: Diagnosis,
        remedy: Remedy,
        begin: float,
        *,
        bound: float | None = WORTH,
    ) -> tuple[Recipe | None, RepairStep, RepairReport]:
        """The changed recipe if it is kept, what to log, and the report."""

        def step(loss: float | None, metric: float | None, why: str, *, kept: bool = False) -> RepairStep:
            gain = self._gain(found, metric)
            return RepairStep(diagnosis.layer, diagnosis.fault, remedy.title, loss, metric, gain, kept, why)

        try:
            changed = remedy.change(recipe, diagnosis)
            if changed is None:
                return None, step(None, None, "it is so already, or there is nothing that it could change"), found
            after = judge(changed)
        except (QExplorerError, ValueError) as error:
            said = error.sentence if isinstance(error, QExplorerError) else str(error).splitlines()[0]
            return None, step(None, None, said), found
        gain = self._gain(found, after.metric)
        if bound is not None and found.after.loss - after.loss < bound * begin:
            return None, step(after.loss, after.metric, "it wins less than a twentieth of the loss"), found
        if gain is not None and gain < 0:
            return None, step(after.loss, after.metric, "the metric falls"), found
        logged, named = step(after.loss, after.metric, "", kept=True), self._named(changed)
        return changed, logged, replace(found, after=after, repaired=named.to_yaml(), repaired_name=named.name)

    def _named(self, changed: Recipe) -> Recipe:
        """Called by what it asks for; behind a name that somebody gave stands that it was repaired."""
        told = f"{self.recipe.name}, repaired"
        name = own_name(changed) if is_automatic(self.recipe) or len(told) > MOST_LETTERS else told
        return changed.model_copy(update={"name": name})

    def _gain(self, found: RepairReport, metric: float | None) -> float | None:
        if metric is None or found.after.metric is None or found.metric_name is None:
            return None
        sign = 1 if str(METRICS.get(found.metric_name).direction) == "higher" else -1
        return sign * (metric - found.after.metric)

    def _hand(self, found: RepairReport) -> None:
        if self.partly is not None:
            self.partly(found)
