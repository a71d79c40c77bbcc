"""Runs a simulated graph in stages, so that single layers can be replaced by something else on the way.

The graph is divided at some layers: each stage computes the input codes and the output of one of them from what is
known by then; somebody may change that output; the next stage goes on from it. Nothing is computed twice but the cheap
operators between two stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.dataset import Array
from qexplorer.graph.index import GraphIndex, reads_of
from qexplorer.graph.walk import fed_inputs
from qexplorer.measure.fidelity.rounding_points import points_of
from qexplorer.run.protocol import Backend, Mode, Session, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = ["Replace", "StagedModel"]

Replace = Callable[[int, Array, Array], Array]
"""Which stop it is, the layer's input codes and its float output -> the output to go on with."""


class StagedModel:
    """A graph that stops at some layers.

    Args:
        model: a QDQ graph.
        stops: (input codes, float output) of each layer to stop at, in execution order.
        reference: a backend that simulates.
        folder: a private folder for the stages' graphs.
        threads: threads of one operator.

    Raises:
        BackendError: a stage cannot be loaded.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        stops: Sequence[tuple[str, str]],
        reference: Backend,
        folder: Path,
        *,
        threads: int = 1,
    ) -> None:
        import onnx

        self._stops = tuple(stops)
        self._outputs = tuple(output.name for output in model.graph.output)
        known = {value.name: value.type.tensor_type.elem_type for value in fed_inputs(model.graph)}
        types = {p.codes: p.code_type for p in points_of(model.graph)}
        self._sessions: list[tuple[Session, tuple[str, ...]] | None] = []
        for index, wanted in enumerate([*self._stops, self._outputs]):
            targets = {name: types.get(name, onnx.TensorProto.FLOAT) for name in wanted}
            stage = _stage(model, targets, known)
            known |= targets
            if not stage.graph.node:
                self._sessions.append(None)
                continue
            path = folder / f"stage{index}.onnx"
            onnx.save(stage, str(path))
            session = reference.load(path, SessionOptions(Mode.SIMULATED, threads))
            self._sessions.append((session, tuple(value.name for value in stage.graph.input)))

    def run(self, feeds: Mapping[str, Array], replace: Replace | None = None) -> list[Array]:
        """The graph's outputs for one batch, with ``replace`` applied to each stop's output. Raises BackendError."""
        known: dict[str, Array] = dict(feeds)
        for index, stage in enumerate(self._sessions):
            if stage is not None:
                session, needed = stage
                found = session.run({name: known[name] for name in needed})
                known |= dict(zip(session.output_names, found, strict=True))
            if replace is not None and index < len(self._stops):
                codes, output = self._stops[index]
                known[output] = replace(index, known[codes], known[output])
        return [known[name] for name in self._outputs]


def _stage(model: onnx.ModelProto, targets: Mapping[str, int], known: Mapping[str, int]) -> onnx.ModelProto:
    """The part of the graph that computes ``targets`` (name -> element type) from what is ``known``."""
    import onnx
    from onnx import helper

    index = GraphIndex(model)
    nodes: set[int] = set()
    read: set[str] = set()
    left = [name for name in targets if name not in known]
    while left:
        name = left.pop()
        if name in read or not name:
            continue
        read.add(name)
        if name in known or name in index.initializers:
            continue
        nodes.add(index.made_at[name])
        left += reads_of(index.order[index.made_at[name]])
    stage = onnx.ModelProto()
    stage.CopyFrom(model)
    graph = stage.graph
    del graph.node[:], graph.initializer[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(node for i, node in enumerate(index.order) if i in nodes)
    graph.initializer.extend(item for name, item in index.initializers.items() if name in read)
    given = {value.name: value for value in model.graph.input}
    for name in (n for n in known if n in read):
        graph.input.append(given.get(name) or helper.make_tensor_value_info(name, known[name], None))
    wanted = {name: kind for name, kind in targets.items() if name in read}
    graph.output.extend(helper.make_tensor_value_info(name, kind, None) for name, kind in wanted.items())
    return stage
