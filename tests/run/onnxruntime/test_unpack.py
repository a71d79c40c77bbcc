"""When ONNX Runtime unpacks stored codes: in every call, or once, by a setting with a name of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.recipe import Recipe
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.onnx_outline import Constant, Outline, OutlineNode, read_outline
from qexplorer.run.onnxruntime import unpack
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu, OnnxRuntimeUnpacked
from qexplorer.run.onnxruntime.session import OnnxRuntimeSession
from qexplorer.run.onnxruntime.unpack import Stored, stored_weights
from qexplorer.run.protocol import Mode, Session, SessionOptions
from tests.quantize.support import case

MIXED = "name: mixed\nweights: {format: int4}\nlayers: [{match: %s, weights: {format: int8}}]\n"


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Statistics and quantized files of these tests are shared."""


def made(graph: str, recipe: str) -> Path:
    """The quantized file of a small graph."""
    one = case(graph)
    return quantize_model(one.model, Recipe.parse(recipe), one.statistics).path


@pytest.mark.parametrize("graph", ["attention", "cnn", "mlp"])
@pytest.mark.parametrize("recipe", ["w8", "w8-b16", "w6", "w16", "w8a16", "w16a16"])
def test_with_the_setting_nothing_is_unpacked_in_a_call(graph: str, recipe: str) -> None:
    """Unpacked once, no constant is dequantized in the graph that runs, and answers are those of simulation."""
    path, feeds = made(graph, recipe), case(graph).feeds
    native = OnnxRuntimeUnpacked().load(path, SessionOptions(Mode.NATIVE))
    simulated = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED))
    kernels = native.kernels()
    assert kernels.other.get("DequantizeLinear", 0) == kernels.other.get("QuantizeLinear", 0)
    assert not any("MatMulNBits" in op for op in kernels.float)
    assert not kernels.integer
    for found, expected in zip(native.run(feeds), simulated.run(feeds), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("graph", "recipe", "expected"),
    [
        ("mlp", "float", False),
        ("mlp", "w8", True),
        ("mlp", "w4", False),
        ("attention", "w4-b16", False),
        ("cnn", "w4", True),
        ("cnn", "w8a8", False),
        ("cnn", "w8a8-sym", False),
        ("cnn", "w8a8-dynamic", False),
        ("cnn", "w8a16", True),
        ("cnn", "fp16", False),
    ],
)
def test_integer_and_packed_kernels_keep_their_codes(graph: str, recipe: str, expected: bool) -> None:
    """Unpacking once would help where most of the weights have no kernel that reads them as they are."""
    path = case(graph).model.path if recipe == "float" else made(graph, recipe)
    assert stored_weights(path).unpacked is expected


def entry(session: Session) -> str | None:
    """The setting that unpacks once, as a session has it."""
    assert isinstance(session, OnnxRuntimeSession)
    try:
        return str(session._settings().get_session_config_entry("session.disable_quant_qdq"))
    except RuntimeError:  # not set
        return None


@pytest.mark.parametrize("recipe", ["w8", "w4-b16", "w8a8", "w8a16"])
@pytest.mark.parametrize("graph", ["mlp", "cnn"])
def test_a_file_runs_as_anyone_would_run_it(graph: str, recipe: str) -> None:
    """The backend's own name has the default session, whatever the file; the setting stands under its own name."""
    path = made(graph, recipe)
    plain, set_ = (runtime.load(path, SessionOptions()) for runtime in (OnnxRuntimeCpu(), OnnxRuntimeUnpacked()))
    assert entry(plain) is None
    assert entry(set_) == ("1" if stored_weights(path).unpacked else None)
    assert OnnxRuntimeUnpacked().label == "ONNX Runtime (weights unpacked)"


@pytest.mark.parametrize("recipe", ["w8", "w8-b16", "w4", "w16"])
@pytest.mark.parametrize("graph", ["attention", "mlp"])
def test_codes_stay_packed_without_the_setting(graph: str, recipe: str) -> None:
    """In a default session weights are read or unpacked in every call, and the answers are the simulation's."""
    path, feeds = made(graph, recipe), case(graph).feeds
    native = OnnxRuntimeCpu().load(path, SessionOptions())
    kernels = native.kernels()
    assert any("MatMulNBits" in op for op in kernels.float) or kernels.other.get("DequantizeLinear", 0)
    simulated = OnnxRuntimeCpu().load(path, SessionOptions(Mode.SIMULATED))
    for found, expected in zip(native.run(feeds), simulated.run(feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_settings_beside_the_defaults_are_told() -> None:
    """Whoever takes the file to ONNX Runtime reads which entries of the session's configuration it ran with."""
    runtime, once = OnnxRuntimeCpu(), OnnxRuntimeUnpacked()
    assert once.load(made("cnn", "w8"), SessionOptions()).notes == (
        "with session.disable_quant_qdq=1, which unpacks weights once and not in every call",
    )
    (said,) = runtime.load(made("cnn", "w8a16"), SessionOptions()).notes[:1]
    assert said.startswith("weights are unpacked in every call; session.disable_quant_qdq=1 would")
    for recipe in ("w4", "w8"):
        assert any("accuracy_level=0" in n for n in runtime.load(made("mlp", recipe), SessionOptions()).notes)
    assert not runtime.load(made("mlp", "w8a8"), SessionOptions()).notes
    exact = runtime.load(made("mlp", "w8a8"), SessionOptions(exact_products=True)).notes
    assert any("session.x64quantprecision=1" in note for note in exact)


@pytest.mark.parametrize(("wide", "expected"), [("op:Gemm", True), ("nothing*", False)])
def test_the_larger_part_of_the_weights_decides(wide: str, expected: bool) -> None:
    """With 4 bits in some layers and 8 in others, what most of the weights gain from is done."""
    found = stored_weights(made("mlp", MIXED % f"'{wide}'"))
    assert found == Stored(unpacked=expected, packed=True)


@pytest.mark.parametrize("recipe", ["w8a8", "w4", "w8a8-dynamic", "fp16"])
@pytest.mark.parametrize("graph", ["attention", "cnn", "mlp"])
def test_an_outline_is_what_the_package_onnx_reads(graph: str, recipe: str) -> None:
    """Nodes, their tensors, and types and sizes of constants are those of the file."""
    path = made(graph, recipe)
    found, proto = read_outline(path), onnx.load(str(path)).graph
    assert found is not None
    assert [(n.op, n.inputs, n.outputs) for n in found.nodes] == [
        (n.op_type, tuple(n.input), tuple(n.output)) for n in proto.node
    ]
    expected = {i.name: (i.data_type, int(np.prod(i.dims, dtype=np.int64))) for i in proto.initializer}
    assert {name: (c.type, c.size) for name, c in found.constants.items()} == expected


@pytest.mark.parametrize(("wide", "unpacked"), [(100, False), (101, True)])
@pytest.mark.parametrize(("activations", "integer"), [(None, False), (3, True), (5, False)])
def test_more_than_half_of_the_weights_must_gain(
    wide: int, unpacked: bool, activations: int | None, integer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 weights of 4 bits that a product reads packed, beside others of 8 bits; none gain beside 8-bit activations,
    16-bit ones change nothing. Products read 8 bits packed only where nothing is integer."""
    nodes = [OutlineNode("DequantizeLinear", (name, "s"), (f"{name}r",)) for name in "pq"]
    nodes += [OutlineNode("MatMul", ("x", "pr"), ("y",)), OutlineNode("Conv", ("x", "qr"), ("z",))]
    constants = {"p": Constant(22, 100), "q": Constant(3, wide)}
    if activations is not None:
        nodes.append(OutlineNode("QuantizeLinear", ("x", "s", "zero"), ("xq",)))
        constants["zero"] = Constant(activations, 1)
    monkeypatch.setattr(unpack, "read_outline", lambda _: Outline(nodes, constants))
    assert stored_weights(Path("m.onnx")) == Stored(unpacked=unpacked and not integer, packed=True)
    constants["p"] = Constant(3, 100)
    assert stored_weights(Path("m.onnx")).packed is not integer


@pytest.mark.parametrize(
    ("op", "reads", "packed"),
    [
        ("MatMul", ("x", "wr"), True),
        ("Gemm", ("x", "wr", "b"), True),
        ("MatMul", ("wr", "x"), False),
        ("Gemm", ("x", "b", "wr"), False),
        ("Conv", ("x", "wr"), False),
    ],
)
def test_products_read_their_second_input_packed(
    op: str, reads: tuple[str, ...], packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other operator does, nor is any other input kept packed."""
    nodes = [OutlineNode("DequantizeLinear", ("w", "s"), ("wr",)), OutlineNode(op, reads, ("y",))]
    monkeypatch.setattr(unpack, "read_outline", lambda _: Outline(nodes, {"w": Constant(22, 100)}))
    assert stored_weights(Path("m.onnx")) == Stored(unpacked=not packed, packed=packed)


def test_an_outline_reaches_into_bodies(tmp_path: Path) -> None:
    """Quantizers in the branch of an If are seen."""
    body = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
        ],
        "body",
        [],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.float32(0.1), "s")],
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)],
        "g",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, []), helper.make_tensor_value_info("x", 1, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph), str(tmp_path / "if.onnx"))
    found = read_outline(tmp_path / "if.onnx")
    assert found is not None
    assert sorted(n.op for n in found.nodes) == ["DequantizeLinear"] * 2 + ["If"] + ["QuantizeLinear"] * 2
    assert stored_weights(tmp_path / "if.onnx") == Stored()


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 40, b"no model at all", b":\x7fcut off", b"\x3a\xff\xff\xff\xff\x0f"]
)
def test_what_is_no_onnx_file_has_no_outline(tmp_path: Path, content: bytes) -> None:
    """Broken files, empty ones and missing ones give no outline, and no error."""
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    assert read_outline(path) is None
    assert read_outline(tmp_path / "missing.onnx") is None
