"""PyTorch's compiler as a backend: what it lowers, what it compiles, and what happens where it cannot.

Compiling takes many seconds for each file and shape. The contract tests compile in their own process and keep what they
compiled (``inductor_here.py``); one small graph is compiled here as the app does it, in a child process.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import qexplorer as qx
from qexplorer.core.errors import BackendError
from qexplorer.core.files import write_sealed
from qexplorer.process.limits import Limits
from qexplorer.run.protocol import KernelKind, Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.run.torch_inductor import TORCH_INDUCTOR, compiling
from qexplorer.run.torch_inductor.compiled_kernels import kind_of
from qexplorer.run.torch_inductor.lower import LoweredGraph
from qexplorer.torchgraph.graph import graph_of, read_model
from tests.measure.models import make_cnn, quantized, samples, save, step_of
from tests.run import inductor_here
from tests.run.layers_as_written import AS_WRITTEN
from tests.run.qdq_layers import codes, grid, one_layer

HERE = TORCH_INDUCTOR.availability().available
needs_compiler = pytest.mark.skipif(not HERE, reason=str(TORCH_INDUCTOR.availability().reason))
BATCH = 8
"""A size that the contract tests compile, too."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small CNN lies, float and quantized."""
    made = tmp_path_factory.mktemp("cnn")
    quantized(make_cnn(made), made)
    return made


@pytest.fixture
def kept(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is shared with the contract tests; compiling happens in this process."""
    shared = inductor_here.kept_folder(tmp_path_factory)
    inductor_here.keep(shared, monkeypatch)
    return shared


def _share_cache(workspace_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What PyTorch tries out of the processor takes seconds: it is kept for all that compile in a child."""
    cache = inductor_here.kept_folder(tmp_path_factory) / "inductor" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (workspace_folder / "inductor").mkdir(parents=True)
    (workspace_folder / "inductor" / "cache").symlink_to(cache)


@needs_compiler
def test_a_child_compiles_and_another_session_finds_it(
    tmp_path: Path, workspace_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In the app nothing is loaded beforehand: a child compiles, and what it made is kept in the workspace."""
    _share_cache(workspace_folder, tmp_path_factory)
    info = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Add", ["x", "x"], ["y"], "twice")]
    ends = [info("x", onnx.TensorProto.FLOAT, ["n", 3])], [info("y", onnx.TensorProto.FLOAT, ["n", 3])]
    path = save(tmp_path, onnx.helper.make_graph(nodes, "twice", *ends), "twice").path
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    session = TORCH_INDUCTOR.load(path, SessionOptions())
    assert np.array_equal(session.run(feeds)[0], 2 * feeds["x"])
    (told,) = workspace_folder.glob("inductor/*/told.json")
    before = told.stat().st_mtime_ns
    again = TORCH_INDUCTOR.load(path, SessionOptions())
    assert np.array_equal(again.call(feeds)()[0], 2 * feeds["x"])  # type: ignore[index]
    assert [each.stat().st_mtime_ns for each in workspace_folder.glob("inductor/*/told.json")] == [before]
    assert list(again.output_names) == ["y"]


@needs_compiler
def test_a_quantized_graph_runs_on_int8_products_within_a_step(folder: Path, kept: Path) -> None:  # noqa: ARG001
    """Both convolutions and the linear layer become oneDNN's int8 kernels, and only the sum and the mean are float."""
    path, feeds = folder / "cnn-w8a8.onnx", {"x": samples(BATCH)}
    session = TORCH_INDUCTOR.load(path, SessionOptions())
    (found,) = session.run(feeds)
    (expected,) = reference().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    assert np.abs(found - expected).max() <= 1.001 * step_of(path, "y")
    kernels = session.kernels()
    assert sum(kernels.integer.values()) == 3
    assert set(kernels.float) <= {"add", "mean"}


@needs_compiler
def test_a_dynamic_convolution_compiles_and_is_exact(
    tmp_path: Path,
    workspace_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its sums of codes are taken in float64, for which oneDNN has no convolution. A child compiles it, as in the app:
    PyTorch reads once in a process whether it packs weights."""
    _share_cache(workspace_folder, tmp_path_factory)
    node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        node("ConvInteger", ["q", "w", "zero"], ["sums"], "conv", kernel_shape=[3, 3]),
        node("Cast", ["sums"], ["wide"], to=onnx.TensorProto.FLOAT),
        node("Mul", ["wide", "scale"], ["y"]),
    ]
    codes = np.random.default_rng(0).integers(-127, 128, (4, 1, 3, 3)).astype(np.int8)
    ends = [info("x", onnx.TensorProto.FLOAT, ["n", 1, 8, 8])], [info("y", onnx.TensorProto.FLOAT, ["n", 4, 6, 6])]
    graph = onnx.helper.make_graph(nodes, "dynamic", *ends, [onnx.numpy_helper.from_array(codes, "w")])
    path = save(tmp_path, graph, "dynamic").path
    feeds = {"x": np.random.default_rng(1).normal(size=(2, 1, 8, 8)).astype(np.float32)}
    (found,) = TORCH_INDUCTOR.load(path, SessionOptions()).run(feeds)
    (expected,) = reference().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    assert np.allclose(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-sym", "w8a8-tensor", "w4a8-asym", "w8a8-dynamic", "w8a16", "w4-b32"])
@pytest.mark.parametrize("name", ["digits_cnn", "tumour_mlp"])
def test_the_lowered_graph_is_the_simulation(name: str, recipe: str, shared_workspace: Path) -> None:  # noqa: ARG001
    """Before it is compiled, the lowered module answers as ONNX Runtime's simulation does."""
    path = qx.quantize(name, recipe).path
    (array,) = qx.data("digits" if name == "digits_cnn" else "tumour").evaluation.inputs.values()
    feed = np.ascontiguousarray(array[:8])
    with torch.no_grad():
        (found,) = LoweredGraph(graph_of(read_model(path)))(torch.from_numpy(feed))
    session = reference().load(path, SessionOptions(Mode.SIMULATED))
    (expected,) = session.run({qx.load(name).inputs[0].name: feed})
    step = np.abs(np.diff(np.unique(expected))).min()
    allowed = 1.001 * step if "dynamic" not in recipe and recipe not in ("w8a16", "w4-b32") else 1e-3
    assert np.abs(found.numpy() - expected).max() <= allowed


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_layers_of_another_kind_are_lowered_as_written(name: str, tmp_path: Path) -> None:
    """Factors, a turned input, scales that differ within a sum, a moved bias: the lowered graph has them all."""
    path, _, feeds = AS_WRITTEN[name](tmp_path)
    with torch.no_grad():
        (found,) = LoweredGraph(graph_of(read_model(path)))(torch.from_numpy(feeds["x"]))
    (expected,) = reference().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    assert np.abs(found.numpy().astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(("pads", "auto_pad"), [([1, 0, 2, 1], ""), ([0, 1, 1, 1], ""), ([], "SAME_UPPER")])
def test_a_convolution_that_is_padded_unevenly_is_lowered_as_written(
    pads: list[int], auto_pad: str, tmp_path: Path
) -> None:
    """PyTorch's own pads both ends alike."""
    rng = np.random.default_rng(3)
    x, w = codes(rng, "uint8", (1, 3, 6, 6)), codes(rng, "int8", (4, 3, 2, 2))
    inputs = {"x": (x, grid(rng, "uint8"), None), "w": (w, grid(rng, "int8", 4, symmetric=True), 0)}
    y_grid = (np.asarray(2.0, np.float32), np.asarray(128, np.uint8))
    path = one_layer(tmp_path, "Conv", inputs, y_grid, **({"pads": pads} if pads else {"auto_pad": auto_pad}))
    with torch.no_grad():
        (found,) = LoweredGraph(graph_of(read_model(path)))(torch.from_numpy(x))
    (expected,) = reference().load(path, SessionOptions(Mode.SIMULATED)).run({"x": x})
    assert found.shape == expected.shape
    assert np.abs(found.numpy().astype(int) - expected.astype(int)).max() <= 1


def test_what_was_compiled_is_found_for_the_very_same_alone(
    tmp_path: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file, shape, element type, number of threads, version of torch or processor is compiled anew; and so is
    what was damaged."""
    compiled: list[Path] = []

    def compile_(_: Path, shapes: object, threads: int, made: Path) -> None:
        compiled.append(made)
        made.mkdir(parents=True, exist_ok=True)
        (made / "model.pt2").write_bytes(b"package")
        told = {"targets": [f"{shapes} {threads}"], "sha256": hashlib.sha256(b"package").hexdigest()}
        write_sealed(made / "told.json", json.dumps(told).encode())

    monkeypatch.setattr(compiling, "_compile", compile_)
    path, shapes = tmp_path / "m.onnx", (("float32", (1, 3)),)

    def found(digest: str = "d", shapes: compiling.Shapes = shapes, threads: int = 1) -> Path:
        return compiling.compiled_for(path, digest, shapes, threads).package

    first = found()
    assert first == found() == compiled[0] / "model.pt2"
    found(digest="another")
    found(shapes=(("float32", (8, 3)),))
    found(shapes=(("float16", (1, 3)),))
    found(threads=2)
    for home, name, other in (
        (compiling, "_processor", lambda: "another"),
        (compiling.importlib.metadata, "version", lambda _: "9.9"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(home, name, other)
            found()
    assert len(set(compiled)) == len(compiled) == 7
    first.write_bytes(b"damaged")
    assert found() == first
    assert len(compiled) == 8
    assert compiled[-1].is_relative_to(workspace_folder)


def test_signed_activations_are_lowered_to_unsigned_codes(shared_workspace: Path) -> None:  # noqa: ARG001
    """OneDNN's convolutions take uint8 alone: int8 codes are moved up by 128 with their zero point, weights are not."""
    graph = graph_of(read_model(qx.quantize("digits_cnn", "w8a8-sym").path))
    exported = torch.export.export(LoweredGraph(graph), (torch.zeros(1, 1, 32, 32),))
    told = [node for node in exported.graph.nodes if "quantize_per_tensor" in str(node.target)]
    assert len(told) > 20
    assert {node.args[5] for node in told} == {torch.uint8}
    weights = [node for node in exported.graph.nodes if "dequantize_per_channel" in str(node.target)]
    assert {node.args[6] for node in weights} == {torch.int8}


def test_codes_that_somebody_sees_keep_their_type(folder: Path) -> None:
    """Codes that are an output stay int8, and the layer behind them still gives the same answer."""
    path = quantized(make_cnn(folder, name="signed"), folder, signed=True).path
    model = onnx.load(str(path))
    codes = next(node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear")
    model.graph.output.append(onnx.helper.make_tensor_value_info(codes, onnx.TensorProto.INT8, None))
    feed = samples(3)
    with torch.no_grad():
        plain, shown = (LoweredGraph(graph_of(m))(torch.from_numpy(feed)) for m in (onnx.load(str(path)), model))
    assert shown[1].dtype == torch.int8
    assert torch.equal(plain[0], shown[0])


def test_without_a_compiler_it_says_so_and_how_to_get_one(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The reason names the compiler that was sought; loading raises it."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    state = TORCH_INDUCTOR.availability()
    assert not state.available
    assert "'no-such-compiler' is not on this machine" in str(state.reason)
    with pytest.raises(BackendError, match="no-such-compiler"):
        TORCH_INDUCTOR.load(folder / "cnn.onnx", SessionOptions())


@needs_compiler
def test_it_does_not_simulate(folder: Path) -> None:
    """Asked for a simulation it says which backend has one."""
    assert not TORCH_INDUCTOR.capabilities.simulates
    with pytest.raises(BackendError, match="use torch"):
        TORCH_INDUCTOR.load(folder / "cnn.onnx", SessionOptions(Mode.SIMULATED))


@needs_compiler
def test_inputs_that_do_not_fit_are_refused_before_compiling(folder: Path, workspace_folder: Path) -> None:
    """A wrong shape, a wrong type and a missing input raise, and nothing is compiled for them."""
    session = TORCH_INDUCTOR.load(folder / "cnn.onnx", SessionOptions())
    for feeds in ({}, {"x": np.zeros((1, 4, 8, 8), np.float32)}, {"x": np.zeros((1, 3, 8, 8), np.float64)}):
        with pytest.raises(BackendError, match=r"cnn\.onnx: "):
            session.run(feeds)
    assert not list(workspace_folder.glob("inductor/*"))


@needs_compiler
def test_a_compiler_that_hangs_is_ended_and_told(
    folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its time is up the child is ended, the error is one sentence, and nothing half made is left."""
    monkeypatch.setattr(compiling, "_LIMITS", Limits(wall_s=0.3))
    session = TORCH_INDUCTOR.load(folder / "cnn.onnx", SessionOptions())
    with pytest.raises(BackendError, match=r"cnn\.onnx: compiling it failed: the work took longer"):
        session.run({"x": samples(BATCH)})
    assert not [path for path in workspace_folder.glob("inductor/*") if path.name != "cache"]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" * 50])
def test_a_file_that_is_no_model_is_a_backend_error(tmp_path: Path, content: bytes) -> None:
    """The error names the file and no folder of this machine."""
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(BackendError, match=r"^broken\.onnx: ") as caught:
        TORCH_INDUCTOR.load(tmp_path / "broken.onnx", SessionOptions())
    assert str(tmp_path) not in caught.value.sentence


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("onednn.qconv_pointwise.default", ("qconv_pointwise", KernelKind.INTEGER)),
        ("onednn.qlinear_pointwise.binary", ("qlinear_pointwise", KernelKind.INTEGER)),
        ("onednn.qconv_prepack.default", ("qconv_prepack", KernelKind.MOVES)),
        ("quantized_decomposed.quantize_per_tensor.default", ("quantize_per_tensor", KernelKind.CONVERTS)),
        ("mkldnn._convolution_pointwise.default", ("_convolution_pointwise", KernelKind.FLOAT)),
        ("aten.add.Tensor", ("add", KernelKind.FLOAT)),
        ("aten.reshape.default", ("reshape", KernelKind.MOVES)),
        ("<built-in function getitem>", ("getitem", KernelKind.MOVES)),
    ],
)
def test_only_quantized_products_count_as_integer(target: str, expected: tuple[str, KernelKind]) -> None:
    """Names of the compiler's graph are sorted by what they compute on."""
    assert kind_of(target) == expected


@needs_compiler
def test_convolutions_along_one_axis_may_be_added_to_what_is_as_long(tmp_path: Path) -> None:
    """PyTorch takes its integer kernel's output for longer than it is there; as a plane it runs on integers."""
    random = np.random.default_rng(0)
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    constants = {
        "w": random.integers(-127, 128, (8, 8, 3)).astype(np.int8),
        "ws": np.full(8, 0.01, np.float32),
        "wz": np.zeros(8, np.int8),
        "s": np.array(0.03, np.float32),
        "z": np.array(128, np.uint8),
        "shift": random.normal(size=(8, 9)).astype(np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "d"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], "wd", axis=0),
        helper.make_node("Conv", ["d", "wd"], ["c"], "conv", pads=[1, 1]),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"], "cq"),
        helper.make_node("DequantizeLinear", ["cq", "s", "z"], ["cd"], "cd"),
        helper.make_node("Add", ["cd", "x"], ["y"], "sum"),
        helper.make_node("Conv", ["d", "wd"], ["e"], "strided", strides=[2]),
        helper.make_node("QuantizeLinear", ["e", "s", "z"], ["eq"], "eq"),
        helper.make_node("DequantizeLinear", ["eq", "s", "z"], ["ed"], "ed"),
        helper.make_node("Add", ["ed", "shift"], ["half"], "shifted"),
    ]
    x, y, half = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 8, length])
        for name, length in (("x", 20), ("y", 20), ("half", 9))
    )
    ends = [[x], [y, half]]
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    path = save(tmp_path, helper.make_graph(nodes, "residual", *ends, stored), "residual").path
    feeds = {"x": random.normal(size=(2, 8, 20)).astype(np.float32)}
    session = TORCH_INDUCTOR.load(path, SessionOptions())
    expected = reference().load(path, SessionOptions(Mode.SIMULATED)).run(feeds)
    for found, simulated in zip(session.run(feeds), expected, strict=True):
        assert np.abs(found - simulated).max() <= 0.0301
    assert session.kernels().integer == {"qconv_pointwise": 2}
