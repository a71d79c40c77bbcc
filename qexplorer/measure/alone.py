"""Is each layer right, taken alone? Asked where the answers of a whole graph differ by more than one step.

Integer kernels and the simulation round the same real number; where it lies within float32's error of half a step they
may differ by one code, and a deep graph lets such single steps grow. So every rounding point (QuantizeLinear of an
activation) is compared by itself: the backend's own codes are fed to the simulation wherever the graph reads codes, and
what the simulation makes of them is compared with what the backend made of them, point by point. A right backend is
within one step at every point, however deep the graph; a wrong one is not, and the first such point names the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.run.protocol import Backend, Mode, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = ["Alone", "each_alone"]


@dataclass(frozen=True, slots=True)
class Alone:
    """What was found.

    Attributes:
        worst_steps: largest difference of one rounding point taken alone, in steps.
        tensor: the first tensor (execution order) that is off by more than one step, or the worst one if none is.
        points: rounding points compared.
        n: samples compared.
        conclusive: whether the backend answered the same while its codes were being read out, up to 5 % of the
            range: reading can undo a fusion, and steps then add up otherwise.
    """

    worst_steps: float
    tensor: str
    points: int
    n: int
    conclusive: bool

    @property
    def right(self) -> bool:
        """Whether every layer alone is within one step."""
        return self.conclusive and self.points > 0 and self.worst_steps <= 1


def each_alone(
    path: Path, backend: Backend, reference: Backend, feeds: Mapping[str, Array], *, threads: int, folder: Path
) -> Alone:
    """Compares every rounding point of the graph at ``path`` by itself.

    Args:
        path: a QDQ graph.
        backend: whose kernels are in question.
        reference: a backend that simulates.
        feeds: one batch, by input name.
        threads: threads of one operator.
        folder: a private folder for the two graphs that are made for this.

    Raises:
        BackendError: one of the two cannot run them.
    """
    import onnx

    model = onnx.load(str(path))
    points = _points(model.graph)
    told, alone = folder / "told.onnx", folder / "alone.onnx"
    onnx.save(_telling(model, points), str(told))
    onnx.save(_cut(model, points), str(alone))
    native = SessionOptions(Mode.NATIVE, threads)
    plain = backend.load(path, native).run(feeds)
    found = backend.load(told, native).run(feeds)
    answers, codes = found[: len(plain)], dict(zip(points, found[len(plain) :], strict=True))
    session = reference.load(alone, SessionOptions(Mode.SIMULATED, threads))
    made = dict(zip(session.output_names, session.run({**feeds, **codes}), strict=True))
    steps = {p: _worst(codes[p], made[_name(p)]) for p in points}
    off = next((p for p in points if steps[p] > 1), max(points, key=lambda p: steps[p], default=""))
    same = all(_near(a, b) for a, b in zip(answers, plain, strict=True))
    samples = next(iter(feeds.values())).shape[0]
    return Alone(max(steps.values(), default=0.0), points.get(off, ""), len(points), samples, same)


def _points(graph: onnx.GraphProto) -> dict[str, str]:
    """Codes of activations -> the tensor that they are codes of, in execution order."""
    constant = {item.name for item in graph.initializer}
    return {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] not in constant
    }


def _name(point: str) -> str:
    return f"{point}//alone"


def _types(graph: onnx.GraphProto) -> dict[str, int]:
    """Element type of the codes that each QuantizeLinear makes (that of its zero point; uint8 without one)."""
    import onnx

    zero = {item.name: item.data_type for item in graph.initializer}
    return {
        node.output[0]: zero.get(node.input[2], onnx.TensorProto.UINT8)
        if len(node.input) > 2
        else onnx.TensorProto.UINT8
        for node in graph.node
        if node.op_type == "QuantizeLinear"
    }


def _telling(model: onnx.ModelProto, points: Mapping[str, str]) -> onnx.ModelProto:
    """The same graph with the codes as further outputs."""
    from onnx import helper

    copy, types = _copy(model), _types(model.graph)
    copy.graph.output.extend(helper.make_tensor_value_info(p, types[p], None) for p in points)
    return copy


def _cut(model: onnx.ModelProto, points: Mapping[str, str]) -> onnx.ModelProto:
    """The same graph, cut at the codes: what is read comes from outside, what is made goes out."""
    from onnx import helper

    copy, types = _copy(model), _types(model.graph)
    for node in copy.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0] in points:
            node.output[0] = _name(node.output[0])
    del copy.graph.output[:]
    for point in points:
        copy.graph.input.append(helper.make_tensor_value_info(point, types[point], None))
        copy.graph.output.append(helper.make_tensor_value_info(_name(point), types[point], None))
    return copy


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    return copy


def _worst(ours: Array, theirs: Array) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max(initial=0))


def _near(ours: Array, theirs: Array) -> bool:
    """Whether two answers are the same but for single steps that added up otherwise."""
    if ours.shape != theirs.shape or ours.dtype.kind != "f":
        return np.array_equal(ours, theirs)
    spread = float(np.ptp(theirs)) if theirs.size else 0.0
    return bool(np.allclose(ours.astype(np.float64), theirs.astype(np.float64), rtol=0, atol=0.05 * spread))
