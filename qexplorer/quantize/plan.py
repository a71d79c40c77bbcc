"""From a recipe and what was observed to a plan: every layer's treatment with its reason, every tensor's grid."""

from __future__ import annotations

from collections.abc import Mapping

from qexplorer.core.errors import DataError, RecipeError
from qexplorer.core.formats import Granularity, get_format
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex, index_of
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.activations import (
    Source,
    absorbed,
    activation_plans,
    find_sources,
    follows_float,
    missing_statistics,
)
from qexplorer.quantize.carriers import activation_carrier, carrier_opset, weight_carrier
from qexplorer.quantize.constants import PACKED, ConstantPlanner, tables_in_bytes
from qexplorer.quantize.decide import Decision, Treatment, decide, keep_float
from qexplorer.quantize.findings import NOTHING_FOUND, Findings, keep_refused_float
from qexplorer.quantize.half import check_half
from qexplorer.quantize.plan_types import Plan
from qexplorer.quantize.plan_words import layer_plans
from qexplorer.quantize.worthwhile import coarse_scores, only_worthwhile

__all__ = ["make_plan"]


def make_plan(model: Model, recipe: Recipe, statistics: Statistics | None, findings: Findings = NOTHING_FOUND) -> Plan:
    """Decides what happens to every layer and tensor of ``model``.

    Without ``statistics`` the plan tells treatments and weights but has no grids of activations
    (``plan.calibrated`` is False): enough to show, not to emit. ``findings`` are what came out as the model or a file
    made of it ran.

    Raises:
        RecipeError: if the recipe cannot be applied to this model: formats that exclude each other in one layer, or
            an operator set too old for what is asked.
        DataError: if ``statistics`` belong to another model.
    """
    if statistics is not None and statistics.model_sha256 != model.sha256:
        raise DataError("these statistics were observed on another model", where=model.name, do="observe this one")
    view = index_of(model)
    decisions = decide(model, recipe, view)
    decisions = check_half(decisions, _largest(statistics) | findings.largest, view)
    decisions = keep_refused_float(decisions, findings.refused)
    decisions, sources = _settle(decisions, recipe, statistics, view)
    _check_opset(model, decisions)
    activations = {} if statistics is None else activation_plans(sources, decisions, statistics, view)
    constants = ConstantPlanner(model, view, tables_in_bytes(decisions, view))
    for decision in decisions.values():
        constants.add_layer(decision)
    constants.widen_for_biases(decisions, activations)
    constants.add_biases(decisions, activations)
    return Plan(
        layers=layer_plans(decisions, sources, constants, view),
        tensors=activations | constants.tensors,
        notes=_notes(model, recipe, decisions),
        constants=constants.uses,
        calibrated=statistics is not None or not sources,
    )


def _largest(statistics: Statistics | None) -> dict[str, float]:
    """The largest observed magnitudes."""
    observed = {} if statistics is None else {name: stats.histogram for name, stats in statistics.items()}
    return {name: max(-h.minimum, h.maximum) for name, h in observed.items() if h.count}


def _settle(
    decisions: dict[str, Decision], recipe: Recipe, statistics: Statistics | None, view: GraphIndex
) -> tuple[dict[str, Decision], dict[str, Source]]:
    """Takes layers back to float until every grid that is left has statistics, then those that move no codes."""
    while True:
        decisions = only_worthwhile(decisions, view)
        behind = "it follows a float layer, where it costs no accuracy"
        decisions = {n: keep_float(d, behind) if follows_float(d, decisions, view) else d for n, d in decisions.items()}
        sources = find_sources(decisions, recipe, view)
        lacking = {} if statistics is None else _lacking(decisions, sources, statistics, view)
        lacking |= {} if statistics is None else coarse_scores(decisions, statistics)
        if not lacking:
            break
        decisions = {n: keep_float(d, lacking[n]) if n in lacking else d for n, d in decisions.items()}
    why = "it reads floats, and no quantized layer follows"
    free = [d for d in decisions.values() if d.moves and not absorbed(d, decisions, view)]
    idle = {d.layer.name for d in free if not any(o in sources for o in d.layer.outputs)}
    return {n: keep_float(d, why) if n in idle else d for n, d in decisions.items()}, sources


def _lacking(
    decisions: Mapping[str, Decision], sources: Mapping[str, Source], statistics: Statistics, view: GraphIndex
) -> dict[str, str]:
    """Layers that touch a grid which cannot be calibrated, with the reason."""
    bad = {t: why for t, s in sources.items() if (why := missing_statistics(s, statistics, view))}
    for tensor, source in sources.items():
        if source.parent in bad:
            bad[tensor] = bad[source.parent]
    found: dict[str, str] = {}
    for name, decision in decisions.items():
        if decision.computes or decision.moves:
            touched = [t for t in (*decision.data, *decision.layer.outputs) if t in bad]
            if touched:
                found[name] = bad[touched[0]]
    return found


def _check_opset(model: Model, decisions: Mapping[str, Decision]) -> None:
    needed, why = 0, ""
    for decision in decisions.values():
        version, what = _opset_needed(decision)
        if version > needed:
            needed, why = version, f"{what} ('{decision.layer.name}')"
    if model.opset < needed:
        raise RecipeError(
            f"{why} needs operator set {needed}, and the model is at {model.opset} because it could not be converted",
            allowed="8-bit formats per tensor or channel, fp16" if model.opset >= 13 else "fp16",
            do="export the model again with a newer operator set",
        )


def _opset_needed(decision: Decision) -> tuple[int, str]:
    """The lowest opset that can say what the layer needs: blocks and types of 4 and 16 bits came with 21.

    Below 13, where QuantizeLinear has no axis, no layer counts as quantizable (see ``load.layers``).
    """
    spec, treatment = decision.spec, decision.treatment
    if treatment in (Treatment.FLOAT, Treatment.HALF):
        given = None if treatment is Treatment.FLOAT or spec.weights is None else get_format(spec.weights.format)
        return (0, "") if given is None or given.carrier == "float16" else (13, given.name)
    if spec.weights is not None and spec.weights.granularity == "block":
        return 21, "a scale per block"
    carriers: list[tuple[str, str]] = []
    if spec.weights is not None and decision.weight is not None:
        integer = treatment in (Treatment.QUANTIZED, Treatment.DYNAMIC)
        carrier = weight_carrier(spec.weights, integer=integer, linear=decision.layer.op in PACKED)
        carriers.append((carrier, spec.weights.format))
    if spec.activations is not None:
        carriers.append((activation_carrier(spec.activations), spec.activations.format))
    needed = [(carrier_opset(carrier, get_format(name).storage), carrier) for carrier, name in carriers]
    opset, carrier = max(needed, default=(13, ""))
    return (opset, f"the type {carrier}") if opset > 13 else (13, "quantization")


def _notes(model: Model, recipe: Recipe, decisions: Mapping[str, Decision]) -> tuple[str, ...]:
    notes = [
        f"rule '{rule.match}' matches no layer"
        for rule in recipe.layers
        if not any(rule.matches(layer.name, layer.op) for layer in model.layers)
    ]
    if not recipe.is_float and all(d.treatment is Treatment.FLOAT for d in decisions.values()):
        notes.append("nothing is quantized: every layer stays in float")
    dynamic = [d for d in decisions.values() if d.treatment is Treatment.DYNAMIC and d.spec.activations]
    if any(d.spec.activations and d.spec.activations.symmetric for d in dynamic):
        notes.append("dynamic activations are asymmetric (DynamicQuantizeLinear has no other form)")
    return (*notes, *_scales_beside_the_format(decisions))


def _scales_beside_the_format(decisions: Mapping[str, Decision]) -> list[str]:
    """Formats that are defined with a scale for each block, and have others."""
    specs = [d.spec.weights for d in decisions.values() if d.treatment is not Treatment.FLOAT and d.spec.weights]
    found = {(each.format, each.granularity): get_format(each.format).default_block for each in specs}
    return [
        f"{name} is defined with a scale for each {block} values, and a scale for each {shared} is no {name}, but "
        "numbers of its levels"
        for (name, shared), block in found.items()
        if block is not None and shared != Granularity.BLOCK
    ]
