"""Distillation by layer: how far inner activations are from those of the float network (Romero et al. 2015, FitNets).

Compared are outputs of layers with weights that both graphs have under one name, behind the Relu that bounds them and
rounded where the quantized graph rounds them, spread evenly over the network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.plan_types import Plan

__all__ = ["inner_distance", "inner_places"]

_BOUNDS = ("Relu", "Clip")


def inner_places(plan: Plan, view: GraphIndex, made: Collection[str], most: int) -> tuple[str, ...]:
    """Names of at most ``most`` activations to compare, in the order of execution; outputs of the graph are not.

    Args:
        plan: whose layers have weights on grids.
        view: the float graph.
        made: what the quantized graph makes.
        most: at least 1.
    """
    found: dict[str, None] = {}
    for node in view.order:
        if node.name in plan.constants and 1 in plan.constants[node.name]:
            name = _bounded(node.output[0], view)
            if name in made and name not in view.outputs:
                found[name] = None
    names = tuple(found)
    if len(names) <= most:
        return names
    return tuple(names[(2 * number + 1) * len(names) // (2 * most)] for number in range(most))


def _bounded(name: str, view: GraphIndex) -> str:
    """What a Relu or Clip makes of a tensor that nobody else reads, or the tensor itself."""
    readers = view.readers(name)
    if len(readers) == 1 and readers[0].op_type in _BOUNDS and name not in view.outputs:
        return _bounded(readers[0].output[0], view)
    return name


def inner_distance(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """The mean over ``names`` of the squared error in units of the float activation's mean square."""
    terms = [
        (found[name] - wanted[name]).square().mean() / wanted[name].square().mean().clamp(min=1e-12) for name in names
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total / len(terms)
