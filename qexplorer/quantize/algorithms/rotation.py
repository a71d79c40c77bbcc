"""Rotation: outliers of activations and weights are spread over all channels by an orthogonal matrix.

With ``R`` orthogonal, ``Y = (X R) (R^T W)`` is the product as it was. A channel that is far larger than the others
becomes ``1/sqrt(n)`` of each of them behind a Hadamard matrix, so that one scale serves them all, and weights come
nearer to a normal distribution (Chee et al. 2023, QuIP, section 3; Tseng et al. 2024, QuIP#, section 3; Ashkboos et al.
2024, QuaRot, section 3). Sizes that no Hadamard matrix has are products of one and cosines (``outliers.orthogonal``).

``X R`` costs nothing where it can be worked into what makes ``X``: behind a layer with a weight and what only moves
values, ``R`` goes into its weight and bias. Between the values and the last product of an attention each head is
rotated by itself, because the attention weights of heads differ. Behind anything else, a normalization or a GELU, a
product with ``R`` is put in front of the layers, in float and never on a grid; of wide inputs in blocks, so that it
costs ``block`` multiplications for each value instead of the whole width.

A group of layers is rotated only if that leaves less error at their outputs, on rows of calibration data, with the
recipe's own grids; where it takes a product in front, at least a quarter less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Observed, Seed
from qexplorer.graph.attributes import number
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.changes.inserted import mark_float
from qexplorer.quantize.outliers.factor_places import FactorPlace
from qexplorer.quantize.outliers.graph_edits import GraphEdits
from qexplorer.quantize.outliers.group_error import GroupError
from qexplorer.quantize.outliers.input_groups import InputGroup
from qexplorer.quantize.outliers.migrating import WORTH_A_NODE, GroupInputs, Surroundings, inputs_in_turns, left, say
from qexplorer.quantize.outliers.orthogonal import Matrix, rotation

__all__ = ["ENTRIES", "Rotation", "RotationOptions"]

_PRODUCTS = ("MatMul", "Gemm")


class RotationOptions(AlgorithmOptions):
    """Where it is put in, and how wide it is there."""

    insert: bool = Field(
        True,
        title="Products in front",
        description="Puts a product with the rotation in front of layers where nothing can take it; they cost time.",
    )
    block: int = Field(
        256,
        ge=2,
        le=8192,
        title="Widest product",
        description="Channels that a product in front mixes at most; wider inputs are rotated in blocks.",
    )
    always: bool = Field(
        False, title="Always", description="Rotates also where the error at the layers' outputs does not become less."
    )
    samples: Observed = 128
    seed: Seed = Field(0, description="Of the signs that channels get first.")


@dataclass(frozen=True, slots=True)
class Rotation:
    """Spreads outliers over all channels."""

    name: str = "rotation"
    title: str = "Hadamard rotation"
    description: str = (
        "Rotates what matrix products read and their weights against each other, which spreads outlier channels over "
        "all of them; helps with 8 bits per tensor and with 4 bits of weights or activations."
    )
    source: str = (
        "Ashkboos et al. 2024, QuaRot: Outlier-free 4-bit inference in rotated LLMs, section 3; "
        "Tseng et al. 2024, QuIP#, section 3"
    )
    options: type[AlgorithmOptions] = RotationOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.DIRECTIONS
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: RotationOptions) -> Mapping[str, str]:
        """Which layers' inputs will be rotated, and where; why not others'."""
        around = Surroundings.of(draft, _PRODUCTS)
        found = {layer: left(self.title, why) for layer, why in around.reasons.items()}
        for group in around.groups:
            place = around.place(group, linear=True)
            why = _why_not(around, group, place, options)
            where = "by a product in front" if place is None else f"in the weight of '{place.layer}'"
            text = left(self.title, why) if why else f"{self.title} will turn its input, {where}, if that helps"
            found |= dict.fromkeys(group.layers, text)
        return found

    def change_graph(self, draft: GraphDraft, options: RotationOptions) -> None:
        """Rotates group after group."""
        around = Surroundings.of(draft, _PRODUCTS)
        for layer, why in around.reasons.items():
            draft.remark(layer, left(self.title, why))
        wanted = []
        for group in around.groups:
            why_not = _why_not(around, group, around.place(group, linear=True), options)
            if why_not:
                say(draft, group, left(self.title, why_not))
            else:
                wanted.append(group)
        edits = GraphEdits(draft.proto)
        split = draft.calibration_of(options.samples)
        step = f"{self.title}, observing the inputs of layers"
        for group, inputs in inputs_in_turns(draft, split, wanted[::-1], step):
            with draft.timed(group.layer):
                text = _rotate(self, around, edits, group, inputs, options)
            say(draft, group, text)
        edits.finish()


def _why_not(
    around: Surroundings, group: InputGroup, place: FactorPlace | None, options: RotationOptions
) -> str | None:
    if group.channels < 2:
        return "there is one channel"
    if place is not None:
        return None
    return around.no_node(group) if options.insert else "no layer in front can take it"


def _rotate(
    of: Rotation,
    around: Surroundings,
    edits: GraphEdits,
    group: InputGroup,
    inputs: GroupInputs | None,
    options: RotationOptions,
) -> str:
    """Rotates one group if that is worth it; what was done, as a clause."""
    if inputs is None or not all(each.finite for each in inputs):
        return left(of.title, "its inputs are not finite on the calibration data")
    place = around.place(group, linear=True)
    run = _run(group.channels, min(group.channels, options.block)) if place is None else place.run
    turn, word = rotation(group.channels, run, options.seed)
    weights = [edits.value(label, 1) for label in group.layers]
    judge = GroupError.of(group, around.view, weights, [each.rows for each in inputs])
    before, after = judge.of_candidate(judge.weights, judge.rows), _error(judge, turn)
    share = WORTH_A_NODE if place is None else 1.0
    if after >= before * share and not options.always:
        why = "a product in front of it would gain too little" if after < before else "it would not have less error"
        return left(of.title, f"{why} ({after:.3g} of the size of its outputs, {before:.3g} as it is)")
    for label, weight in zip(group.layers, weights, strict=True):
        edits.put(label, 1, _turned(around, label, weight, turn))
    if place is None:
        _in_front(edits, group, turn[:run, :run] if run == group.channels else turn, run, around.rank(group), of.name)
    else:
        _into(edits, place, turn)
    where = "by a product in front" if place is None else f"in the weight of '{place.layer}'"
    blocks = "" if run == group.channels else f", {group.channels // run} blocks"
    text = f"{of.title} turned its input by {word}{blocks}, {where}"
    return f"{text}: the error of its outputs is {after:.3g} of their size, {before:.3g} before"


def _run(channels: int, widest: int) -> int:
    """The largest divisor of ``channels`` that is at most ``widest``."""
    return next(size for size in range(widest, 0, -1) if channels % size == 0)


def _error(judge: GroupError, turn: Matrix) -> float:
    weights = [
        m.weight(m.rows(w.astype(np.float64)) @ turn).astype(np.float32)
        for m, w in zip(judge.group.matrices, judge.weights, strict=True)
    ]
    return judge.of_candidate(weights, [(turn.T @ rows).astype(np.float32) for rows in judge.rows])


def _turned(around: Surroundings, label: str, weight: Float32, turn: Matrix) -> NDArray[np.float64]:
    """``R^T W`` for a weight ``(in, out)``, ``W R`` for one that is stored the other way."""
    node, wide = around.view.nodes[label], weight.astype(np.float64)
    stored = node.op_type == "Gemm" and number(node, "transB", 0)
    return np.asarray(wide @ turn if stored else turn.T @ wide)


def _into(edits: GraphEdits, place: FactorPlace, turn: Matrix) -> None:
    """Rotates what a layer in front makes: its weight and biases along their output channels."""
    whole = np.eye(place.total)
    at = slice(place.first, place.first + len(turn))
    whole[at, at] = turn
    for edit in place.edits:
        old = edits.value(edit.layer, edit.position).astype(np.float64)
        wide = old.reshape((1,) * max(-edit.axis - old.ndim, 0) + old.shape)
        if wide.shape[edit.axis] != place.total:
            wide = np.repeat(wide, place.total, edit.axis)
        edits.put(edit.layer, edit.position, np.moveaxis(np.moveaxis(wide, edit.axis, -1) @ whole, -1, edit.axis))


def _in_front(edits: GraphEdits, group: InputGroup, turn: Matrix, run: int, rank: int, by: str) -> None:
    """Puts the product with the rotation in front of a group; of several blocks each by itself, side by side."""
    name = f"{group.layer}/{by}"
    if run == group.channels:
        nodes = [edits.node("MatMul", [group.tensor, edits.constant(turn.astype(np.float32), f"{name}_matrix")], name)]
    else:
        blocks = np.stack([turn[i : i + run, i : i + run] for i in range(0, group.channels, run)]).astype(np.float32)
        lead = [0] * (rank - 1)
        apart = edits.constant(np.array([*lead, -1, 1, run], np.int64), f"{name}_apart")
        together = edits.constant(np.array([*lead, group.channels], np.int64), f"{name}_together")
        cut = edits.node("Reshape", [group.tensor, apart], f"{name}_cut")
        matrices = edits.constant(blocks, f"{name}_matrices")
        product = edits.node("MatMul", [cut.output[0], matrices], name)
        nodes = [cut, product, edits.node("Reshape", [product.output[0], together], f"{name}_join")]
    for node in nodes:
        mark_float(node, by)
    edits.insert(group.tensor, group.layers, nodes)


ENTRIES = (Rotation(),)
