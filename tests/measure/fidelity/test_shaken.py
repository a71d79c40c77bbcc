"""Single steps at every rounding, followed through a whole graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity.pieces import Pieces
from qexplorer.measure.fidelity.rounding_points import points_of, shake_name, shaken
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import reference

LIMITS = {"uint8": (0, 255)}
X = np.array([[0.0, 1.0, 2.0, 255.0]], np.float32)  # dynamic codes: the very numbers


def two_roundings(*, gain: float = 100.0) -> onnx.ModelProto:
    """Two dynamic roundings with a function between them that multiplies a step of the first one's small codes."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], "first"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Mul", ["d", "gain"], ["m"]),
        helper.make_node("Tanh", ["m"], ["t"], "tanh"),
        helper.make_node("DynamicQuantizeLinear", ["t"], ["q2", "s2", "z2"], "second"),
        helper.make_node("DequantizeLinear", ["q2", "s2", "z2"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    ends = [[info(name, TensorProto.FLOAT, [1, "n"])] for name in ("x", "y")]
    graph = helper.make_graph(nodes, "two", *ends, [numpy_helper.from_array(np.array(gain, np.float32), "gain")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def answer(folder: Path, model: onnx.ModelProto, shakes: dict[str, list[int]]) -> Array:
    """What the shaken graph answers."""
    path = folder / "shaken.onnx"
    onnx.save(shaken(model, points_of(model.graph), LIMITS), str(path))
    feeds = {shake_name(codes): np.array([steps], np.int32) for codes, steps in shakes.items()}
    return np.asarray(reference().load(path, SessionOptions()).run({"x": X, **feeds})[0])


def test_a_step_goes_all_the_way(tmp_path: Path) -> None:
    """Without steps the graph answers as it is; a step of the first codes moves the end, within the codes' type."""
    still, model = [0, 0, 0, 0], two_roundings()
    plain = np.tanh(100 * X)
    np.testing.assert_allclose(answer(tmp_path, model, {"q": still, "q2": still}), plain, atol=0.003)
    np.testing.assert_allclose(answer(tmp_path, model, {"q": [1, -1, 0, 1], "q2": still}), [[1, 0, 1, 1]], atol=0.003)
    moved = answer(tmp_path, model, {"q": still, "q2": [1, -1, 1, 0]})
    np.testing.assert_allclose(moved, [[1 / 255, 254 / 255, 1, 1]], atol=1e-6)


def test_early_steps_that_grow_are_allowed_where_nothing_can_be_seen(tmp_path: Path) -> None:
    """An end that steps at the first rounding explain is right, though those at the last would move it by a 255th."""
    wide = np.ones((1, 64), np.float32)
    wide[0, -1] = 255
    for gain, right in ((100.0, True), (0.001, False)):
        model = two_roundings(gain=gain)
        model.graph.node.append(helper.make_node("ReduceMean", ["y"], ["mean"], "mean", keepdims=1))
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, 1]))
        pieces = Pieces(model, reference(), None, [{"x": wide}], 1, tmp_path)
        ours = np.asarray(pieces.whole(())[0]["mean"]) - np.float32(0.2)
        _, (end,) = pieces.each(points_of(model.graph), {}, [[ours]])
        assert (end.times <= 1) == right
