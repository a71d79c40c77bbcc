"""Which neighbour of the front is worth a trial: of many that are drawn, the one that is foretold to add most to it.

What a neighbour loses is foretold from the recipe that it was drawn from: times what its layers are foretold to lose
over what those of that recipe are, and times what calibrators and algorithms did where they were tried (ridge
regression of logarithms over all measured trials). What was tried seldom gets the benefit of the doubt, as in upper
confidence bounds (Auer et al. 2002).
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import get_format
from qexplorer.search.joint.fronts import hypervolume
from qexplorer.search.joint.joint_types import BIT_OPERATIONS, JointTrial
from qexplorer.search.joint.neighbours import Choice, neighbour
from qexplorer.search.joint.space_types import JointParameter

__all__ = ["Guide", "guide_of"]

_DRAWN = 48
_RIDGE, _DOUBT = 0.5, 0.2
_FLOOR = 1e-12  # of losses

Point = tuple[float, float]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What is known when a trial is drawn.

    Attributes:
        parameters: what is chosen.
        cost: the second objective.
        known: cost and logarithm of the loss of every measured choice.
        shared: for each parameter that is no layer's, what each of its choices adds to that logarithm.
    """

    parameters: Sequence[JointParameter]
    cost: str
    known: Mapping[Choice, Point]
    shared: Mapping[int, Sequence[float]]

    def draw(self, front: Sequence[Choice], taken: Collection[Choice], draw: random.Random) -> Choice | None:
        """The neighbour that is foretold to add most to the front; any where none is foretold to add to it; None where
        all that were drawn were tried already.

        Args:
            front: choices that were measured, one at least.
            taken: choices that were tried already.
            draw: of random numbers.
        """
        drawn = [neighbour(front, self.parameters, draw) for _ in range(_DRAWN)]
        new = {choice: start for start, choice in drawn if choice not in taken}
        if not new:
            return None
        if any(start not in self.known for start in new.values()):
            return next(iter(new))
        points = [self.known[choice] for choice in front if choice in self.known]
        corner = max(x for x, _ in self.known.values()) * 1.0001, max(y for _, y in self.known.values()) + 1e-9
        before = hypervolume(points, corner)
        gain = {each: hypervolume([*points, self.foretold(new[each], each)], corner) - before for each in new}
        return max(gain, key=gain.__getitem__)

    def foretold(self, start: Choice, choice: Choice) -> Point:
        """Cost and logarithm of the loss of a choice, from those of another one."""
        cost, loss = self.known[start]
        for at, parameter in enumerate(self.parameters):
            one, other = start[at], choice[at]
            if parameter.costs:
                cost += parameter.costs[self.cost][other] - parameter.costs[self.cost][one]
            if at in self.shared:
                loss += self.shared[at][other] - self.shared[at][one]
        for at, parameter in enumerate(self.parameters):
            if parameter.kind == "activations" and self.cost == BIT_OPERATIONS:
                bits = [get_format(parameter.choices[each[at]]).bits for each in (choice, start)]
                cost *= bits[0] / bits[1]
        return cost, loss + math.log(_of_layers(self.parameters, choice) / _of_layers(self.parameters, start))


def guide_of(parameters: Sequence[JointParameter], cost: str, measured: Sequence[JointTrial]) -> Guide | None:
    """What measured trials teach; None where nothing was foretold of layers.

    Args:
        parameters: what is chosen.
        cost: the second objective.
        measured: trials whose first objective is a loss.
    """
    if not measured or not any(each.losses for each in parameters):
        return None
    known = {each.choice: (each.cost(cost), math.log(max(each.quality or 0.0, _FLOOR))) for each in measured}
    return Guide(parameters, cost, known, _of_shared(parameters, known))


def _of_layers(parameters: Sequence[JointParameter], choice: Choice) -> float:
    return max(sum(each.losses[at] for each, at in zip(parameters, choice, strict=True) if each.losses), _FLOOR)


def _of_shared(parameters: Sequence[JointParameter], known: Mapping[Choice, Point]) -> dict[int, list[float]]:
    """By position of the parameter."""
    places = [(at, i) for at, each in enumerate(parameters) if not each.layers for i in range(len(each.choices))]
    if not places:
        return {}
    seen = np.array([[float(choice[at] == i) for at, i in places] for choice in known])
    beyond = np.array([y - math.log(_of_layers(parameters, choice)) for choice, (_, y) in known.items()])
    middle = seen.mean(0)
    centred = seen - middle
    weights = np.linalg.solve(centred.T @ centred + _RIDGE * np.eye(len(places)), centred.T @ (beyond - beyond.mean()))
    weights -= _DOUBT / np.sqrt(1 + seen.sum(0))
    found: dict[int, list[float]] = {}
    for (at, _), weight in zip(places, weights, strict=True):
        found.setdefault(at, []).append(float(weight))
    return found
