"""Bias absorption: what is always there of an activation is moved into the bias of the next layer.

Where all of a channel lies above ``c`` in front of a Relu, ``relu(x - c) = relu(x) - c``, so that ``c`` can be taken
off the bias of the first layer and ``W2 c`` be added to that of the second. The grid between them then has to hold
less. Equalization is what makes such channels: it raises biases along with weights. With the mean ``beta`` and the
deviation ``gamma`` of what stands in front of the Relu (Nagel et al. 2019, equation 15, section 4.1.3)

    c = max(0, beta - 3 gamma),    b1 <- b1 - c,    b2 <- b2 + W2 c

Of a normal distribution, 0.13 % lie below ``c`` and are cut off. The authors read ``beta`` and ``gamma`` off batch
normalization, which has been folded here; they are observed on calibration data instead.

A convolution with padding is left as the second: its zeros would have to be ``-c``. Where a Clip cuts off what is above
a bound, channels that reach it are left, because the bound would have to come down for them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.core.plugin_kinds.shared_options import Observed
from qexplorer.graph.attributes import number
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.layerwise.chains import Pair, bias_constant, pairs_of, why_alone
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from qexplorer.quantize.layerwise.streams import Part, summed
from qexplorer.quantize.outliers.graph_edits import GraphEdits

if TYPE_CHECKING:
    import onnx

__all__ = ["ENTRIES", "Absorb", "AbsorbOptions"]

_PASSES = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Flatten", "Identity", "Dropout"})
"""Operators with ``f(x - c) = f(x) - c`` for a constant of each channel, where they do not pad."""


class AbsorbOptions(AlgorithmOptions):
    """How much of a channel counts as always there, and on how much it is observed."""

    deviations: float = Field(
        3.0,
        ge=0.0,
        le=10.0,
        title="Deviations",
        description="How many standard deviations below its mean a channel is taken off; more cuts off less.",
    )
    samples: Observed = Field(
        512, description="Calibration samples on which means and deviations are observed, at most."
    )


@dataclass(frozen=True, slots=True)
class Absorb:
    """Moves what is always there of an activation into the next layer's bias."""

    name: str = "absorb"
    title: str = "High-bias absorption"
    description: str = (
        "Takes what a channel always has in front of a Relu off its layer's bias and adds it to the next layer's, so "
        "that the grid between them holds less; follows cross-layer equalization, which makes such channels."
    )
    source: str = (
        "Nagel et al. 2019, Data-free quantization through weight equalization and bias correction, section 4.1.3"
    )
    options: type[AlgorithmOptions] = AbsorbOptions
    needs: Needs = Needs.DATA
    decides: Decides = Decides.ABSORBED
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: AbsorbOptions) -> Mapping[str, str]:  # noqa: ARG002
        """Between which layers something can be moved, and why not between others."""
        ways, reasons = _ways(GraphIndex(draft.proto))
        will = {way.pair.first: f"what it always gives will go into the bias of '{way.pair.second}'" for way in ways}
        return {layer: _left(why) for layer, why in reasons.items()} | will

    def change_graph(self, draft: GraphDraft, options: AbsorbOptions) -> None:
        """Moves what all channels have."""
        view = GraphIndex(draft.model.proto())
        ways, reasons = _ways(view)
        for layer, why in reasons.items():
            draft.remark(layer, _left(why))
        if not ways:
            return
        found = _observed(draft, ways, options)
        edits = GraphEdits(draft.proto)
        for way, (mean, deviation, above) in zip(ways, found, strict=True):
            amount = np.maximum(0.0, mean - options.deviations * deviation)
            amount[above > 0] = 0.0
            if not np.isfinite(amount).all() or not amount.any():
                draft.remark(way.pair.first, _left("no channel is always above zero in front of the Relu"))
                continue
            with draft.timed(way.pair.first):
                _move(edits, view, way, amount)
            text = f"{np.count_nonzero(amount)} of its {len(amount)} channels gave up to {amount.max():.3g} to the bias"
            draft.remark(way.pair.first, f"{text} of '{way.pair.second}'")
        edits.finish()


@dataclass(frozen=True, slots=True)
class _Passage:
    """A pair between whose layers a constant passes.

    Attributes:
        pair: the layers.
        tensor: what stands in front of the Relu, with the first layer's bias.
        axis: of its channels.
        bound: above which it is cut off.
        matrix: the second layer's weight as a matrix.
    """

    pair: Pair
    tensor: str
    axis: int
    bound: float
    matrix: LayerMatrix


def _left(why: str) -> str:
    return f"nothing of it absorbed by a layer behind it: {why}"


def _ways(view: GraphIndex) -> tuple[list[_Passage], dict[str, str]]:
    """The pairs of a graph that a constant passes, and why not others, by their first layer."""
    found, reasons = [], why_alone(view)
    for pair in pairs_of(view):
        way = _way(pair, view)
        if isinstance(way, _Passage):
            found.append(way)
        else:
            reasons[pair.first] = way
    return found, reasons


def _way(pair: Pair, view: GraphIndex) -> _Passage | str:
    first, second = view.nodes[pair.first], view.nodes[pair.second]
    matrix = matrix_of(second, view)
    if isinstance(matrix, str):
        return matrix
    if any(matrix.pads) or matrix.same:
        return "the next convolution pads with zeros"
    if any(bias_constant(node, view) is None and node.op_type == "MatMul" for node in (first, second)):
        return "a product has no addition of a constant behind it"
    at, bound, relus = first.output[0], np.inf, list[str]()
    while (label := view.only_reader(at)) != pair.second:
        assert label is not None, "a pair has one way"
        node = view.nodes[label]
        if node.op_type in ("Relu", "Clip"):
            relus.append(at)
            bound = min(bound, _upper(node, view))
        elif not (node.op_type in _PASSES and not _pads(node)) and not (node.op_type == "Add" and not relus):
            return f"the operator {node.op_type} stands between them"
        at = node.output[0]
    if len(relus) != 1:
        return "there is not one Relu between them"
    return _Passage(pair, relus[0], 1 if first.op_type == "Conv" else -1, bound, matrix)


def _upper(node: onnx.NodeProto, view: GraphIndex) -> float:
    value = view.value(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    return np.inf if value is None else float(value.reshape(-1)[0])


def _pads(node: onnx.NodeProto) -> bool:
    named = {item.name: item for item in node.attribute}
    auto = named["auto_pad"].s not in (b"NOTSET", b"VALID") if "auto_pad" in named else False
    return auto or ("pads" in named and any(named["pads"].ints)) or bool(number(node, "ceil_mode", 0))


def _observed(draft: GraphDraft, ways: Sequence[_Passage], options: AbsorbOptions) -> list[NDArray[np.float64]]:
    """Mean, deviation and share above the bound of each channel in front of each Relu, ``(3, channels)``."""

    def sums(found: Sequence[NDArray[Any]], _: int) -> list[Part]:
        return [_sums(values, way) for values, way in zip(found, ways, strict=True)]

    def told(share: float) -> None:
        draft.tell("absorbing biases, observing channels", share)

    names = [way.tensor for way in ways]
    totals = summed(draft.model.proto(), draft.model, draft.calibration_of(options.samples), names, sums, told)
    means = [total / max(count, 1) for total, count in totals]
    return [np.stack([m, np.sqrt(np.maximum(square - m * m, 0.0)), above]) for m, square, above in means]


def _sums(values: NDArray[Any], way: _Passage) -> Part:
    rows = np.moveaxis(values, way.axis, 0).reshape(values.shape[way.axis], -1).astype(np.float64)
    return np.stack([rows.sum(1), np.square(rows).sum(1), (rows > way.bound).sum(1)]), rows.shape[1]


def _move(edits: GraphEdits, view: GraphIndex, way: _Passage, amount: NDArray[np.float64]) -> None:
    """Takes ``amount`` off the first bias and adds what the second weight makes of it to the second."""
    _shift(edits, view, way.pair.first, -amount)
    matrix = way.matrix
    parts = np.repeat(amount, way.pair.repeat).reshape(matrix.groups, -1)
    columns = np.repeat(parts, matrix.columns // parts.shape[1], 1)
    rows = matrix.rows(edits.value(way.pair.second, 1).astype(np.float64))
    made = (rows @ columns[..., None]).reshape(-1)
    _shift(edits, view, way.pair.second, made * number(view.nodes[way.pair.second], "alpha", 1.0))


def _shift(edits: GraphEdits, view: GraphIndex, layer: str, amount: NDArray[np.float64]) -> None:
    """Adds to what a layer gives."""
    node = view.nodes[layer]
    share = amount / number(node, "beta", 1.0)
    held = bias_constant(node, view)
    if held is not None:
        edits.put(*held, edits.value(*held) + share)
        return
    edits.add_input(layer, 2, share.astype(np.float32))


ENTRIES = (Absorb(),)
