"""Pieces: where the float simulation strays, where outputs end in float, and what cannot be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.measure.fidelity.comparing import EXACT, SIMULATION, Question, answers_of, compare
from qexplorer.measure.fidelity.gate import verdict
from qexplorer.measure.fidelity.real_numbers import RealNumbers
from qexplorer.measure.fidelity.rounding_points import ends_of, points_of, steps_inside
from qexplorer.measure.fidelity.single_points import Asked, observe
from qexplorer.run.protocol import Backend, Mode, SessionOptions
from qexplorer.run.registry import BACKENDS, exact_integers, reference

K = 65536


def deep_sum(path: Path) -> Path:
    """A product over 65,536 terms that nearly cancel, in front of a grid that is fine for them: float32 loses steps."""
    rng = np.random.default_rng(0)
    half = rng.integers(60, 127, (K // 2, 4)).astype(np.int8)
    weight = np.concatenate([half, -half])
    constants = {
        "xs": np.float32(0.1),
        "xz": np.uint8(3),
        "w": weight,
        "ws": np.float32(0.013),
        "wz": np.int8(0),
        "ys": np.float32(0.1 * 0.013 * 40),
        "yz": np.uint8(128),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["x/codes"]),
        helper.make_node("DequantizeLinear", ["x/codes", "xs", "xz"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"]),
        helper.make_node("MatMul", ["xr", "wr"], ["product"], "product"),
        helper.make_node("QuantizeLinear", ["product", "ys", "yz"], ["y/codes"]),
        helper.make_node("DequantizeLinear", ["y/codes", "ys", "yz"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "deep",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", K])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


def nearly_equal_halves(n: int) -> np.ndarray:
    """Inputs whose two halves are the same but in a few places, so that sums stay on the grid."""
    rng = np.random.default_rng(1)
    half = rng.integers(100, 252, (n, K // 2))
    other = half.copy()
    other[:, :60] += rng.integers(-3, 4, (n, 60))
    return (np.concatenate([half, other], axis=1) * np.float32(0.1)).astype(np.float32)


def asked(path: Path, backend: Backend, inputs: dict[str, np.ndarray], scales: dict[str, float]) -> Question:
    """The question about a file at batch 1 and 8."""
    n = next(iter(inputs.values())).shape[0]
    return Question(path, backend, inputs, n, None, 8, (1, 8), 1, scales, 0.0)


@pytest.mark.parametrize("name", ["onnxruntime", "torch"])
def test_where_float32_strays_exact_integers_and_float64_explain(name: str, tmp_path: Path) -> None:
    """The simulation is off by steps, both integer backends give the oracle's codes, and neither is refused."""
    path, x = deep_sum(tmp_path / "deep.onnx"), nearly_equal_halves(8)
    codes = np.clip(np.round(x.astype(np.float64) / np.float32(0.1)) + 3, 0, 255).astype(np.int64)
    model = {item.name: numpy_helper.to_array(item) for item in onnx.load(str(path)).graph.initializer}
    sums = (codes - 3) @ model["w"].astype(np.int64)
    multiplier = np.float32(np.float32(0.1) * np.float32(0.013)) / model["ys"]
    oracle = np.clip(np.round(sums.astype(np.float32) * multiplier) + 128, 0, 255)
    step = float(model["ys"])
    (simulated,) = reference().load(path, SessionOptions(Mode.SIMULATED)).run({"x": x})
    assert np.abs(np.round(simulated / step) + 128 - oracle).max() > 1, "else this case shows nothing"
    backend = BACKENDS.get(name)
    session, question = backend.load(path, SessionOptions()), asked(path, backend, {"x": x}, {"y": step})
    found = answers_of(session, question, lambda _: None)
    assert np.array_equal(np.round(found[0] / step) + 128, oracle)
    compared = compare(session, question, found, tmp_path, lambda _: None)
    assert compared.against == (EXACT if name == "onnxruntime" else SIMULATION)
    assert (not compared.open) == (name == "onnxruntime")
    assert verdict(compared.found, compared.alone(question), compared.asked) is None


def test_float64_says_what_the_graph_says(tmp_path: Path) -> None:
    """A graph in float64 gives the real numbers: products in Python integers, times both scales."""
    path, x = deep_sum(tmp_path / "deep.onnx"), nearly_equal_halves(2)
    model = onnx.load(str(path))
    found = RealNumbers(model, 1).run({"x": x}, ["product", "x/codes"])
    weight = numpy_helper.to_array(next(item for item in model.graph.initializer if item.name == "w"))
    sums = (found["x/codes"].astype(np.int64) - 3) @ weight.astype(np.int64)
    expected = sums * float(np.float32(0.1)) * float(np.float32(0.013))
    assert found["product"].dtype == np.float64
    assert np.allclose(found["product"], expected, rtol=1e-9, atol=1e-6)
    assert model.graph.initializer[0].data_type == TensorProto.FLOAT, "the model itself stays as it is"


def test_a_graph_without_codes_is_judged_by_its_float_error(tmp_path: Path) -> None:
    """Another float runtime passes by a wide margin, the same graph with one weight off by a thousandth does not."""
    from tests.measure.models import SHAPE, make_cnn

    path = make_cnn(tmp_path).path
    feeds = {"x": np.random.default_rng(3).normal(size=(8, *SHAPE)).astype(np.float32)}

    class Off:
        """The reference with one weight that is a little off."""

        name, label, capabilities = "off", "Off", reference().capabilities

        def load(self, path: Path, options: SessionOptions) -> object:
            model = onnx.load(str(path))
            weight = next(item for item in model.graph.initializer if item.name == "w3")
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.001), "w3"))
            onnx.save(model, str(tmp_path / "off.onnx"))
            return reference().load(tmp_path / "off.onnx", options)

    exact = exact_integers()
    assert exact is not None
    right, wrong = (
        observe(Asked(path, backend, reference(), [feeds], 1, tmp_path, exact))  # type: ignore[arg-type]
        for backend in (exact, Off())
    )
    assert (right.points, len(right.ends)) == (0, 1)
    assert right.ends[0].times < 0.5
    assert wrong.ends[0].times > 10


def test_a_mean_that_is_a_code_is_told_apart_from_outputs(tmp_path: Path) -> None:
    """An output that is a tensor of codes is judged as a rounding point, and not a second time as an end."""
    path = deep_sum(tmp_path / "deep.onnx")
    model = onnx.load(str(path))
    model.graph.output.append(helper.make_tensor_value_info("y/codes", TensorProto.UINT8, None))
    onnx.save(model, str(path))
    feeds = {"x": nearly_equal_halves(8)}
    seen = observe(Asked(path, BACKENDS.get("onnxruntime"), reference(), [feeds], 1, tmp_path, exact_integers()))
    assert [end.output for end in seen.ends] == ["y"]
    assert [p.codes if hasattr(p, "codes") else p.tensor for p in seen.found] == ["x", "product"]
    assert not any(p.wrong for p in seen.found)
    assert not any(end.wrong for end in seen.ends)


@pytest.mark.parametrize(
    ("cuts", "inside"),
    [
        ({"a", "d", "f"}, {"a": 0, "d": 0, "f": 0, "y": 0}),
        (set(), {"a": 0, "d": 1, "f": 2, "y": 3}),
        ({"a"}, {"a": 0, "d": 0, "f": 1, "y": 2}),
        ({"d"}, {"a": 0, "d": 1, "f": 0, "y": 1}),
        ({"a", "f"}, {"a": 0, "d": 0, "f": 1, "y": 0}),
    ],
)
def test_points_that_are_not_cut_count_for_all_that_reads_them(cuts: set[str], inside: dict[str, int]) -> None:
    """Three in a row, one behind a sum with a constant that a node makes, up to the next that is cut."""
    node = helper.make_node
    grid = ["s", "z"]
    nodes = [
        node("QuantizeLinear", ["x", *grid], ["a"]),
        node("DequantizeLinear", ["a", *grid], ["b"]),
        node("Constant", [], ["k"], value_float=1.0),
        node("Add", ["b", "k"], ["c"]),
        node("QuantizeLinear", ["c", *grid], ["d"]),
        node("DequantizeLinear", ["d", *grid], ["e"]),
        node("QuantizeLinear", ["e", *grid], ["f"]),
        node("DequantizeLinear", ["f", *grid], ["y"]),
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])] for name in "xy"]
    constants = [numpy_helper.from_array(np.asarray(v), k) for k, v in (("s", np.float32(1)), ("z", np.uint8(0)))]
    assert steps_inside(helper.make_graph(nodes, "g", *ends, constants), cuts) == inside


@pytest.mark.parametrize(("behind", "layer"), [("b", ("sum", "Add")), ("a", ("bound", "Clip"))])
def test_a_bound_on_codes_is_no_layer_and_a_clip_of_floats_is_one(behind: str, layer: tuple[str, str]) -> None:
    """What is rounded behind it belongs to the layer in front of both roundings; what nothing makes is an input."""
    node, grid = helper.make_node, ["s", "z"]
    nodes = [
        node("QuantizeLinear", ["x", *grid], ["q0"]),
        node("DequantizeLinear", ["q0", *grid], ["x0"]),
        node("Add", ["x0", "x0"], ["a"], "sum"),
        node("QuantizeLinear", ["a", *grid], ["q1"]),
        node("DequantizeLinear", ["q1", *grid], ["b"]),
        node("Clip", [behind, "s"], ["c"], "bound"),
        node("QuantizeLinear", ["c", *grid], ["q2"]),
        node("DequantizeLinear", ["q2", *grid], ["y"]),
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])] for name in "xy"]
    constants = [numpy_helper.from_array(np.asarray(v), k) for k, v in (("s", np.float32(1)), ("z", np.uint8(0)))]
    graph = helper.make_graph(nodes, "g", *ends, constants)
    found = {p.codes: (p.layer, p.op) for p in points_of(graph)}
    assert found == {"q0": ("x", "input"), "q1": ("sum", "Add"), "q2": layer}
    assert [(end.name, end.layer, end.op) for end in ends_of(graph)] == [("y", *layer)]
    assert {p.code_dtype for p in points_of(graph)} == {"uint8"}
