"""The quantized weights of a plan that can be taken as matrices, each once, with the layers that read it."""

from __future__ import annotations

from dataclasses import dataclass

from qexplorer.core.grid import Float32, Grid
from qexplorer.load.operators import QUANTIZABLE, OperatorKind
from qexplorer.quantize.changes.drafts import PlanDraft
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of

__all__ = ["GridWeight", "grid_weights"]


@dataclass(frozen=True, slots=True)
class GridWeight:
    """One weight on a grid.

    Attributes:
        layers: the layers that read it on this grid, in execution order.
        matrix: how it becomes a matrix; the same for all of them.
        position: the input that it is.
        values: float32, as the model or an earlier algorithm has them.
        grid: what it is on.
    """

    layers: tuple[str, ...]
    matrix: LayerMatrix
    position: int
    values: Float32
    grid: Grid

    @property
    def layer(self) -> str:
        """The first of them."""
        return self.layers[0]


def grid_weights(draft: PlanDraft) -> tuple[list[GridWeight], dict[str, str]]:
    """The weights of a plan that are on a grid, in execution order, and why others are not taken, by layer."""
    found: dict[str, GridWeight] = {}
    reasons: dict[str, str] = {}
    plan, view = draft.plan, draft.view
    for layer in plan.layers:
        rule = QUANTIZABLE.get(layer.op)
        if rule is None or rule.kind is not OperatorKind.WEIGHTED or layer.name not in view.nodes:
            continue
        position = rule.weight_input
        key = plan.constants.get(layer.name, {}).get(position if position is not None else -1)
        if key is None or position is None:
            if layer.treatment != "float":
                reasons[layer.name] = "its weight is on no grid"
            continue
        matrix, values = matrix_of(view.nodes[layer.name], view), draft.values(layer.name, position)
        if isinstance(matrix, str):
            reasons[layer.name] = matrix
        elif key not in found:
            assert values is not None, "what is on a grid is a constant"
            found[key] = GridWeight((layer.name,), matrix, position, values, plan.tensors[key].grid)
        elif found[key].matrix == matrix:
            first = found[key]
            found[key] = GridWeight((*first.layers, layer.name), matrix, position, first.values, first.grid)
        else:
            reasons[layer.name] = f"it shares its weight with '{found[key].layer}', which reads it another way"
    return list(found.values()), reasons
