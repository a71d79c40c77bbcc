"""What each group of layers loses with each choice, and the allocation problem that comes of losses and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.quantize.plan_types import Plan
from qexplorer.search.allocation.problem import AllocationProblem, PairTerm
from qexplorer.search.mixing.choices import MixChoice
from qexplorer.search.mixing.mix_types import MixEdge, MixGroup, MixPair
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, Rounded, SensitivityReport

__all__ = ["Losses", "problem_of", "sharing"]

_FARTHEST = 30.0  # times that an evaluated loss may correct a foretold one


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """What rounding a layer of one network loses, from sensitivity reports: weights and activations apart, as their
    errors are taken to be independent.

    Attributes:
        weights: of the weights alone in the narrowest choice, foretold in all others.
        activations: by what activations are in, of activations alone.
        casts: by choice that casts, of everything.
        narrowest: the name of that choice.
    """

    weights: SensitivityReport
    activations: Mapping[str, SensitivityReport]
    casts: Mapping[str, SensitivityReport]
    narrowest: str

    def knows(self, layers: Sequence[str]) -> bool:
        """Whether there is a loss of the weights of any of these layers."""
        found = [layer for name in layers if (layer := self.weights.layer(name)) is not None]
        return bool(found) and all(layer.formats for layer in found)

    def answers(self, layers: Sequence[str], choice: MixChoice) -> bool:
        """Whether the network answers numbers with one of these layers in a choice, as far as it was evaluated."""
        if choice.is_float:
            return True
        parts = [(self.activations.get(choice.activations_in), Rounded.ACTIVATIONS)] if choice.on_grids else []
        parts += [(self.casts.get(choice.name), Rounded.BOTH)]
        parts += [(self.weights, Rounded.WEIGHTS)] if choice.name == self.narrowest else []
        found = [(report.layer(name), what) for report, what in parts if report is not None for name in layers]
        return not any(layer is not None and what.value in layer.no_numbers for layer, what in found)

    def of_weights(self, layers: Sequence[str], choice: MixChoice) -> float:
        """Of layers that share a choice, for their weights."""
        if choice.is_float:
            return 0.0
        if choice.casts:
            return sum(_exact_or_foretold(self.casts[choice.name].layer(name), "both") for name in layers)
        total = 0.0
        for name in layers:
            layer = self.weights.layer(name)
            foretold = None if layer is None else layer.formats.get(choice.weights_in)
            total += 0.0 if layer is None or foretold is None else foretold.loss * (_factor(layer) or 1.0)
        return total

    def of_activations(self, layers: Sequence[str], choice: MixChoice) -> float:
        """The same for what they read and make."""
        report = self.activations.get(choice.activations_in)
        if report is None or not choice.on_grids:
            return 0.0
        return sum(_exact_or_foretold(report.layer(name), "activations") for name in layers)

    def is_evaluated(self, layers: Sequence[str]) -> bool:
        """Whether the losses of their weights follow from evaluated ones."""
        found = [layer for name in layers if (layer := self.weights.layer(name)) is not None]
        return all(_factor(layer) is not None for layer in found)


def _exact_or_foretold(layer: LayerSensitivity | None, rounded: str) -> float:
    found = None if layer is None else layer.exact(rounded) or layer.gradient(rounded)
    return 0.0 if found is None else found.loss


def sharing(plan: Plan, tied: Mapping[str, str]) -> list[list[str]]:
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


def problem_of(
    groups: Sequence[MixGroup], pairs: Sequence[MixPair] = (), edges: Sequence[MixEdge] = ()
) -> AllocationProblem:
    """The allocation problem of all costs. Pairs are of the narrowest choices, the last ones of their groups."""
    loss = [np.asarray(group.losses, np.float64) for group in groups]
    kinds = list(groups[0].costs)
    costs = {kind: [np.asarray(group.costs[kind], np.float64) for group in groups] for kind in kinds}
    sizes = [len(row) for row in loss]
    alone = [float(row[-1]) for row in loss]
    terms = [
        PairTerm.at(sizes, a, sizes[a] - 1, b, sizes[b] - 1, value) for (a, b), value in _possible(pairs, alone).items()
    ]
    extra = {
        kind: [PairTerm(e.first, e.second, np.asarray(e.costs[kind], np.float64)) for e in edges if kind in e.costs]
        for kind in kinds
    }
    return AllocationProblem(loss, costs, terms, extra)


def _possible(pairs: Sequence[MixPair], alone: Sequence[float]) -> dict[tuple[int, int], float]:
    """What pairs add, so that no mix is foretold to lose less than nothing.

    To second order a loss is ``1/2 d' H d``, and what two errors add is ``2 r sqrt(L1 L2)`` with a correlation ``r``.
    A measurement on few samples can say more than that: correlations end at 1, and all are shrunk alike until their
    matrix has no eigenvalue below 0. What its interval does not tell from none is none: with few samples a mean hangs
    on one that is near a border of classes.
    """
    pairs = [pair for pair in pairs if pair.tells]
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
