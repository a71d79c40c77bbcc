"""Where to look next: near the front. Pareto local search (Paquete, Chiarandini and Stützle 2004) that also crosses.

With tens of layers, each a parameter, and a hundred trials, samplers that start from draws over the whole space (TPE,
NSGA-II) hardly ever improve on mixes that were solved exactly. What improves on them is near to them: the same mix with
another calibrator, with what helped another one, or with a layer changed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence
from itertools import product

from qexplorer.search.joint.space_types import JointParameter

__all__ = ["Choice", "neighbour", "size_of", "unknown_choice"]

Choice = tuple[int, ...]

_CROSSED, _SHARED = 0.3, 0.35  # shares of draws; in the rest layers are changed
_TWO = 0.4  # of those, in which two are


def neighbour(
    front: Sequence[Choice], parameters: Sequence[JointParameter], draw: random.Random
) -> tuple[Choice, Choice]:
    """One of the front, and a choice near it.

    Args:
        front: choices, one at least.
        parameters: what is chosen.
        draw: of random numbers.
    """
    layers = [at for at, each in enumerate(parameters) if each.layers]
    shared = [at for at in range(len(parameters)) if at not in layers]
    first = draw.choice(front)
    start, kind = list(first), draw.random()
    if shared and layers and len(front) > 1 and kind < _CROSSED:
        other = draw.choice(front)
        for at in shared:
            start[at] = other[at]
    if shared and (kind < _CROSSED + _SHARED or not layers):
        if kind >= _CROSSED or tuple(start) in front:
            _change(start, draw.choice(shared), parameters, draw)
        return first, tuple(start)
    for at in draw.sample(layers, min(len(layers), 2 if draw.random() < _TWO else 1)):
        _change(start, at, parameters, draw)
    return first, tuple(start)


def _change(choice: list[int], at: int, parameters: Sequence[JointParameter], draw: random.Random) -> None:
    others = [each for each in range(len(parameters[at].choices)) if each != choice[at]]
    choice[at] = draw.choice(others)


def size_of(parameters: Sequence[JointParameter]) -> int:
    """How many choices there are."""
    return math.prod(len(each.choices) for each in parameters)


def unknown_choice(
    parameters: Sequence[JointParameter], known: Collection[Choice], draw: random.Random
) -> Choice | None:
    """A choice of the whole space that is not known, all alike likely; None where all are known.

    Args:
        parameters: what is chosen.
        known: choices of these parameters.
        draw: of random numbers.
    """
    sizes = [len(each.choices) for each in parameters]
    if size_of(parameters) < 2 * len(known):
        left = [choice for choice in product(*map(range, sizes)) if choice not in known]
        return draw.choice(left) if left else None
    while True:
        choice = tuple(draw.randrange(size) for size in sizes)
        if choice not in known:
            return choice
