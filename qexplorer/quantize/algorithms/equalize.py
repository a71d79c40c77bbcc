"""Cross-layer equalization: channels of neighbouring layers are scaled until both fit one scale for the whole weight.

Where nothing but operators with ``f(s x) = s f(x)`` for ``s > 0`` stand between two layers, a channel can be divided by
``s_i`` behind the first (weight and bias) and multiplied by it in front of the second without changing what the network
computes. With ``r1_i`` and ``r2_i`` the largest magnitudes of channel ``i`` in both weights, every channel uses most of
the range of its tensor for (Nagel et al. 2019, equation 11)

    s_i = sqrt(r1_i / r2_i),   W1_i <- W1_i / s_i,   b1_i <- b1_i / s_i,   W2_:i <- W2_:i * s_i

Pairs are gone through again and again until no factor is far from 1 (section 4.1), which also settles the chains of
three that a depthwise convolution makes.

A Clip from 0 to a bound does not commute. As the authors replace ReLU6 by ReLU, its bound is raised so far that it cuts
no channel lower than before: values above the old bound, which float cut off, pass in channels that were divided by
less. With ``open_clips: false`` such pairs are left alone, and the float function stays what it was, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides
from qexplorer.graph.index import GraphIndex, label_of
from qexplorer.graph.walk import captured_names
from qexplorer.quantize.changes.drafts import GraphDraft
from qexplorer.quantize.layerwise.chains import Pair, channel_sizes, pairs_of, scaled_in, scaled_out, why_alone

if TYPE_CHECKING:
    import onnx

__all__ = ["ENTRIES", "Equalize", "EqualizeOptions"]

_SMALLEST = 1e-8
"""Channels whose largest weight is below this share of the tensor's largest are left as they are."""

_SETTLED = 1e-3


class EqualizeOptions(AlgorithmOptions):
    """How far it goes."""

    rounds: int = Field(
        20, ge=1, le=200, title="Rounds", description="Times that all pairs of layers are gone through, at most."
    )
    open_clips: bool = Field(
        True,
        title="Through ReLU6",
        description="Goes through clips with an upper bound as well, and raises the bound; a float network that relies "
        "on being cut off there changes a little.",
    )


@dataclass(frozen=True, slots=True)
class Equalize:
    """Scales channels of neighbouring layers against each other."""

    name: str = "equalize"
    title: str = "Cross-layer equalization"
    description: str = (
        "Scales channels of neighbouring layers against each other until they are alike, which leaves what the network "
        "computes as it is; helps where one scale serves a whole weight or activation. Needs no data of its own."
    )
    source: str = (
        "Nagel et al. 2019, Data-free quantization through weight equalization and bias correction, section 4.1"
    )
    options: type[AlgorithmOptions] = EqualizeOptions
    needs: Needs = Needs.NOTHING
    decides: Decides = Decides.CHANNELS
    stage: Literal[Stage.GRAPH] = Stage.GRAPH

    def foretell(self, draft: GraphDraft, options: EqualizeOptions) -> Mapping[str, str]:
        """Which layers' channels will be scaled against which, and which will be left."""
        view = GraphIndex(draft.proto)
        pairs = _pairs(view, options)
        will = {pair.first: f"its output channels will be equalized with '{pair.second}'" for pair in pairs}
        return _left(view, pairs) | will

    def change_graph(self, draft: GraphDraft, options: EqualizeOptions) -> None:
        """Equalizes all pairs."""
        view = GraphIndex(draft.proto)
        pairs = _pairs(view, options)
        work = _Work(view)
        total = {pair: np.ones(pair.channels) for pair in pairs}
        for number in range(options.rounds):
            draft.tell("equalizing layers", number / options.rounds)
            steps = [work.equalize(pair, total) for pair in pairs]
            if max(steps, default=0.0) < _SETTLED:
                break
        _open_clips(draft.proto, view, total)
        work.write(draft.proto)
        _say(draft, view, pairs, total)


def _pairs(view: GraphIndex, options: EqualizeOptions) -> list[Pair]:
    return [pair for pair in pairs_of(view) if options.open_clips or not pair.clips]


def _left(view: GraphIndex, pairs: list[Pair]) -> dict[str, str]:
    """Why layers are not scaled against one behind them, by layer."""
    reasons = why_alone(view) | {pair.first: "a clip stands between them" for pair in pairs_of(view)}
    for pair in pairs:
        del reasons[pair.first]
    return {label: f"not equalized with a layer behind it: {why}" for label, why in reasons.items()}


class _Work:
    """The weights and biases as they are so far, by name."""

    def __init__(self, view: GraphIndex) -> None:
        self._view = view
        self._values: dict[str, NDArray[np.float32]] = {}

    def equalize(self, pair: Pair, total: dict[Pair, NDArray[np.float64]]) -> float:
        """One step of one pair: how far the largest factor is from 1, as a logarithm."""
        first, second = self._view.nodes[pair.first], self._view.nodes[pair.second]
        one, other = self._at(first.input[1]), self._at(second.input[1])
        out = channel_sizes(first, one, inputs=False)
        into = channel_sizes(second, other, inputs=True, repeat=pair.repeat)
        usable = (out > _SMALLEST * out.max(initial=0)) & (into > _SMALLEST * into.max(initial=0))
        step = np.sqrt(np.divide(out, into, out=np.ones_like(out), where=usable))
        self._values[first.input[1]] = scaled_out(first, one, 1 / step)
        for name in _biases(first, self._view):
            values = self._at(name)
            shape = values.shape if values.size == pair.channels else (pair.channels,)  # one number serves all channels
            self._values[name] = np.asarray(np.broadcast_to(values, shape) / step, np.float32)
        self._values[second.input[1]] = scaled_in(second, other, np.repeat(step, pair.repeat))
        total[pair] = total[pair] * step
        return float(np.abs(np.log(step)).max(initial=0.0))

    def _at(self, name: str) -> NDArray[np.float32]:
        return self._values[name] if name in self._values else self._view.array(name)

    def write(self, proto: onnx.ModelProto) -> None:
        """Puts the values in the place of the constants."""
        from onnx import numpy_helper

        for item in proto.graph.initializer:
            if item.name in self._values:
                item.CopyFrom(numpy_helper.from_array(self._values[item.name], item.name))


def _biases(node: onnx.NodeProto, view: GraphIndex) -> list[str]:
    """The constants that are added to what a layer makes."""
    if len(node.input) > 2 and node.input[2]:
        return [node.input[2]]
    reader = view.only_reader(node.output[0])
    if node.op_type != "MatMul" or reader is None or view.nodes[reader].op_type != "Add":
        return []
    return [name for name in view.nodes[reader].input if name != node.output[0]]


def _open_clips(proto: onnx.ModelProto, view: GraphIndex, total: dict[Pair, NDArray[np.float64]]) -> None:
    """Raises the upper bounds of clips so far that no channel is cut lower than before."""
    from onnx import numpy_helper

    nodes = {label_of(node): node for node in proto.graph.node}
    for pair, factor in total.items():
        for label in pair.clips:
            node = nodes[label]
            if len(node.input) < 3 or not node.input[2]:
                continue
            bound = view.value(node.input[2])
            assert bound is not None, "pairs_of looked at it"
            raised = np.asarray(bound * (1 / factor).max(), bound.dtype).reshape(bound.shape)
            name = f"{label}/raised_maximum"
            proto.graph.initializer.append(numpy_helper.from_array(raised, name))
            node.input[2] = name
    read = {name for node in nodes.values() for name in (*node.input, *captured_names(node))}
    unread = [item for item in proto.graph.initializer if item.name in view.initializers and item.name not in read]
    for item in unread:
        proto.graph.initializer.remove(item)


def _say(draft: GraphDraft, view: GraphIndex, pairs: list[Pair], total: dict[Pair, NDArray[np.float64]]) -> None:
    for pair in pairs:
        factor = total[pair]
        span = f"{factor.min():.3g} to {factor.max():.3g}"
        text = f"equalized with '{pair.second}': its output channels are divided by {span}"
        if any(len(view.nodes[label].input) > 2 and view.nodes[label].input[2] for label in pair.clips):
            text += "; the clip between them has a higher bound"
        draft.remark(pair.first, text)
    for layer, why in _left(view, pairs).items():
        draft.remark(layer, why)


ENTRIES = (Equalize(),)
