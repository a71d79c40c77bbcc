"""Signed activations on x86: moved up to unsigned ones, so that ONNX Runtime has integer kernels for all of them."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run import onnxruntime_unsigned
from qexplorer.run.onnx_outline import read_outline
from qexplorer.run.onnxruntime import OnnxRuntimeCpu
from qexplorer.run.onnxruntime_unsigned import signed_constants, unsigned_copy
from qexplorer.run.protocol import Mode, SessionOptions
from tests.quantize.support import case

GRAPHS = ("attention", "cnn", "depthwise", "mlp", "shared")


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics and quantized files of these tests are shared; the processor is an x86 whatever runs them."""
    assert shared_workspace.is_dir()
    monkeypatch.setattr(onnxruntime_unsigned.platform, "machine", lambda: "x86_64")


def made(graph: str, recipe: str) -> Path:
    """The quantized file of a small graph."""
    one = case(graph)
    return quantize_model(one.model, Recipe.parse(recipe), one.statistics).path


def moved(path: Path) -> int:
    """How many constants of the file would be moved."""
    outline = read_outline(path)
    assert outline is not None
    return len(signed_constants(outline))


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("recipe", ["w8a8-sym", "w4a8-sym", "w8a6-sym"])
def test_the_copy_means_the_same(graph: str, recipe: str) -> None:
    """Simulated, the moved file and the given one answer bit for bit alike; the copy is gone afterwards."""
    path, feeds = made(graph, recipe), case(graph).feeds
    options = SessionOptions(Mode.SIMULATED)
    with unsigned_copy(path) as copy:
        assert copy != path
        onnx.checker.check_model(str(copy), full_check=True)
        types = {
            i.data_type for i in onnx.load(str(copy)).graph.initializer if i.name.endswith("zero_point") and not i.dims
        }
        assert types == {onnx.TensorProto.UINT8}
        found = OnnxRuntimeCpu().load(copy, options).run(feeds)
    assert not copy.exists()
    for one, other in zip(found, OnnxRuntimeCpu().load(path, options).run(feeds), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="kernels of another processor")
@pytest.mark.parametrize("graph", GRAPHS)
def test_signed_layers_reach_the_kernels_that_unsigned_ones_do(graph: str) -> None:
    """All that multiplies and adds runs in integers, tensors with several readers too, within a step of simulation."""
    path, one = made(graph, "w8a8-sym"), case(graph)
    native, simulated = (OnnxRuntimeCpu().load(path, SessionOptions(m)) for m in (Mode.NATIVE, Mode.SIMULATED))
    unsigned = OnnxRuntimeCpu().load(made(graph, "w8a8"), SessionOptions()).kernels()
    heavy = {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "Add"}
    assert heavy & set(native.kernels().float) <= heavy & set(unsigned.float)
    assert sum(native.kernels().integer.values()) > 0
    for found, expected in zip(native.run(one.feeds), simulated.run(one.feeds), strict=True):
        assert np.abs(found - expected).max() <= 0.03 * np.abs(expected).max()


@pytest.mark.parametrize("recipe", ["w8a8", "w8", "w8a16", "w8a8-dynamic", "fp16"])
def test_what_is_not_signed_stays_as_it_is(recipe: str) -> None:
    """Files without signed 8-bit activations are opened themselves."""
    path = made("cnn", recipe)
    assert moved(path) == 0
    with unsigned_copy(path) as copy:
        assert copy == path


def test_other_processors_keep_signed_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arm's kernels take signed codes as they are."""
    monkeypatch.setattr(onnxruntime_unsigned.platform, "machine", lambda: "aarch64")
    path = made("cnn", "w8a8-sym")
    with unsigned_copy(path) as copy:
        assert copy == path


def test_codes_that_somebody_reads_stay_signed(tmp_path: Path) -> None:
    """Where codes are an output of the graph their type is what the file says, and so is that of what shares a zero."""
    proto = onnx.load(str(made("cnn", "w8a8-sym")))
    codes = next(node.output[0] for node in proto.graph.node if node.op_type == "QuantizeLinear")
    proto.graph.output.append(onnx.helper.make_tensor_value_info(codes, onnx.TensorProto.INT8, None))
    onnx.save(proto, str(tmp_path / "told.onnx"))
    assert moved(tmp_path / "told.onnx") == 0


def test_a_zero_point_that_a_weight_reads_stays_signed(tmp_path: Path) -> None:
    """A zero point that a weight's DequantizeLinear reads too would move the weight."""
    proto = onnx.load(str(made("cnn", "w8a8-sym")))
    quantizer = next(node for node in proto.graph.node if node.op_type == "QuantizeLinear")
    made_here = {node.output[0] for node in proto.graph.node}
    weight = next(n for n in proto.graph.node if n.op_type == "DequantizeLinear" and n.input[0] not in made_here)
    weight.input[2] = quantizer.input[2]
    onnx.save(proto, str(tmp_path / "shared.onnx"))
    assert moved(tmp_path / "shared.onnx") == 0
