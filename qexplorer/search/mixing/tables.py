"""What each group of layers loses and costs in each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qexplorer.quantize.plan_types import Plan
from qexplorer.search.allocation.problem import AllocationProblem, PairTerm
from qexplorer.search.mixing.mix_types import MixGroup, MixPair
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

__all__ = ["WEIGHT_BYTES", "groups_in", "problem_of"]

WEIGHT_BYTES = "weight_bytes"
_FARTHEST = 30.0  # times that an evaluated loss may correct a foretold one


def groups_in(report: SensitivityReport, plans: Mapping[str, Plan], formats: Sequence[str]) -> tuple[MixGroup, ...]:
    """Groups with what each format loses and costs.

    Args:
        report: of the model with weights in the narrowest of the formats, evaluated with weights alone.
        plans: of the model with all weights in a format, by format.
        formats: in the order of choices.
    """
    known = {layer.name: layer for layer in report.layers}
    groups = []
    for names in _sharing(plans[formats[0]]):
        found = [known[name] for name in names if name in known]
        if not found or any(not each.formats for each in found):
            continue
        factors = [_factor(layer) for layer in found]
        losses = []
        for name in formats:
            told = [layer.formats.get(name) for layer in found]
            losses.append(sum(0.0 if t is None else t.loss * (f or 1.0) for t, f in zip(told, factors, strict=True)))
        layers = [plans[name].layer(names[0]) for name in formats]
        groups.append(
            MixGroup(
                layers=tuple(names),
                parameters=layers[0].parameters,
                formats=tuple(formats),
                losses=tuple(losses),
                weight_bytes=tuple(layer.weight_bytes for layer in layers),
                source="evaluated" if all(f is not None for f in factors) else "gradient",
            )
        )
    return tuple(groups)


def _sharing(plan: Plan) -> list[list[str]]:
    """Names of layers with a weight on a grid; those that share one stand together."""
    by_weight: dict[str, list[str]] = {}
    for layer, keys in plan.constants.items():
        weights = [key for key in keys.values() if plan.tensors[key].kind == "weight"]
        if weights and plan.layer(layer).parameters:
            by_weight.setdefault(weights[0], []).append(layer)
    order = {layer.name: i for i, layer in enumerate(plan.layers)}
    return sorted(by_weight.values(), key=lambda names: order[names[0]])


def _factor(layer: LayerSensitivity) -> float | None:
    """By how much the evaluated loss of the weights is larger than the foretold one; None where either is missing."""
    evaluated, foretold = layer.exact("weights"), layer.gradient("weights")
    if evaluated is None or foretold is None or foretold.loss <= 0 or evaluated.loss <= 0:
        return None
    return float(np.clip(evaluated.loss / foretold.loss, 1 / _FARTHEST, _FARTHEST))


def problem_of(groups: Sequence[MixGroup], pairs: Sequence[MixPair] = ()) -> AllocationProblem:
    """The allocation problem of weight bytes. Pairs are of the narrowest formats, the last choice of their groups."""
    loss = [np.asarray(group.losses, np.float64) for group in groups]
    cost = [np.asarray(group.weight_bytes, np.float64) for group in groups]
    narrow = [int(np.argmin(group.weight_bytes)) for group in groups]
    terms = [PairTerm(p.first, narrow[p.first], p.second, narrow[p.second], p.loss) for p in pairs]
    return AllocationProblem(loss, {WEIGHT_BYTES: cost}, terms)
