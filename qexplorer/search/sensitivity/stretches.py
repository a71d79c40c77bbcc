"""A graph cut into stretches where little is alive, so that a change in one runs through those behind it alone.

Every stretch is written once as a model of its own. What a layer does quantized alone is then the stretch that holds
it, quantized there, and the float stretches behind, which all layers have in common: each weight is loaded about twice
whatever the number of layers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.model import Layer, Model, read_proto
from qexplorer.graph.constant_nodes import is_constant_node
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.reconstruct.parts import part_of
from qexplorer.search.sensitivity.groups import LayerGroup, Places

if TYPE_CHECKING:
    import onnx

__all__ = ["Stretch", "stretches_of"]

_LONG = 0.25
"""A tensor that is alive for a larger share of the graph than this (a mask, positions) does not count at a cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Consecutive nodes as a model.

    Attributes:
        model: the nodes as a model in a file of its own.
        groups: those inside, in order.
        inputs: tensors that it reads from before it, the graph's inputs among them.
        outputs: tensors that it makes and that are read behind it, or are the graph's outputs.
        cost: its share of the work of the whole graph.
    """

    model: Model
    groups: tuple[LayerGroup, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cost: float


def stretches_of(model: Model, view: GraphIndex, groups: Sequence[LayerGroup], folder: Path) -> tuple[Stretch, ...]:
    """Cuts ``model`` and writes the stretches into ``folder``.

    Args:
        model: in float.
        view: its graph.
        groups: none of them is cut apart.
        folder: for the files.
    """
    cutter = _Cutter(view, groups)
    borders = [0, *cutter.cuts(), len(view.order)]
    work = _work(model, view)
    total = sum(work) or 1.0
    found = (
        cutter.stretch(model, start, end, folder / f"{number}.onnx", sum(work[start:end]) / total)
        for number, (start, end) in enumerate(pairwise(borders))
    )
    return tuple(each for each in found if each.outputs)


class _Cutter:
    """Where to cut one graph."""

    def __init__(self, view: GraphIndex, groups: Sequence[LayerGroup]) -> None:
        self._view, self._groups = view, groups
        self._spans = Places.of(groups, view).spans
        self._constant = {name for node in view.order if is_constant_node(node) for name in node.output}
        ends = {name: places[-1] for name, places in view.read_at.items()}
        self._alive = {n: (at, ends[n]) for n, at in view.made_at.items() if n in ends and n not in self._constant}

    def cuts(self) -> list[int]:
        """Places in front of which the graph is cut: as many as there are with one tensor alive and a group between."""
        starts = sorted(first for first, _ in self._spans.values())
        found: list[int] = []
        last = 0
        for start, following in zip(starts, [*starts[1:], len(self._view.order)], strict=True):
            allowed = [place for place in range(max(start, last) + 1, following + 1) if self._allowed(place)]
            if allowed and following < len(self._view.order):
                found.append(allowed[-1])
                last = allowed[-1]
        return found

    def _allowed(self, place: int) -> bool:
        """Whether no group lies on both sides, and at most one tensor is alive but for those that are long."""
        if any(first < place <= last for first, last in self._spans.values()):
            return False
        alive = self._across(place)
        long = _LONG * len(self._view.order)
        short = [name for name in alive if self._alive[name][1] - self._alive[name][0] < long]
        return len(short) <= 1 and all(name in self._view.types for name in alive)

    def _across(self, place: int) -> list[str]:
        return [name for name, (made, read) in self._alive.items() if made < place <= read]

    def stretch(self, model: Model, start: int, end: int, path: Path, cost: float) -> Stretch:
        """The nodes from ``start`` to before ``end``."""
        import onnx

        view = self._view
        before, behind = self._across(start), set(self._across(end))
        made = [name for node in view.order[start:end] for name in node.output if name and name not in self._constant]
        outputs = tuple(name for name in made if name in behind or name in view.outputs)
        proto = part_of(_without_graph(model), view, before, outputs)
        inputs = tuple(info.name for info in proto.graph.input)
        infos = {info.name: info for info in (*view.graph.value_info, *view.graph.input, *view.graph.output)}
        inside = {name for node in proto.graph.node for name in node.output} - set(outputs)
        proto.graph.value_info.extend(infos[name] for name in sorted(inside) if name in infos)
        onnx.save(proto, path)
        names = {node.name for node in proto.graph.node}
        part = replace(
            model,
            path=path,
            sha256=f"{model.sha256[:40]}-{start}-{end}",
            layers=tuple(layer for layer in model.layers if layer.name in names),
        )
        groups = tuple(group for group in self._groups if start <= self._spans[group.name][0] < end)
        return Stretch(part, groups, inputs, outputs, cost)


def _without_graph(model: Model) -> onnx.ModelProto:
    """The model's message with an empty graph: nodes and weights are taken from the index."""
    import onnx

    source, found = read_proto(str(model.path)), onnx.ModelProto()
    found.ir_version, found.producer_name, found.graph.name = source.ir_version, source.producer_name, source.graph.name
    found.opset_import.extend(source.opset_import)
    found.functions.extend(source.functions)
    return found


def _work(model: Model, view: GraphIndex) -> list[float]:
    """Work of each node: multiply-accumulates and something for moving what it makes, which is not known exactly."""
    layers: dict[str, Layer] = {layer.name: layer for layer in model.layers}
    sizes = {info.name: _size(info) for info in (*view.graph.value_info, *view.graph.output)}
    found = []
    for node in view.order:
        layer = layers.get(node.name)
        macs = 0 if layer is None or layer.macs is None else layer.macs
        found.append(float(macs) + 4.0 * sum(sizes.get(name, 0.0) for name in node.output))
    return found


def _size(info: onnx.ValueInfoProto) -> float:
    """Values for one sample; dimensions that are not known count as 1."""
    return float(math.prod(max(dim.dim_value, 1) for dim in list(info.type.tensor_type.shape.dim)[1:]))
