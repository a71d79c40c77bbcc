"""LiteRT: single operators, what it cannot take, how it says so, and what it keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.run import preparing
from qexplorer.run.litert import backend as backend_module
from qexplorer.run.litert import cache, to_tflite
from qexplorer.run.litert.backend import LiteRt
from qexplorer.run.litert.rewrite.graph import rewritten
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Mode, SessionOptions
from tests.run.litert_here import HERE, keep, session_of

SHAPE = (8, 6, 6)
Grid = tuple[float, int]
INPUT: Grid = (0.02, 120)

needs_litert = pytest.mark.skipif(not HERE, reason="litert is not installed")


@pytest.fixture
def kept(session_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Converts in this process."""
    keep(session_workspace, monkeypatch)


def pair(value: str, grid: Grid, name: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """``value`` rounded to a uint8 grid and called ``name``."""
    scale, zero = numpy_helper.from_array(np.float32(grid[0]), f"{name}_s"), np.uint8(grid[1])
    nodes = [
        helper.make_node("QuantizeLinear", [value, f"{name}_s", f"{name}_z"], [f"{name}_q"]),
        helper.make_node("DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"], [name]),
    ]
    return nodes, [scale, numpy_helper.from_array(np.asarray(zero), f"{name}_z")]


def save(folder: Path, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto], inputs: int = 1) -> Path:
    """A model from ``x0``, ``x1``, ... of any batch to ``y``."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [info(f"x{index}", TensorProto.FLOAT, ["n", *SHAPE]) for index in range(inputs)],
        [info("y", TensorProto.FLOAT, None)],
        weights,
    )
    path = folder / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


def between(folder: Path, op: str, grids: list[Grid], **attributes: Any) -> Path:
    """``op`` between Q/DQ pairs: one for each input, the last for the output."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    for index, grid in enumerate(grids[:-1]):
        more, constants = pair(f"x{index}", grid, f"d{index}")
        nodes, weights = nodes + more, weights + constants
    nodes.append(helper.make_node(op, [f"d{index}" for index in range(len(grids) - 1)], ["r"], **attributes))
    more, constants = pair("r", grids[-1], "y")
    return save(folder, nodes + more, weights + constants, len(grids) - 1)


def values(inputs: int, batch: int = 1) -> dict[str, Array]:
    """Random inputs, positive from the second on (divisors)."""
    random = np.random.default_rng(0)
    found = {f"x{index}": random.normal(size=(batch, *SHAPE)).astype(np.float32) for index in range(inputs)}
    return {name: value if name == "x0" else np.abs(value) + np.float32(0.5) for name, value in found.items()}


def steps(path: Path, inputs: int, scale: float) -> float:
    """The largest difference from the simulation, in steps."""
    feeds = values(inputs)
    expected = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    return float(np.abs(session_of(path).run(feeds)[0] - expected).max() / scale)


OPERATORS: list[tuple[str, list[Grid], dict[str, Any]]] = [
    ("Sigmoid", [INPUT, (0.004, 3)], {}),
    ("MaxPool", [INPUT, (0.013, 30)], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Softmax", [INPUT, (0.003, 0)], {"axis": -1}),
    ("Concat", [INPUT, (0.013, 30), (0.03, 100)], {"axis": 1}),
    ("Div", [INPUT, (0.01, 0), (0.05, 100)], {}),
    ("MatMul", [INPUT, (0.013, 30), (0.09, 100)], {}),
]


@needs_litert
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("op", "grids", "attributes"), OPERATORS, ids=[op for op, _, _ in OPERATORS])
def test_an_operator_between_grids_is_within_a_step(
    op: str, grids: list[Grid], attributes: dict[str, Any], tmp_path: Path
) -> None:
    """Whatever grids stand around it, and whether LiteRT has a kernel on codes for them or not."""
    path = between(tmp_path, op, grids, **attributes)
    assert steps(path, len(grids) - 1, grids[-1][0]) <= 1.01
    said = [sentence for sentence in session_of(path).notes if op in sentence]
    assert bool(said) == (op in ("Softmax", "Div"))


@needs_litert
@pytest.mark.usefixtures("kept")
def test_a_layer_in_onnx_runtime_s_own_form_is_integer(tmp_path: Path) -> None:
    """QLinearMatMul with constant weights becomes a layer on codes, its weight per column."""
    random = np.random.default_rng(1)
    weight = numpy_helper.from_array(random.integers(-127, 128, (6, 4)).astype(np.int8), "w")
    scales = numpy_helper.from_array(random.uniform(0.001, 0.01, 4).astype(np.float32), "w_s")
    zeros = numpy_helper.from_array(np.zeros(4, np.int8), "w_z")
    first, constants = pair("x0", INPUT, "d")
    last, more = pair("y", (0.03, 100), "y")
    inputs = ["d_q", "d_s", "d_z", "w", "w_s", "w_z", "y_s", "y_z"]
    nodes = [first[0], helper.make_node("QLinearMatMul", inputs, ["y_q"]), last[1]]
    path = save(tmp_path, nodes, [*constants, *more, weight, scales, zeros])
    assert steps(path, 1, 0.03) <= 1.01
    assert session_of(path).kernels().integer == {"FULLY_CONNECTED": 1}


def halved(folder: Path, factor: float) -> Path:
    """``x0 * factor`` by a matrix of int8 weights with a scale for each column."""
    codes = np.random.default_rng(3).integers(-127, 128, (SHAPE[-1], 5)).astype(np.int8)
    constants = {"c": np.float32(factor), "codes": codes, "steps": np.linspace(0.01, 0.02, 5, dtype=np.float32)}
    nodes = [
        helper.make_node("Mul", ["x0", "c"], ["m"]),
        helper.make_node("DequantizeLinear", ["codes", "steps"], ["w"], axis=1),
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ]
    return save(folder, nodes, [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()])


@needs_litert
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("factor", [0.5, -0.5])
def test_a_factor_in_front_of_a_layer_costs_no_bit_of_its_weights(tmp_path: Path, factor: float) -> None:
    """The half of a GELU: the answers are those of the weights' own codes, which the converter would halve."""
    path, feeds = halved(tmp_path, factor), values(1)
    expected = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    np.testing.assert_allclose(session_of(path).run(feeds)[0], expected, rtol=0, atol=1e-5 * np.ptp(expected))


def test_a_positive_factor_goes_into_the_scales(tmp_path: Path) -> None:
    """The weight stays on its codes, and no product is left; a negative factor has no such grid and is held apart."""
    found = rewritten(onnx.load(str(halved(tmp_path, 0.5))))
    ops = [node.op_type for node in found.model.graph.node]
    assert ops == ["Weight", "FullyConnected"]
    assert found.differences == ()
    other = rewritten(onnx.load(str(halved(tmp_path, -0.5))))
    assert [node.op_type for node in other.model.graph.node] == ["Mul", "Weight", "Bound", "FullyConnected"]
    assert other.differences == ()


@needs_litert
@pytest.mark.usefixtures("kept")
def test_samples_that_know_of_each_other_are_converted_for_each_batch(tmp_path: Path) -> None:
    """A maximum over the whole batch cannot come from a file for one sample."""
    nodes = [
        helper.make_node("ReduceMax", ["x0"], ["most"], keepdims=0),
        helper.make_node("Sub", ["x0", "most"], ["y"]),
    ]
    session = session_of(save(tmp_path, nodes, []))
    for batch in (2, 3):
        feeds = values(1, batch)
        assert np.allclose(session.run(feeds)[0], feeds["x0"] - feeds["x0"].max(), atol=1e-6)
    assert len(session._files) == 3


@needs_litert
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("op", "domain", "said"),
    [
        (
            "Normalizer",
            "ai.onnx.ml",
            r"PyTorch has no kernel here for 'y' \(Normalizer, version \d of ai\.onnx\.ml\)\); choose onnxruntime",
        ),
        ("Det", "", r"nothing for PyTorch's operator _linalg_det"),
    ],
)
def test_an_operator_that_is_missing_is_named(op: str, domain: str, said: str, tmp_path: Path) -> None:
    """The error is one sentence with the file and the operator, whichever step does not know it."""
    path = save(tmp_path, [helper.make_node(op, ["x0"], ["y"], domain=domain)], [])
    with pytest.raises(BackendError, match=rf"^small\.onnx: it cannot be converted for LiteRT \(.*{said}"):
        LiteRt().load(path, SessionOptions())


@needs_litert
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ValueError("Failed to run passes: /home/me/executor.py:77:0: error: 'tfl.padv2' op operand #0 must be\n"),
            "LiteRT's PADV2 does not take it: operand #0 must be",
        ),
        (
            ValueError("/home/me/a.py:7:0: error: failed to legalize operation 'tfl.pad' : tensor<1x3xf16>"),
            "LiteRT has no PAD on f16",
        ),
        (ValueError("/home/me/b.py:12: error: out of luck\nmore"), "out of luck"),
        (
            AttributeError("'list'\nWhile executing %s : [target=torch.ops.aten.split.default](args = ())"),
            "the converter fails at PyTorch's operator split",
        ),
    ],
)
def test_what_the_converter_says_is_told_without_its_source_files(
    error: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator and the types are kept, folders of this machine are not."""

    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(to_tflite, "to_tflite", fail)
    path = save(tmp_path, [helper.make_node("Abs", ["x0"], ["y"])], [])
    with pytest.raises(BackendError) as caught:
        LiteRt().load(path, SessionOptions())
    assert caught.value.sentence == f"small.onnx: it cannot be converted for LiteRT ({said})"


@needs_litert
def test_a_converted_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session_workspace: Path) -> None:
    """The same model is converted once; another one, or one changed, is converted anew."""
    keep(session_workspace / "kept", monkeypatch)
    path = save(tmp_path, [helper.make_node("Relu", ["x0"], ["y"])], [])
    session_of(path)
    monkeypatch.setattr(cache, "convert", lambda *_: pytest.fail("it was converted a second time"))
    assert session_of(path).run(values(1))[0].min() == 0
    save(tmp_path, [helper.make_node("Neg", ["x0"], ["y"])], [])
    with pytest.raises(pytest.fail.Exception, match="second time"):
        session_of(path)


@pytest.mark.parametrize(("there_for_it", "where"), [(True, "here"), (False, "in a child")])
def test_a_process_that_is_there_to_convert_starts_no_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there_for_it: bool, where: str
) -> None:
    """Who prepares one file after the other imports the converter once; any other process leaves it to a child."""
    done: list[str] = []
    monkeypatch.delitem(sys.modules, "litert_torch", raising=False)
    monkeypatch.setattr(preparing, "_HERE", Event())
    monkeypatch.setattr(cache, "convert", lambda _: done.append("here"))
    monkeypatch.setattr(cache, "run_in_child", lambda *_, **__: done.append("in a child"))
    if there_for_it:
        preparing.prepare_here()
    cache._convert(save(tmp_path, [helper.make_node("Relu", ["x0"], ["y"])], []), {})
    assert done == [where]


@needs_litert
def test_simulating_is_refused(tmp_path: Path) -> None:
    """LiteRT fuses what it can and offers no other way."""
    with pytest.raises(BackendError, match="does not simulate"):
        LiteRt().load(save(tmp_path, [], []), SessionOptions(Mode.SIMULATED))


def weighted(tmp_path: Path, codes: Array, zero: int, bias: float) -> onnx.ModelProto:
    """A layer on codes with weights of one zero point and a float bias behind it."""
    first, constants = pair("x0", INPUT, "d")
    last, more = pair("sum", (0.03, 100), "y")
    step = numpy_helper.from_array(np.float32(1e-6 if bias else 0.01), "w_s")
    stored = [numpy_helper.from_array(codes, "w"), step, numpy_helper.from_array(codes.dtype.type(zero), "w_z")]
    nodes = [
        *first,
        helper.make_node("DequantizeLinear", ["w", "w_s", "w_z"], ["weight"]),
        helper.make_node("MatMul", ["d", "weight"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        *last,
    ]
    stored.append(numpy_helper.from_array(np.full(4, bias, np.float32), "b"))
    return onnx.load(str(save(tmp_path, nodes, [*constants, *more, *stored])))


def test_weights_with_a_zero_point_become_float_and_it_is_said(tmp_path: Path) -> None:
    """Signed codes with a zero point have no grid in LiteRT; unsigned ones around 128 do."""
    codes = np.random.default_rng(0).integers(0, 255, (6, 4)).astype(np.uint8)
    odd, even = (rewritten(weighted(tmp_path, codes, zero, 0.0)) for zero in (100, 128))
    assert [node.op_type for node in odd.model.graph.node].count("Weight") == 0
    assert any("'w' has a zero point" in sentence for sentence in odd.differences)
    assert [node.op_type for node in even.model.graph.node].count("FullyConnected") == 1
    assert even.differences == ()


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("grid_behind", [False, True])
def test_a_product_without_a_grid_behind_is_told_as_float(tmp_path: Path, grid_behind: bool, bounded: bool) -> None:
    """LiteRT's integer kernels give codes; a bias and a bound may lie in front of the grid."""
    model = weighted(tmp_path, np.ones((6, 4), np.int8), 0, 1.0)
    nodes = {node.output[0]: node for node in model.graph.node}
    if bounded:
        model.graph.node.insert(
            list(model.graph.node).index(nodes["sum"]) + 1, helper.make_node("Relu", ["sum"], ["r"])
        )
        nodes["y_q"].input[0] = "r"
    if not grid_behind:
        for name in ("y_q", "y"):
            model.graph.node.remove(nodes[name])
        model.graph.node.append(helper.make_node("Sigmoid", ["r" if bounded else "sum"], ["y"]))
    said = [each for each in rewritten(model).differences if "is computed in float" in each]
    assert bool(said) is not grid_behind


@pytest.mark.parametrize(("bias", "taken"), [(1.0, True), (100.0, False)])
def test_a_bias_is_taken_into_its_layer_unless_it_overflows(tmp_path: Path, bias: float, taken: bool) -> None:
    """At steps of 0.02 * 1e-6 a bias of 1 fits into int32 and one of 100 does not."""
    codes = np.random.default_rng(0).integers(-127, 128, (6, 4)).astype(np.int8)
    ops = [node.op_type for node in rewritten(weighted(tmp_path, codes, 0, bias)).model.graph.node]
    assert ("Add" not in ops) == taken


@pytest.mark.parametrize("missing", ["ai_edge_litert", "litert_torch"])
def test_without_its_packages_it_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime and the converter are both needed."""
    monkeypatch.setattr(backend_module, "find_spec", lambda name: None if name == missing else object())
    state = LiteRt().availability()
    assert not state.available
    assert missing.replace("_", "-") in (state.reason or "")
    assert state.enable == "pip install 'qexplorer[litert]'"


@needs_litert
def test_asking_whether_it_is_here_loads_nothing() -> None:
    """Pages ask often: neither the converter nor the interpreter is imported for it."""
    code = (
        "import sys; from qexplorer.run.litert.backend import LiteRt; LiteRt().availability();"
        "print([m for m in ('torch', 'jax', 'litert_torch', 'ai_edge_litert', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
