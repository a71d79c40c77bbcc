"""What ONNX Runtime is asked for, and which kernels that brings for each kind of quantization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.kernels import kernels_of
from qexplorer.run.onnxruntime.session import settings_of
from qexplorer.run.protocol import Mode, Session, SessionOptions
from tests.measure.models import make_cnn, quantized, samples
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of

K, N = 64, 16
HEAVY = {"Conv", "FusedConv", "QLinearConv", "Gemm", "FusedGemm", "QGemm", "MatMul", "QLinearMatMul"}


def entry(options: SessionOptions, name: str) -> str | None:
    """One setting as ONNX Runtime gives it back."""
    try:
        return str(settings_of(options).get_session_config_entry(name))
    except RuntimeError:  # the setting was not made
        return None


def test_exact_products_are_asked_for_only_where_they_are_wanted() -> None:
    """The switch reaches ONNX Runtime's settings, and is off otherwise."""
    name = "session.x64quantprecision"
    assert entry(SessionOptions(exact_products=True), name) == "1"
    assert entry(SessionOptions(), name) is None


def test_threads_are_those_of_an_operator() -> None:
    """Operators run one after the other, and nothing is told to terminals."""
    found = settings_of(SessionOptions(threads=3))
    assert (found.intra_op_num_threads, found.inter_op_num_threads, found.log_severity_level) == (3, 1, 4)


def test_exact_products_do_not_change_what_runs_or_comes_out(tmp_path: Path) -> None:
    """Where no product saturates, the switch changes neither kernels nor answers by more than a step."""
    variant = quantized(make_cnn(tmp_path), tmp_path)
    plain, exact = (OnnxRuntimeCpu().load(variant.path, SessionOptions(exact_products=on)) for on in (False, True))
    feeds = {"x": samples(4) / 8}
    step = variant.output_scales["y"]
    assert np.abs(exact.run(feeds)[0] - plain.run(feeds)[0]).max() <= step * 1.001
    assert sum(exact.kernels().integer.values()) >= 4


@pytest.mark.usefixtures("shared_workspace")
def test_exact_products_of_a_shared_weight_are_refused_in_one_sentence() -> None:
    """ONNX Runtime makes the weight unsigned once for each layer, and gives up at the second; without, it loads."""
    b = Builder(1)
    weight = b.normal(16, 16)
    h = b.node("Tanh", b.node("MatMul", b.input("x", ("n", 16)), weight))
    b.output(b.node("MatMul", h, weight), 2)
    made = quantize_model(model_of(b.model(), "twice"), Recipe.parse("w8a8-dynamic"), None)
    assert OnnxRuntimeCpu().load(made.path, SessionOptions()).kernels().integer
    with pytest.raises(BackendError, match=r"x64quantprecision=1, because two layers share a weight$") as caught:
        OnnxRuntimeCpu().load(made.path, SessionOptions(exact_products=True))
    assert "Attempt" not in caught.value.sentence


def test_what_else_cannot_be_loaded_is_said_as_it_is(tmp_path: Path) -> None:
    """Whatever was asked for: only two layers that share a weight are a matter of exact products."""
    (tmp_path / "m.onnx").write_bytes(b"no model")
    for exact in (False, True):
        with pytest.raises(BackendError, match=r"^m\.onnx: ONNX Runtime cannot load it \("):
            OnnxRuntimeCpu().load(tmp_path / "m.onnx", SessionOptions(exact_products=exact))


def test_simulation_and_exact_weight_only_arithmetic_are_settings() -> None:
    """Simulated sessions disable fusion; every session asks MatMulNBits for float arithmetic."""
    assert entry(SessionOptions(Mode.SIMULATED), "session.disable_quant_qdq") == "1"
    assert entry(SessionOptions(), "session.disable_quant_qdq") is None
    assert entry(SessionOptions(), "session.qdq_matmulnbits_accuracy_level") == "0"


def weight_only(folder: Path, bits: int, *, gemm: bool) -> Path:
    """One linear layer with packed weights of ``bits`` bits in blocks of 32; int2 exists since opset 25."""
    rng = np.random.default_rng(bits)
    kind = TensorProto.INT4 if bits == 4 else TensorProto.INT2
    codes = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (K, N))
    constants = [
        helper.make_tensor("w", kind, codes.shape, codes.ravel().tolist()),
        numpy_helper.from_array(rng.uniform(0.01, 0.1, (K // 32, N)).astype(np.float32), "s"),
        numpy_helper.from_array(rng.normal(size=N).astype(np.float32), "b"),
    ]
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["wf"], "dq", axis=0, block_size=32)]
    if gemm:
        nodes.append(helper.make_node("Gemm", ["x", "wf", "b"], ["y"], "layer"))
    else:
        nodes += [helper.make_node("MatMul", ["x", "wf"], ["p"], "layer"), helper.make_node("Add", ["p", "b"], ["y"])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", k]) for n, k in (("x", K), ("y", N)))
    opset, ir = (21, 10) if bits == 4 else (25, 13)
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    path = folder / f"w{bits}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir), str(path))
    return path


def both(path: Path) -> tuple[Session, Session]:
    """The graph natively and simulated."""
    native, simulated = (OnnxRuntimeCpu().load(path, SessionOptions(mode)) for mode in (Mode.NATIVE, Mode.SIMULATED))
    return native, simulated


@pytest.mark.parametrize("gemm", [True, False])
@pytest.mark.parametrize("bits", [4, 2])
def test_packed_weights_run_as_matmulnbits_with_exact_arithmetic(tmp_path: Path, bits: int, gemm: bool) -> None:
    """int4 and int2 weights reach MatMulNBits, whose answers differ from the simulation by rounding of sums only."""
    native, simulated = both(weight_only(tmp_path, bits, gemm=gemm))
    assert native.kernels().float[f"MatMulNBits (int{bits} weights)"] == 1
    assert "DequantizeLinear" not in native.kernels().other
    x: Array = np.random.default_rng(0).normal(size=(7, K)).astype(np.float32)
    expected = simulated.run({"x": x})[0]
    assert np.abs(native.run({"x": x})[0] - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8, 16])
@pytest.mark.parametrize("sign", ["", "u"])
@pytest.mark.parametrize("graph", ["cnn", "mlp"])
def test_declared_formats_are_those_that_reach_integer_kernels(
    graph: str, sign: str, bits: int, shared_workspace: Path
) -> None:
    """Every integer format, for weights beside uint8 and for activations beside int8: all layers or none."""
    assert shared_workspace.is_dir()
    this, declared = case(graph), OnnxRuntimeCpu.capabilities
    name = f"{sign}int{bits}"
    for weights, activations, formats in (
        (name, "uint8", declared.weight_formats),
        ("int8", name, declared.activation_formats),
    ):
        recipe = Recipe(name="r", weights=WeightSpec(format=weights), activations=ActivationSpec(format=activations))
        path = quantize_model(this.model, recipe, this.statistics).path
        kernels = OnnxRuntimeCpu().load(path, SessionOptions()).kernels()
        heavy = [place for place in (kernels.integer, kernels.float) if any(HEAVY & set(op.split()) for op in place)]
        assert heavy == [kernels.integer if name in formats else kernels.float]


def dynamic(folder: Path, op: str) -> Path:
    """One tensor quantized as it comes, read by two layers ``op`` whose sums are scaled back to float."""
    rng = np.random.default_rng(0)
    conv = op == "ConvInteger"
    shape, given = ((4, 3, 3, 3), ["n", 3, 8, 8]) if conv else ((K, N), ["n", K])
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"], "range")]
    constants = [numpy_helper.from_array(np.int8(0), "wz")]
    for side, scale in (("a", 0.01), ("b", 0.02)):
        constants.append(numpy_helper.from_array(np.float32(scale), f"ws{side}"))
        constants.append(numpy_helper.from_array(rng.integers(-127, 128, shape).astype(np.int8), f"w{side}"))
        nodes += [
            helper.make_node(op, ["q", f"w{side}", "qz", "wz"], [f"i{side}"], f"sums_{side}"),
            helper.make_node("Cast", [f"i{side}"], [f"f{side}"], f"cast_{side}", to=TensorProto.FLOAT),
            helper.make_node("Mul", ["qs", f"ws{side}"], [f"s{side}"], f"scale_{side}"),
            helper.make_node("Mul", [f"f{side}", f"s{side}"], [f"y{side}"], f"back_{side}"),
        ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, given)
    outputs = [helper.make_tensor_value_info(f"y{side}", TensorProto.FLOAT, None) for side in "ab"]
    graph = helper.make_graph(nodes, "g", [x], outputs, constants)
    path = folder / f"{op}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


@pytest.mark.parametrize(
    ("op", "kernel", "shape"),
    [("MatMulInteger", "MatMulIntegerToFloat", (5, K)), ("ConvInteger", "ConvInteger", (5, 3, 8, 8))],
)
def test_dynamic_layers_run_in_integers(tmp_path: Path, op: str, kernel: str, shape: tuple[int, ...]) -> None:
    """A range that two layers share is found once and both compute on its codes, exactly as simulated."""
    native, simulated = both(dynamic(tmp_path, op))
    assert native.kernels().integer == {kernel: 2}
    assert native.kernels().other["DynamicQuantizeLinear"] == 1
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for found, expected in zip(native.run({"x": x}), simulated.run({"x": x}), strict=True):
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def test_kernels_on_half_precision_say_so() -> None:
    """A float kernel behind a Cast to float16 is listed with its type; one behind a Cast back is not."""
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"]),
        helper.make_node("Cast", ["t"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["f"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    found = kernels_of(helper.make_model(helper.make_graph(nodes, "g", [x], [])))
    assert found.float == {"Relu": 1, "Relu (fp16)": 1}
    assert found.other == {"Cast": 2, "Transpose": 1}
