"""Layers that read one tensor with constant weights: what is done to its channels is undone in all of their weights.

Dividing channel ``j`` of the input by ``s_j`` and multiplying that row of every weight leaves what the layers compute;
so does turning the input by an orthogonal matrix and every weight the other way. The change of the input goes into
constants in front of it (:mod:`factor_places`), or a node does it in front of the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.changes.inserted import mark_float
from qexplorer.quantize.decide import Decision, Treatment
from qexplorer.quantize.layerwise.chains import scaled_in
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from qexplorer.quantize.outliers.factor_places import FactorPlace
from qexplorer.quantize.outliers.graph_edits import GraphEdits

__all__ = ["InputGroup", "divide", "groups_of", "multiply"]

_ON_CODES = (Treatment.QUANTIZED, Treatment.DYNAMIC)


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Layers with quantized weights that read one tensor.

    Attributes:
        tensor: what they read.
        channels: its number of channels.
        axis: of them: 1 for convolutions, -1 for products.
        layers: labels, in execution order.
        matrices: how their weights become matrices.
        decisions: what the recipe asks of them.
    """

    tensor: str
    channels: int
    axis: int
    layers: tuple[str, ...]
    matrices: tuple[LayerMatrix, ...]
    decisions: tuple[Decision, ...]

    @property
    def layer(self) -> str:
        """The first of them."""
        return self.layers[0]

    @property
    def with_codes(self) -> bool:
        """Whether one of them reads codes of activations."""
        return any(each.treatment in _ON_CODES for each in self.decisions)

    def columns(self, factor: NDArray[np.float64], at: int) -> NDArray[np.float64]:
        """A factor of each channel as one of each column of the ``at``-th layer's matrix, ``(groups, columns)``."""
        matrix = self.matrices[at]
        parts = factor.reshape(matrix.groups, -1)
        return np.repeat(parts, matrix.columns // parts.shape[1], 1)


def groups_of(
    decisions: dict[str, Decision], view: GraphIndex, operators: Sequence[str] = ("Conv", "MatMul", "Gemm")
) -> tuple[list[InputGroup], dict[str, str]]:
    """The groups of a graph, in execution order, and why other layers with codes for weights are in none, by layer."""
    found: dict[tuple[str, int, int], list[tuple[str, LayerMatrix, Decision]]] = {}
    reasons: dict[str, str] = {}
    for label, decision in decisions.items():
        weighted = decision.weight == 1 and decision.spec.weights is not None
        if not weighted or decision.treatment in (Treatment.FLOAT, Treatment.HALF):
            continue
        node = view.nodes[label]
        matrix = matrix_of(node, view) if node.op_type in operators else f"the operator {node.op_type} is not taken"
        if not isinstance(matrix, str) and view.only_reader(node.input[1]) is None:
            matrix = "its weight is read elsewhere too"
        if isinstance(matrix, str):
            reasons[label] = matrix
            continue
        channels = matrix.groups * matrix.shape[1] if matrix.op == "Conv" else matrix.columns
        axis = 1 if matrix.op == "Conv" else -1
        found.setdefault((node.input[0], channels, axis), []).append((label, matrix, decision))
    groups = []
    for (tensor, channels, axis), members in found.items():
        labels, matrices, asked = zip(*members, strict=True)
        groups.append(InputGroup(tensor, channels, axis, labels, matrices, asked))
    return groups, reasons


def multiply(edits: GraphEdits, group: InputGroup, factor: NDArray[np.float64]) -> None:
    """Multiplies the weights of a group along their input channels."""
    for label in group.layers:
        edits.put(label, 1, scaled_in(edits.nodes[label], edits.value(label, 1), factor))


def divide(
    edits: GraphEdits, group: InputGroup, factor: NDArray[np.float64], place: FactorPlace | None, by: str, rank: int
) -> None:
    """Divides the channels that a group reads: in the constants of ``place``, or by a Mul in front of the group.

    Args:
        edits: the graph.
        group: the layers.
        factor: ``(channels,)``, above 0.
        place: constants to put it into, or None.
        by: the algorithm that asks for it.
        rank: dimensions of the tensor, for a Mul.
    """
    if place is None:
        shape = (-1, *[1] * (rank - 2)) if group.axis == 1 else (-1,)
        name = f"{group.layer}/{by}"
        held = edits.constant((1 / factor).astype(np.float32).reshape(shape), f"{name}_factors")
        node = edits.node("Mul", [group.tensor, held], name)
        mark_float(node, by)
        edits.insert(group.tensor, group.layers, [node])
        return
    whole = np.ones(place.total)
    whole[place.first : place.first + group.channels] = 1 / factor
    for edit in place.edits:
        old = edits.value(edit.layer, edit.position)
        wide = old.reshape((1,) * max(-edit.axis - old.ndim, 0) + old.shape)
        shape = tuple(place.total if i == wide.ndim + edit.axis else 1 for i in range(wide.ndim))
        edits.put(edit.layer, edit.position, np.asarray(wide, np.float64) * whole.reshape(shape))
