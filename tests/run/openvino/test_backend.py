"""What OpenVINO is set to, how it names what it runs, and what it refuses."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qexplorer as qx
from qexplorer.core.errors import BackendError
from qexplorer.measure.judging import judge_variant
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.variant import quantized_variant, subject_of
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.openvino import backend as backend_module
from qexplorer.run.openvino.backend import OPENVINO_CPU, OPENVINO_GPU, OpenVinoSession
from qexplorer.run.openvino.graph import half_precision, read_graph, sentence
from qexplorer.run.protocol import KernelKind, Mode, SessionOptions
from tests.measure.models import make_cnn, samples

HERE = OPENVINO_CPU.availability().available
SAMPLES = {"digits_cnn": "digits", "glyphs_mobilenet": "glyphs", "tumour_mlp": "tumour"}

needs_openvino = pytest.mark.skipif(not HERE, reason="openvino is not installed")


def session_of(path: Path, threads: int = 1) -> OpenVinoSession:
    """A session, with its own type."""
    session = OPENVINO_CPU.load(path, SessionOptions(threads=threads))
    assert isinstance(session, OpenVinoSession)
    return session


def images(n: int) -> dict[str, np.ndarray]:
    """``n`` digits."""
    inputs = next(iter(qx.data("digits").evaluation.inputs.values()))
    return {"image": np.ascontiguousarray(inputs[:n])}


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize("name", SAMPLES)
def test_samples_pass_the_gate_with_integer_kernels(name: str, tmp_path: Path) -> None:
    """Every trained sample, quantized, answers as the simulation at all batch sizes, and multiplies integers only."""
    model, data = qx.load(name), qx.data(SAMPLES[name])
    subject = subject_of(model, data, 64)
    found = judge_variant(
        quantized_variant(qx.quantize(model, "w8a8")), "openvino", subject, keep_samples(tmp_path, subject.inputs)
    )
    assert (found.failed, found.refused) == (None, None)
    assert found.kernels is not None
    assert not found.kernels.float
    assert found.kernels.integer
    assert found.fidelity is not None
    assert found.fidelity.argmax_agreement == 1


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
def test_all_convolutions_of_resnet18_are_integer() -> None:
    """20 of 20."""
    kernels = session_of(qx.quantize(qx.load("resnet18"), "w8a8").path).kernels()
    assert kernels.integer["Convolution"] == 20
    assert not kernels.float


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize(
    ("recipe", "weights"),
    [
        ("w2", "int4"),
        ("w4", "int4"),
        ("w4-asym", "int4"),
        ("w4-b32", "int4"),
        ("w8", "int8"),
        ("name: u4\nweights: {format: uint4, symmetric: false, granularity: channel}", "uint4"),
        ("name: u8\nweights: {format: uint8, symmetric: false, granularity: channel}", "uint8"),
    ],
)
def test_linear_layers_read_packed_weights(recipe: str, weights: str) -> None:
    """Weights alone, in 4 or 8 bits, reach the kernels as codes, transposed or not; answers are the simulation's."""
    made = qx.quantize(qx.load("tumour_mlp"), recipe)
    feeds = {"measurements": next(iter(qx.data("tumour").evaluation.inputs.values()))[:8]}
    session = session_of(made.path)
    found = session.run(feeds)[0]
    assert session.kernels().float == {f"FullyConnected ({weights} weights)": 3}
    (compiled,) = session._compiled.values()
    facts = [op.get_rt_info() for op in compiled.get_runtime_model().get_ops()]
    computed = [fact["runtimePrecision"].value for fact in facts if fact["layerType"].value == "FullyConnected"]
    assert computed == [weights.replace("int", "i").replace("ui", "u")] * 3
    expected = OnnxRuntimeCpu().load(made.path, SessionOptions(Mode.SIMULATED)).run(feeds)[0]
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize(
    ("recipe", "kind"),
    [("w8a8", KernelKind.INTEGER), ("w4-b32", KernelKind.FLOAT), ("w8", KernelKind.FLOAT), ("bf16", KernelKind.FLOAT)],
)
def test_the_profile_covers_every_layer_once(recipe: str, kind: KernelKind) -> None:
    """Each convolution and linear layer is computed by exactly one kernel, with a time; pairs are no layers."""
    made = qx.quantize(qx.load("digits_cnn"), recipe)
    nodes = {node.name: node.op_type for node in onnx.load(str(made.path)).graph.node}
    found = session_of(made.path).profile(images(8), 3)
    computed = [layer for kernel in found for layer in kernel.layers]
    assert {nodes[layer] for layer in computed} & {"QuantizeLinear", "DequantizeLinear"} == set()
    products = [name for name, op in nodes.items() if op in ("Conv", "Gemm")]
    assert [computed.count(name) for name in products] == [1] * len(products)
    assert all(kernel.ms is not None and kernel.ms >= 0 for kernel in found)
    assert {kernel.kind for kernel in found if set(kernel.layers) & set(products)} == {kind}


@needs_openvino
def test_float32_stays_float32(tmp_path: Path) -> None:
    """Nothing is computed in bfloat16 behind a float32 graph's back, nor quantized at run time, and cores stay free."""
    session = session_of(make_cnn(tmp_path).path, threads=2)
    session.run({"x": samples(2)})
    (compiled,) = session._compiled.values()
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    assert compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE") == 0
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is False


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize(("recipe", "wanted"), [("bf16", "bf16"), ("fp16", "f16"), ("w8a8", None), ("float", None)])
def test_the_graph_says_which_float_it_wants(recipe: str, wanted: str | None) -> None:
    """Half precision is asked for where every product reads half-precision values, and only then."""
    model = qx.load("digits_cnn")
    path = model.path if recipe == "float" else qx.quantize(model, recipe).path
    assert half_precision(read_graph(path)) == wanted


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
def test_one_layer_in_bf16_leaves_the_others_in_float32() -> None:
    """The hint holds for a whole graph, so a mixed one is not given it."""
    recipe = "name: mixed\nlayers:\n  - {match: 'block1*', weights: {format: bf16}, activations: {format: bf16}}"
    made = qx.quantize(qx.load("digits_cnn"), recipe)
    casts = [node for node in onnx.load(str(made.path)).graph.node if node.op_type == "Cast"]
    assert casts
    assert half_precision(read_graph(made.path)) is None


@needs_openvino
@pytest.mark.usefixtures("shared_workspace")
def test_half_precision_is_not_swapped_for_another() -> None:
    """A fp16 graph is computed in fp16 where the processor can and in float32 elsewhere, never in bfloat16."""
    path = qx.quantize(qx.load("digits_cnn"), "fp16").path
    core = backend_module._core()
    hint = session_of(path)._settings["INFERENCE_PRECISION_HINT"]
    assert hint == ("f16" if "FP16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32")


@needs_openvino
def test_every_shape_is_compiled_once_and_few_are_kept(tmp_path: Path) -> None:
    """The same batch size again compiles nothing; of many sizes the latest four stay."""
    session = session_of(make_cnn(tmp_path).path)
    for batch in (1, 8, 8, 32, 9, 3, 1):
        assert session.run({"x": samples(batch)})[0].shape[0] == batch
    assert [shapes[0][0] for shapes in session._compiled] == [32, 9, 3, 1]


@needs_openvino
def test_other_types_and_inputs_are_refused(tmp_path: Path) -> None:
    """OpenVINO would convert doubles and ignore an input too many; here both are errors in one sentence."""
    session = session_of(make_cnn(tmp_path).path)
    with pytest.raises(BackendError, match="of type float64; allowed: float32"):
        session.run({"x": samples(1).astype(np.float64)})
    with pytest.raises(BackendError, match="allowed: 'x'"):
        session.run({"x": samples(1), "y": samples(1)})
    with pytest.raises(BackendError, match=r"has the shape \(1, 4, 8, 8\)"):
        session.run({"x": np.zeros((1, 4, 8, 8), np.float32)})


@needs_openvino
@pytest.mark.parametrize("text", ['<?xml version="1.0"?><net name="x" version="11"></net>', "node { name: 'x' }"])
def test_only_onnx_is_read(tmp_path: Path, text: str) -> None:
    """A file of another format that OpenVINO knows is not let in by the name of an ONNX file."""
    path = tmp_path / "other.onnx"
    path.write_text(text)
    with pytest.raises(BackendError, match=r"other\.onnx: OpenVINO cannot load it"):
        session_of(path)


@needs_openvino
def test_a_node_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    """Blocks that do not divide their axis are refused by the name of what would be unpacked, and why."""
    constants = [
        numpy_helper.from_array(np.ones((6, 2), np.int8), "codes"),
        numpy_helper.from_array(np.ones((2, 2), np.float32), "scale"),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["codes", "scale"], ["unpacked"], axis=0, block_size=4),
        helper.make_node("MatMul", ["x", "unpacked"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in (("x", 6), ("y", 2))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    path = tmp_path / "blocks.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    with pytest.raises(BackendError, match=r"'unpacked' \(DequantizeLinear\): .*block_size \(4\)") as caught:
        session_of(path)
    assert "Summary" not in caught.value.sentence


@needs_openvino
def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    """What OpenVINO cannot convert is in the message, without its source lines."""
    node = helper.make_node("Strange", ["x"], ["y"], "odd", domain="nowhere")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("nowhere", 1)]
    path = tmp_path / "strange.onnx"
    onnx.save(helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), opset_imports=opsets), str(path))
    with pytest.raises(BackendError, match=r"nowhere\.Strange") as caught:
        session_of(path)
    assert ".cpp" not in caught.value.sentence


def test_a_rewriting_that_fails_is_told_with_the_tensor_behind_which_it_does() -> None:
    """Of OpenVINO's own rewriting of quantized graphs its name, the tensor of the file and the reason are told."""
    said = (
        "Exception from src/core/src/pass/graph_rewrite.cpp:298:\n"
        "[VariadicSplitTransformation] END: node: opset1::VariadicSplit VariadicSplit_18869 (opset1::Multiply "
        "gate_out/DequantizeLinear[0]:f32[1,16,1,33], opset1::Constant Constant_18868[0]:i32[]) -> (f32[1,8,1,33]) "
        "CALLBACK HAS THROWN: Check 'TRShape::broadcast_merge_into()' failed at src/eltwise_shape_inference.hpp:26:\n"
        "While validating node 'opset1::Subtract Subtract_27468' with friendly_name 'Subtract_27468':\n"
        "Argument shapes are inconsistent.\n\n\n"
    )
    wanted = "its own VariadicSplitTransformation fails behind 'gate_out': Argument shapes are inconsistent"
    assert sentence(RuntimeError(said)) == wanted


@needs_openvino
def test_shapes_that_cannot_be_fixed_still_run(tmp_path: Path) -> None:
    """A graph whose shape arithmetic depends on values runs with free shapes."""
    nodes = [
        helper.make_node("NonZero", ["x"], ["places"], "places"),
        helper.make_node("Transpose", ["places"], ["y"], "turn", perm=[1, 0]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, ["k", 2])
    path = tmp_path / "places.onnx"
    proto = helper.make_model(
        helper.make_graph(nodes, "g", [x], [y]), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    )
    onnx.save(proto, str(path))
    fed = np.array([[0, 1, 0], [2, 0, 3]], np.float32)
    assert np.array_equal(session_of(path).run({"x": fed})[0], np.argwhere(fed))


@needs_openvino
def test_it_does_not_simulate(tmp_path: Path) -> None:
    """Asked for a simulation, it says who has one."""
    with pytest.raises(BackendError, match="simulate with onnxruntime"):
        OPENVINO_CPU.load(make_cnn(tmp_path).path, SessionOptions(Mode.SIMULATED))


@needs_openvino
@pytest.mark.parametrize("first", ["cpu.import_runtime()", "cpu.load(path, SessionOptions())"])
def test_telemetry_stays_out(tmp_path: Path, first: str) -> None:
    """A process that uses OpenVINO, whatever it does first, never imports the package that would report it."""
    code = f"""
import sys
from pathlib import Path
from qexplorer.run.openvino.backend import OPENVINO_CPU as cpu
from qexplorer.run.protocol import SessionOptions
path = Path({str(make_cnn(tmp_path).path)!r})
{first}
assert "openvino" in sys.modules and sys.modules["openvino_telemetry"] is None
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_a_missing_package_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without openvino, both devices say how to get it, and nothing is imported to find out."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for each in (OPENVINO_CPU, OPENVINO_GPU):
        state = each.availability()
        assert not state.available
        assert state.enable == 'pip install "qexplorer[openvino]"'
