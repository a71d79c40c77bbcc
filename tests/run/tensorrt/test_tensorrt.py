"""What of the TensorRT backend is logic: why it cannot be used, what an engine is kept under, what is read of it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qexplorer.run.tensorrt.backend as backend
from qexplorer.core.errors import BackendError, QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.nvidia import NO_DRIVER
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import KernelKind, Mode, SessionOptions
from qexplorer.run.tensorrt.engine import cache_key, profile_shapes
from qexplorer.run.tensorrt.graph import for_tensorrt, read_graph
from qexplorer.run.tensorrt.layers import executed_layers, kernels_of_layers, read_layers
from tests.quantize.support import case

TENSORRT = backend.TensorRt()


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """No answer is kept from one test to the next."""
    backend._availability.cache_clear()
    yield
    backend._availability.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, *, package: bool, driver: bool) -> None:
    """Sets what the cheap questions find."""
    real = importlib.util.find_spec
    found = importlib.util.spec_from_loader("tensorrt", None) if package else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found if name == "tensorrt" else real(name))
    monkeypatch.setattr(backend, "has_driver", lambda: driver)


def test_without_the_package_it_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason also says when there is no GPU, so that nobody installs it in vain."""
    pretend(monkeypatch, package=False, driver=False)
    state = TENSORRT.availability()
    assert not state.available
    assert state.reason == f"the package tensorrt is not installed, and {NO_DRIVER}"
    assert state.enable == "pip install tensorrt"


def test_without_a_driver_no_child_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package on a machine without a GPU is refused at once, and nothing to install is offered."""
    pretend(monkeypatch, package=True, driver=False)
    monkeypatch.setattr(backend, "run_in_child", lambda *_, **__: pytest.fail("a child was started"))
    assert (TENSORRT.availability().reason, TENSORRT.availability().enable) == (NO_DRIVER, None)


@pytest.mark.parametrize(
    ("found", "reason"),
    [({"runs": True, "reason": None, "enable": None}, None), (QExplorerError("it crashed"), "it crashed")],
)
def test_the_childs_answer_decides(monkeypatch: pytest.MonkeyPatch, found: Any, reason: str | None) -> None:
    """With package and driver, it is available exactly if a small engine gave the right answer in a child."""

    def child(target: str, arguments: dict[str, Any], **_: Any) -> Any:
        assert (target, arguments) == ("qexplorer.run.tensorrt.backend:probe", {})
        if isinstance(found, Exception):
            raise found
        return found

    pretend(monkeypatch, package=True, driver=True)
    monkeypatch.setattr(backend, "run_in_child", child)
    state = TENSORRT.availability()
    assert state.available == (reason is None)
    assert reason is None or reason in (state.reason or "")


def test_loading_where_it_is_missing_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error of loading is the reason and the command, not an ImportError."""
    pretend(monkeypatch, package=False, driver=True)
    with pytest.raises(BackendError, match="tensorrt is not installed") as caught:
        TENSORRT.load(tmp_path / "model.onnx", SessionOptions())
    assert "pip install tensorrt" in caught.value.sentence


def test_simulation_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It declares no simulation and does not pass native answers off as one."""
    pretend(monkeypatch, package=True, driver=True)
    monkeypatch.setattr(backend, "run_in_child", lambda *_, **__: {"runs": True, "reason": None, "enable": None})
    assert not TENSORRT.capabilities.simulates
    with pytest.raises(BackendError, match="does not simulate"):
        TENSORRT.load(tmp_path / "model.onnx", SessionOptions(Mode.SIMULATED))


def test_an_engine_is_kept_under_all_that_it_depends_on() -> None:
    """Another file, version, GPU or capability has another key; the same four have the same."""
    same = ("a" * 64, "10.9.0", "NVIDIA A", "9.0")
    others = [
        ("b" * 64, *same[1:]),
        (same[0], "10.10.0", *same[2:]),
        (*same[:2], "NVIDIA B", "9.0"),
        (*same[:3], "8.9"),
    ]
    keys = [cache_key(*each) for each in (same, *others)]
    assert len(set(keys)) == 5
    assert cache_key(*same) == keys[0]
    assert len(keys[0]) == 24


def test_only_a_free_batch_gets_a_range_of_shapes() -> None:
    """A fixed input needs no profile, a free batch gets three shapes, another free dimension is refused by name."""
    make = helper.make_tensor_value_info
    assert profile_shapes(make("x", TensorProto.FLOAT, [4, 3]), (1, 2, 8)) is None
    assert profile_shapes(make("x", TensorProto.FLOAT, ["n", 3]), (1, 2, 8)) == [(1, 3), (2, 3), (8, 3)]
    with pytest.raises(BackendError, match="'tokens' has free dimensions"):
        profile_shapes(make("tokens", TensorProto.INT64, ["n", "length"]), (1, 2, 8))


def test_biases_become_floats_and_answers_stay_the_same(tmp_path: Path) -> None:
    """Int32 constants behind DequantizeLinear are folded; simulated, the graph answers as before in every bit."""
    this = case("cnn")
    path = quantize_model(this.model, Recipe.parse("w8a8-sym"), this.statistics).path
    folded = for_tensorrt(read_graph(path), "cnn")
    ready = tmp_path / "folded.onnx"
    onnx.save(folded, str(ready))
    types = {item.name: item.data_type for item in folded.graph.initializer}
    read = {types.get(node.input[0]) for node in folded.graph.node if node.op_type == "DequantizeLinear"}
    assert TensorProto.INT32 not in read
    assert len(folded.graph.node) < len(onnx.load(str(path)).graph.node)
    before, after = (
        OnnxRuntimeCpu().load(each, SessionOptions(Mode.SIMULATED)).run(this.feeds)[0] for each in (path, ready)
    )
    assert np.array_equal(before, after)


@pytest.mark.parametrize("recipe", ["w4", "w4-b8", "w4-tensor"])
def test_weights_with_scales_below_zero_become_floats(recipe: str, tmp_path: Path) -> None:
    """TensorRT refuses such scales; simulated, the graph answers as before in every bit."""
    this = case("cnn")
    path = quantize_model(this.model, Recipe.parse(recipe), None).path
    assert any((numpy_helper.to_array(i) < 0).any() for i in onnx.load(path).graph.initializer if "/scale" in i.name)
    folded = for_tensorrt(read_graph(path), "cnn")
    read = {node.input[1] for node in folded.graph.node if node.op_type == "DequantizeLinear"}
    scales = [numpy_helper.to_array(i) for i in folded.graph.initializer if i.name in read]
    assert all((scale > 0).all() for scale in scales)
    onnx.save(folded, str(tmp_path / "folded.onnx"))
    before, after = (
        OnnxRuntimeCpu().load(each, SessionOptions(Mode.SIMULATED)).run(this.feeds)[0]
        for each in (path, tmp_path / "folded.onnx")
    )
    np.testing.assert_allclose(before, after, rtol=1e-5, atol=1e-6)


def test_a_graph_with_zero_points_is_refused_with_the_recipe_that_has_none() -> None:
    """Unsigned activations name the node, and what to do instead."""
    this = case("cnn")
    path = quantize_model(this.model, Recipe.parse("w8a8"), this.statistics).path
    with pytest.raises(BackendError, match="zero point 0 only") as caught:
        for_tensorrt(read_graph(path), "cnn.onnx")
    assert caught.value.sentence.startswith("cnn.onnx: ")
    assert "-sym" in caught.value.sentence


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_a_file_that_is_no_model_is_a_backend_error(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and a broken one are told in one sentence before TensorRT is asked."""
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BackendError, match=r"broken\.onnx"):
        read_graph(path)


def layer(name: str, kind: str, *inputs: str, tactic: str = "", nodes: str = "") -> dict[str, Any]:
    """One layer as the inspector tells it."""
    tensors = [{"Name": f"t{i}", "Format/Datatype": text} for i, text in enumerate(inputs)]
    metadata = "\x1e".join(f"[ONNX Layer: {node}]" for node in nodes.split())
    return {"Name": name, "LayerType": kind, "Inputs": tensors, "TacticName": tactic, "Metadata": metadata}


INSPECTED = json.dumps(
    {
        "Layers": [
            layer("in", "Reformat", "Row major linear FP32", nodes="q1"),
            layer("c", "CaskConvolution", "Thirty-two wide channel vectorized row major Int8", nodes="q1 conv relu"),
            layer("h", "CaskGemmMatrixMultiply", "Row major linear FP16 format", nodes="gemm"),
            layer("f", "CaskConvolution", "Row major linear FP32", nodes="head"),
            layer("k", "kgen", "Int8", tactic="__myl_Add_0x1", nodes="add"),
            layer("i", "kgen", "Int8", tactic="sm80_xmma_i8i8_i8i32", nodes="conv2"),
            layer("m", "NoOp", "Row major linear FP32"),
            "only a name",
        ]
    }
)


def test_layers_are_integer_only_if_the_inspector_says_so() -> None:
    """int8 inputs count for plain layers, inside fused ones only with a tactic that says so; else types are unknown."""
    found = kernels_of_layers(read_layers(INSPECTED))
    assert found.integer == {"CaskConvolution": 1, "kgen": 1}
    assert found.float == {"CaskConvolution": 1, "CaskGemmMatrixMultiply (fp16)": 1}
    assert found.other == {"NoOp": 1, "Reformat": 1, "kgen (types unknown)": 1, "layer (types unknown)": 1}


def test_times_and_nodes_belong_to_layers() -> None:
    """Quantizers are left out, conversions have no nodes, a layer that was not timed has no time."""
    found = {each.name: each for each in executed_layers(read_layers(INSPECTED), {"c": 0.5, "in": 0.1}, {"q1"})}
    assert (found["c"].kind, found["c"].ms, found["c"].layers) == (KernelKind.INTEGER, 0.5, ("conv", "relu"))
    assert (found["in"].kind, found["in"].layers) == (KernelKind.CONVERTS, ())
    assert found["f"].ms is None
    assert found["only a name"].op == "layer (types unknown)"


def test_without_detail_nothing_is_claimed() -> None:
    """An engine whose inspector gives names alone has neither integer nor float kernels."""
    found = kernels_of_layers(read_layers(json.dumps({"Layers": ["a", "b"]})))
    assert (found.integer, found.float, found.other) == ({}, {}, {"layer (types unknown)": 2})
