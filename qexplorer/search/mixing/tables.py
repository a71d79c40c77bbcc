"""What each group of layers loses and costs in each format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qexplorer.quantize.plan_types import Plan
from qexplorer.search.allocation.problem import AllocationProblem, PairTerm
from qexplorer.search.mixing.mix_types import MixGroup, MixPair
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

__all__ = ["WEIGHT_BYTES", "groups_in", "problem_of"]

WEIGHT_BYTES = "weight_bytes"
_FARTHEST = 30.0  # times that an evaluated loss may correct a foretold one


def groups_in(
    report: SensitivityReport, plans: Mapping[str, Plan], formats: Sequence[str], tied: Mapping[str, str]
) -> tuple[MixGroup, ...]:
    """Groups with what each format loses and costs.

    Args:
        report: of the model with weights in the narrowest of the formats, evaluated with weights alone.
        plans: of the model with all weights in a format, by format.
        formats: in the order of choices.
        tied: weights that are another one turned over, by name.
    """
    known = {layer.name: layer for layer in report.layers}
    groups = []
    for names in _sharing(plans[formats[0]], tied):
        found = [known[name] for name in names if name in known]
        if not found or any(not each.formats for each in found):
            continue
        factors = [_factor(layer) for layer in found]
        losses = []
        for name in formats:
            told = [layer.formats.get(name) for layer in found]
            losses.append(sum(0.0 if t is None else t.loss * (f or 1.0) for t, f in zip(told, factors, strict=True)))
        layers = [[plans[name].layer(each) for each in names] for name in formats]
        if len({tuple(layer.weights for layer in each) for each in layers}) == 1:
            continue  # a rule of the recipe decides its format
        groups.append(
            MixGroup(
                layers=tuple(names),
                parameters=layers[0][0].parameters,
                formats=tuple(formats),
                losses=tuple(losses),
                weight_bytes=tuple(sum(layer.weight_bytes for layer in each) for each in layers),
                source="evaluated" if all(f is not None for f in factors) else "gradient",
            )
        )
    return tuple(groups)


def _sharing(plan: Plan, tied: Mapping[str, str]) -> list[list[str]]:
    """Names of layers with a weight on a grid; those that share one stand together."""
    by_weight: dict[str, list[str]] = {}
    for layer, keys in plan.constants.items():
        weights = [key for key in keys.values() if plan.tensors[key].kind == "weight"]
        if weights and plan.layer(layer).parameters:
            stored = tied.get(plan.tensors[weights[0]].name, weights[0])
            by_weight.setdefault(stored, []).append(layer)
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
    alone = [float(row[at]) for row, at in zip(loss, narrow, strict=True)]
    sizes = [len(row) for row in loss]
    terms = [PairTerm.at(sizes, a, narrow[a], b, narrow[b], value) for (a, b), value in _possible(pairs, alone).items()]
    return AllocationProblem(loss, {WEIGHT_BYTES: cost}, terms)


def _possible(pairs: Sequence[MixPair], alone: Sequence[float]) -> dict[tuple[int, int], float]:
    """What pairs add, so that no mix is foretold to lose less than nothing.

    To second order a loss is ``1/2 d' H d``, and what two errors add is ``2 r sqrt(L1 L2)`` with a correlation ``r``.
    A measurement on few samples can say more than that: correlations end at 1, and all are shrunk alike until their
    matrix has no eigenvalue below 0.
    """
    size = [math.sqrt(max(loss, 0.0)) for loss in alone]
    members = sorted({at for pair in pairs for at in (pair.first, pair.second)})
    place = {at: i for i, at in enumerate(members)}
    r = np.zeros((len(members), len(members)))
    for pair in pairs:
        a, b, most = place[pair.first], place[pair.second], 2 * size[pair.first] * size[pair.second]
        r[a, b] = r[b, a] = np.clip(pair.loss / most, -1, 1) if most > 0 else 0.0
    least = float(np.linalg.eigvalsh(r)[0]) if members else 0.0
    r *= min(1.0, -1 / least) if least < 0 else 1.0
    keys = [(pair.first, pair.second) for pair in pairs]
    return {(a, b): 2 * size[a] * size[b] * float(r[place[a], place[b]]) for a, b in keys}
