"""From a recipe with algorithms to the float model and the plan that they leave."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from qexplorer.core.errors import DataError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Needs, Stage
from qexplorer.core.plugin_kinds.algorithm_choice import AskedAlgorithm, needs_of
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import sha256_bytes, workspace
from qexplorer.quantize.changes.changes import Changes, changed_plan, with_remarks
from qexplorer.quantize.changes.drafts import GraphDraft, Materials, PlanDraft
from qexplorer.quantize.changes.kept import load_changes, save_changes
from qexplorer.quantize.changes.threads import threads_for
from qexplorer.quantize.findings import NOTHING_FOUND, Findings
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan, Worked

__all__ = ["check_materials", "preview_plan", "run_algorithms"]


def run_algorithms(
    model: Model, recipe: Recipe, materials: Materials, kept: Path, findings: Findings = NOTHING_FOUND
) -> tuple[Model, Plan]:
    """Lets the algorithms of ``recipe`` work in their order.

    Args:
        model: the float model.
        recipe: what is asked for.
        materials: what it needs; see :func:`check_materials`.
        kept: where the changes of the plan are kept; what lies there is used again.
        findings: what came out as the model or a file made of it ran.

    Returns:
        The float model that the plan is about (another one if an algorithm changed the graph), and the plan.
    """
    found, worked = model, list[Worked]()
    for asked in recipe.algorithms:
        found = _change_graph(found, recipe, materials, asked, worked)
    if found is not model:
        materials = _observed_again(found, recipe, materials)
    plan = make_plan(found, recipe, materials.statistics, findings)
    for each in worked:
        plan = replace(plan, layers=with_remarks(plan.layers, each.remarks))
    plan = replace(plan, worked=tuple(worked))
    again = materials.watcher is not None and materials.watcher.wants_again()
    changes = None if again else load_changes(kept)
    if changes is None:
        changes = _change_plan(found, recipe, plan, materials)
        save_changes(changes, kept)
    return found, changed_plan(plan, changes)


def check_materials(recipe: Recipe, materials: Materials) -> None:
    """Says what the algorithms lack.

    Raises:
        RecipeError: an algorithm needs data or statistics that were not given.
        DataError: there is no calibration sample.
    """
    do = "give calibration data"
    names = ", ".join(f"'{each.name}'" for each in recipe.algorithms)
    if recipe.needs_samples and materials.data is None:
        raise RecipeError(f"the recipe '{recipe.name}' needs calibration samples for {names}", do=do)
    if recipe.needs_samples and materials.data is not None:
        split = materials.data.calibration
        if not split.inputs or not split.n:
            raise DataError(f"there is no calibration sample for {names}", where=materials.data.name, do=do)
    if Needs.STATISTICS in needs_of(recipe.algorithms) and materials.statistics is None:
        raise RecipeError(f"the recipe '{recipe.name}' needs observed ranges for {names}", do=do)


def preview_plan(model: Model, recipe: Recipe) -> Plan:
    """The plan before there are data, with what each algorithm would do to each layer.

    Algorithms that change the graph do not work here, because they may need data: the plan is that of the graph as it
    is.

    Raises:
        RecipeError: the recipe cannot be applied to this model.
    """
    plan = make_plan(model, recipe, None)
    for asked in recipe.algorithms:
        algorithm = asked.algorithm
        if algorithm.stage is Stage.PLAN:
            said = algorithm.foretell(PlanDraft(model, recipe, plan, Materials(), algorithm), asked.chosen)
        else:
            said = algorithm.foretell(GraphDraft(model, recipe, Materials(), algorithm), asked.chosen)
        remarks = {layer: (clause,) for layer, clause in said.items()}
        plan = replace(plan, layers=with_remarks(plan.layers, remarks))
    return plan


def _change_graph(
    model: Model, recipe: Recipe, materials: Materials, asked: AskedAlgorithm, worked: list[Worked]
) -> Model:
    """The model that one algorithm makes of ``model``: the same object if it leaves it alone."""
    algorithm = asked.algorithm
    if algorithm.stage is not Stage.GRAPH:
        return model
    draft = GraphDraft(model, recipe, materials, algorithm)
    before, start = draft.proto.SerializeToString(deterministic=True), time.perf_counter()
    with threads_for(model, algorithm.needs):
        algorithm.change_graph(draft, asked.chosen)
    worked.append(Worked(algorithm.name, time.perf_counter() - start, draft.spent, dict(draft.remarks)))
    after = draft.proto.SerializeToString(deterministic=True)
    if after == before:
        return model
    from qexplorer.load.child import describe

    path = workspace("models") / f"{sha256_bytes(after)}.onnx"
    return describe(draft.proto, path, model.name, model.source_sha256, model.notes)


def _observed_again(model: Model, recipe: Recipe, materials: Materials) -> Materials:
    """Ranges of the changed graph, where any are needed."""
    if not recipe.needs_statistics:
        return replace(materials, statistics=None)
    from qexplorer.observe.collecting.store import statistics_for

    def told(done: int, total: int) -> None:
        if materials.progress is not None:
            materials.progress(f"observing sample {done} of {total} of the changed graph", done / max(total, 1))

    assert materials.data is not None, "a recipe that changes the graph and has static activations needs data"
    found = statistics_for(model, materials.data, samples=materials.samples, progress=told)
    return replace(materials, statistics=found)


def _change_plan(model: Model, recipe: Recipe, plan: Plan, materials: Materials) -> Changes:
    """What the algorithms change in the plan, all together."""
    draft_plan, total = plan, Changes()
    for asked in recipe.algorithms:
        algorithm = asked.algorithm
        if algorithm.stage is not Stage.PLAN:
            continue
        draft, start = PlanDraft(model, recipe, draft_plan, materials, algorithm), time.perf_counter()
        with threads_for(model, algorithm.needs):
            algorithm.change_plan(draft, asked.chosen)
        worked = Worked(algorithm.name, time.perf_counter() - start, draft.spent, dict(draft.remarks))
        total = _joined(total, replace(draft.changes, worked=(worked,)))
        draft_plan = changed_plan(plan, total)
    return total


def _joined(first: Changes, second: Changes) -> Changes:
    """Both, the second on top."""
    constants = {(each.layer, each.position): each for each in (*first.constants, *second.constants)}
    remarks = {
        layer: (*first.remarks.get(layer, ()), *second.remarks.get(layer, ()))
        for layer in (first.remarks | dict(second.remarks))  # type: ignore[operator]
    }
    tensors = {**first.tensors, **second.tensors}
    worked = (*first.worked, *second.worked)
    return Changes(tuple(constants.values()), tensors, {**first.uses, **second.uses}, remarks, worked)
