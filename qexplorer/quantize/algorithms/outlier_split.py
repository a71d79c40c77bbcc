"""Outlier splitting: the few channels that stretch a grid are taken apart, so that it need not hold them.

**Weights** (outlier channel splitting, Zhao et al. 2019, section 3). The input channel with the largest weight is
doubled and both copies get half of it, again and again until a share of the channels has been added:

    x w = x (w - d/2) / 2 + x (w + d/2) / 2

With ``d`` the step of the grid the two round to what ``w`` would have been rounded to (equation 6). A Gather in front
doubles the channels of the activation. It only moves codes, so that the layer keeps its integer kernel, with a few more
columns.

**Activations** (as in LLM.int8, Dettmers et al. 2022, section 3.2). Halving a channel of an activation would have to
happen in front of its grid, where a normalization and the residual additions read it as well. A matrix product is split
in two instead: the channels with the largest values are multiplied in float, all others on a grid that is as much
finer, and both are added. Integer kernels stay for all but those columns; convolutions are left, because a part of
theirs in float would cost more than it wins.

Layers that read one tensor are split alike, and only if that leaves less error at their outputs on rows of calibration
data, with the recipe's own grids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.grid import Float32
from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Observed
from qexplorer.graph.attributes import number
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.changes.inserted import mark_float
from qexplorer.quantize.constants import decodes_weight, fitting
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.outliers.graph_edits import GraphEdits
from qexplorer.quantize.outliers.group_error import GroupError
from qexplorer.quantize.outliers.input_groups import InputGroup
from qexplorer.quantize.outliers.migrating import (
    WORTH_A_NODE,
    GroupInputs,
    Surroundings,
    channel_peaks,
    inputs_in_turns,
    left,
    say,
)

__all__ = ["ENTRIES", "OutlierSplit", "OutlierSplitOptions", "doubled", "halved"]

_OPERATORS = {"weights": ("Conv", "MatMul", "Gemm"), "activations": ("MatMul", "Gemm")}


class OutlierSplitOptions(AlgorithmOptions):
    """What is split, and how much of it."""

    part: Literal["activations", "weights"] = Field(
        "activations",
        title="Outliers of",
        description="Activations: channels are multiplied in float. Weights: channels are doubled and halved.",
    )
    share: float = Field(
        0.05,
        gt=0.0,
        le=0.5,
        title="Share",
        description="Channels that are split, as a share of all, at most; at least one.",
    )
    samples: Observed = 128


@dataclass(frozen=True, slots=True)
class OutlierSplit:
    """Takes the channels apart that stretch a grid."""

    name: str = "outlier_split"
    title: str = "Outlier splitting"
    description: str = (
        "Multiplies the few channels of an activation that stretch its grid in float, or doubles and halves those of a "
        "weight; helps with one scale for a tensor of which few channels are large."
    )
    source: str = (
        "Zhao et al. 2019, Improving neural network quantization without retraining using outlier channel splitting, "
        "section 3; Dettmers et al. 2022, LLM.int8, section 3"
    )
    options: type[AlgorithmOptions] = OutlierSplitOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.SPLITS
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: OutlierSplitOptions) -> Mapping[str, str]:
        """Which layers will be split, and why not others."""
        around = Surroundings.of(draft, _OPERATORS[options.part])
        found = {layer: left(self.title, why) for layer, why in around.reasons.items()}
        for group in around.groups:
            why = _why_not(around, group, options)
            count = _count(group, options)
            text = (
                left(self.title, why) if why else f"{self.title} will take {count} of its channels apart, if that helps"
            )
            found |= dict.fromkeys(group.layers, text)
        return found

    def change_graph(self, draft: GraphDraft, options: OutlierSplitOptions) -> None:
        """Splits group after group."""
        around = Surroundings.of(draft, _OPERATORS[options.part])
        for layer, why in around.reasons.items():
            draft.remark(layer, left(self.title, why))
        wanted = []
        for group in around.groups:
            why_not = _why_not(around, group, options)
            if why_not:
                say(draft, group, left(self.title, why_not))
            else:
                wanted.append(group)
        edits, split = GraphEdits(draft.proto), draft.calibration_of(options.samples)
        work = _split_weights if options.part == "weights" else _split_activations
        for group, inputs in inputs_in_turns(draft, split, wanted, f"{self.title}, observing the inputs of layers"):
            with draft.timed(group.layer):
                known = inputs is not None and all(each.finite for each in inputs)
                why = "its inputs are not finite on the calibration data"
                text = work(around, edits, group, inputs or (), options) if known else left(self.title, why)
            say(draft, group, text)
        edits.finish()


def _count(group: InputGroup, options: OutlierSplitOptions) -> int:
    return max(1, round(group.channels * options.share))


def _why_not(around: Surroundings, group: InputGroup, options: OutlierSplitOptions) -> str | None:
    if group.channels < 2:
        return "there is one channel"
    if options.part == "weights":
        grouped = any(matrix.groups > 1 for matrix in group.matrices)
        return "channels of a convolution in groups cannot be doubled one by one" if grouped else None
    return around.no_node(group) if group.with_codes else "its activations are not quantized"


def _told(judged: tuple[float, float], share: float) -> str | None:
    """Why a split is not worth it, or None."""
    before, after = judged
    if after < before * share:
        return None
    why = "it would gain too little" if after < before else "it would not have less error"
    return left(OutlierSplit().title, f"{why} ({after:.3g} of the size of its outputs, {before:.3g} as it is)")


def _split_activations(
    around: Surroundings, edits: GraphEdits, group: InputGroup, inputs: GroupInputs, options: OutlierSplitOptions
) -> str:
    """Multiplies the channels with the largest values in float."""
    largest = np.max([each.largest for each in inputs], 0)
    at = np.sort(np.argsort(-largest, kind="stable")[: _count(group, options)])
    kept = np.ones(group.channels, np.float32)
    kept[at] = 0
    weights = [edits.value(label, 1) for label in group.layers]
    rows = [each.rows for each in inputs]
    judge = GroupError.of(group, around.view, weights, rows)
    matrices = group.matrices
    rest = [m.weight(m.rows(w) * kept) for m, w in zip(matrices, weights, strict=True)]
    others = [x * kept[:, None] for x in rows]
    floats = [m.rows(w)[..., at] @ x[:, at] for m, w, x in zip(matrices, weights, rows, strict=True)]
    after = judge.of_candidate(rest, others, beside=floats)
    before = judge.of_candidate(judge.weights, judge.rows)
    refused = _told((before, after), WORTH_A_NODE)
    if refused:
        return refused
    _in_float(edits, group, at, kept, rest)
    text = f"{OutlierSplit().title} multiplies {len(at)} of its {group.channels} channels in float"
    return f"{text}: the error of its outputs is {after:.3g} of their size, {before:.3g} before"


def _in_float(
    edits: GraphEdits,
    group: InputGroup,
    at: NDArray[np.intp],
    kept: NDArray[np.float32],
    rest: Sequence[Float32],
) -> None:
    """Puts in the float part of each layer, and an Add of both."""
    name = f"{group.layer}/outliers"
    outliers = edits.node("Gather", [group.tensor, edits.constant(at.astype(np.int64), f"{name}_at")], name, axis=-1)
    masked = edits.node("Mul", [group.tensor, edits.constant(kept, f"{name}_kept")], f"{name}_taken_out")
    made = [outliers, masked]
    for label, weight in zip(group.layers, rest, strict=True):
        node = edits.nodes[label]
        stored = node.op_type == "Gemm" and bool(number(node, "transB", 0))
        alpha = number(node, "alpha", 1.0) if node.op_type == "Gemm" else 1.0
        whole = edits.value(label, 1)
        part = (whole[:, at].T if stored else whole[at]) * alpha
        held = edits.constant(np.ascontiguousarray(part, np.float32), f"{label}/outliers_weight")
        product = edits.node("MatMul", [outliers.output[0], held], f"{label}/outliers_product")
        total = edits.node("Add", ["", product.output[0]], f"{label}/outliers_sum")
        total.input[0], total.output[0] = total.output[0], node.output[0]
        node.output[0] = total.input[0]
        edits.put(label, 1, weight)
        edits.append(label, [product, total])
        made += [product, total]
    for each in made:
        mark_float(each, OutlierSplit().name)
    edits.insert(group.tensor, group.layers, [outliers, masked])


def _split_weights(
    around: Surroundings, edits: GraphEdits, group: InputGroup, inputs: GroupInputs, options: OutlierSplitOptions
) -> str:
    """Doubles the channels with the largest weights."""
    weights = [edits.value(label, 1) for label in group.layers]
    order = doubled(channel_peaks(group, weights), _count(group, options))
    judge = GroupError.of(group, around.view, weights, [each.rows for each in inputs])
    axes = [_input_axis(around, label) for label in group.layers]
    parts = [
        halved(w, order, axis, _step(around, group, i, w, order, axis))
        for i, (w, axis) in enumerate(zip(weights, axes, strict=True))
    ]
    wide = tuple(replace(m, shape=p.shape) for m, p in zip(group.matrices, parts, strict=True))
    rows = [_taken(m, each.rows, order) for m, each in zip(group.matrices, inputs, strict=True)]
    wider = replace(judge, group=replace(group, matrices=wide, channels=len(order)))
    before, after = judge.of_candidate(judge.weights, judge.rows), wider.of_candidate(parts, rows)
    refused = _told((before, after), 1.0)
    if refused:
        return refused
    at = edits.constant(order.astype(np.int64), f"{group.layer}/doubled_at")
    axis = 1 if group.axis == 1 else -1
    edits.insert(
        group.tensor, group.layers, [edits.node("Gather", [group.tensor, at], f"{group.layer}/doubled", axis=axis)]
    )
    for label, part in zip(group.layers, parts, strict=True):
        edits.put(label, 1, part)
    count = len(np.unique(order[group.channels :]))
    text = f"{OutlierSplit().title} doubled and halved {count} of its {group.channels} channels"
    return f"{text}: the error of its outputs is {after:.3g} of their size, {before:.3g} before"


def _input_axis(around: Surroundings, label: str) -> int:
    """The axis of the inputs in the weight of a layer."""
    node = around.view.nodes[label]
    return 1 if node.op_type == "Conv" or (node.op_type == "Gemm" and number(node, "transB", 0)) else 0


def _step(
    around: Surroundings, group: InputGroup, at: int, weight: Float32, order: NDArray[np.intp], axis: int
) -> Float32:
    """The step of the grid that plain halves would get, in the shape of the doubled weight."""
    decision = group.decisions[at]
    assert decision.spec.weights is not None, "groups have weights on grids"
    plain = halved(weight, order, axis, np.zeros((), np.float32))
    spec, out, block_axis, _ = fitting(decision, decision.spec.weights, around.view)
    grid = weight_grid(plain, spec, out, block_axis, either_sign=decodes_weight(decision))
    scale, _ = grid.expanded(plain.shape)
    return np.asarray(np.broadcast_to(scale, plain.shape), np.float32)


def _taken(matrix: LayerMatrix, rows: Float32, order: NDArray[np.intp]) -> Float32:
    """The rows with channels as a Gather would give them."""
    size = matrix.columns // (matrix.shape[1] if matrix.op == "Conv" else matrix.columns)
    columns = (order[:, None] * size + np.arange(size)).reshape(-1)
    return rows[:, columns]


def doubled(peaks: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Channels in the order of the doubled input: all, then the copies.

    Args:
        peaks: largest magnitude of the weights in each channel.
        count: copies.
    """
    times, left_over = np.ones(len(peaks)), peaks.astype(np.float64)
    copies = []
    for _ in range(count):
        at = int(np.argmax(left_over / times))
        times[at] += 1
        copies.append(at)
    return np.asarray([*range(len(peaks)), *copies], np.intp)


def halved(weight: Float32, order: NDArray[np.intp], axis: int, step: Float32) -> Float32:
    """The weight of a doubled input: copies of a channel share it, and lie around their mean by ``step`` between them.

    Args:
        weight: the weight as it is.
        order: see :func:`doubled`.
        axis: of its inputs.
        step: of its grid, in the shape of the result or one number (0: all copies alike).
    """
    times = np.bincount(order)[order].astype(np.float64)
    seen: dict[int, int] = {}
    number_of = np.zeros(len(order))
    for place, channel in enumerate(order):
        number_of[place] = seen[int(channel)] = seen.get(int(channel), -1) + 1
    away = (number_of - (times - 1) / 2) / times
    shape = tuple(-1 if i == axis else 1 for i in range(weight.ndim))
    wide = np.take(weight, order, axis).astype(np.float64) / times.reshape(shape)
    return np.asarray(wide + away.reshape(shape) * step, np.float32)


ENTRIES = (OutlierSplit(),)
