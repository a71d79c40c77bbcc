"""Activations that must keep one scale: those between which codes are moved and not changed."""

from __future__ import annotations

import numpy as np

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.plan_types import Plan

__all__ = ["softmax_outputs", "with_one_scale"]


def with_one_scale(plan: Plan, view: GraphIndex) -> dict[str, str]:
    """For each activation with a grid, the first one (in execution order) whose scale and zero point it shares.

    A passthrough layer (MaxPool, Reshape, a Relu as a bound) gives on the codes that it reads.
    """
    found: dict[str, str] = {}
    passed: dict[str, str] = {}
    for layer in plan.layers:
        node = view.nodes.get(layer.name)
        if layer.treatment != "passthrough" or node is None:
            continue
        source = passed.get(node.input[0], node.input[0])
        for output in filter(None, node.output):
            if _on_grid(plan, output) and _on_grid(plan, source):
                if _same_scale(plan, source, output):
                    found[output] = found.get(source, source)
            elif not _on_grid(plan, output):
                passed[output] = source
    return found


def _on_grid(plan: Plan, name: str) -> bool:
    tensor = plan.tensors.get(name)
    return tensor is not None and tensor.kind == "activation"


def _same_scale(plan: Plan, one: str, other: str) -> bool:
    grids = [plan.tensors[name].grid for name in (one, other)]
    return all(np.array_equal(getattr(grids[0], part), getattr(grids[1], part)) for part in ("scale", "zero_point"))


def softmax_outputs(view: GraphIndex) -> frozenset[str]:
    """Tensors that lie between 0 and 1 whatever is learned."""
    return frozenset(node.output[0] for node in view.order if node.op_type == "Softmax")
