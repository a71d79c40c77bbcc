"""What a TensorRT session asks of an engine, and when: of an engine that is made up, without a GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import KernelKind
from qexplorer.run.tensorrt import engine, session
from qexplorer.run.tensorrt.graph import for_tensorrt
from qexplorer.run.tensorrt.session import TensorRtSession
from tests.run.tensorrt.made_up import FakeTensorRt, FakeTorch

X = np.arange(-6, 6, dtype=np.float32).reshape(4, 3)


def _file(folder: Path, kind: int = TensorProto.FLOAT) -> Path:
    """From ``x`` to ``y`` and ``z``, with a quantizer's name among its nodes."""
    nodes = [
        helper.make_node("Relu" if kind == TensorProto.FLOAT else "Identity", ["x"], ["y"], "relu"),
        helper.make_node("Add", ["y", "x"], ["z"], "sum"),
        helper.make_node("QuantizeLinear", ["c", "s", "p"], ["codes"], "q"),
    ]
    ports = [helper.make_tensor_value_info(name, kind, ["n", 3]) for name in "xyz"]
    stored = {"c": np.float32(1), "s": np.float32(1), "p": np.int8(0)}
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], kept)
    path = folder / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a session with a made-up TensorRT, which is given back beside it."""

    def loaded(kind: int = TensorProto.FLOAT, **settings: Any) -> tuple[TensorRtSession, FakeTensorRt]:
        trt = FakeTensorRt(**settings)
        monkeypatch.setitem(sys.modules, "tensorrt", trt)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "made up")
        monkeypatch.setattr(torch.cuda, "Stream", lambda: SimpleNamespace(cuda_stream=5, synchronize=lambda: None))
        asked: list[tuple[str, str]] = []

        def plan(path: Path, gpu: str, capability: str) -> bytes:
            asked.append((gpu, capability))
            return path.read_bytes()

        monkeypatch.setattr(session, "engine_for", plan)
        found = TensorRtSession(_file(tmp_path, kind))
        assert asked == [("made up", "9.0")]
        found._torch = FakeTorch(torch)
        return found, trt

    return loaded


def test_answers_come_in_the_order_of_the_file(load: Any) -> None:
    """Whatever the batch; what lies on the GPU is looked at as an array."""
    found, _ = load()
    assert list(found.output_names) == ["y", "z"]
    for rows in (1, 4, 2, 1):
        y, z = found.run({"x": X[:rows]})
        np.testing.assert_array_equal(y, np.maximum(X[:rows], 0))
        np.testing.assert_array_equal(z, np.maximum(X[:rows], 0) + X[:rows])
    column_by_column = np.asfortranarray(X)
    np.testing.assert_array_equal(found.run({"x": column_by_column})[1], np.maximum(X, 0) + X)
    assert found.notes == ("built without TF32: float32 is computed as such",)


@pytest.mark.parametrize(("profiles", "asked"), [(2, [0, 1]), (1, [0])])
def test_single_samples_have_a_profile_of_their_own(load: Any, profiles: int, asked: list[int]) -> None:
    """Each context is made once, when it is first asked for; an engine of fixed shapes has one."""
    found, trt = load(profiles=profiles)
    for rows in (1, 4, 1, 2):
        found.run({"x": X[:rows]})
    assert [value for what, value in trt.log if what == "profile"] == asked


def test_buffers_are_bound_anew_only_after_another_call(load: Any) -> None:
    """A call that is timed again and again binds once."""
    found, trt = load()

    def bound() -> int:
        return sum(what == "bind" for what, _ in trt.log)

    first, second = found.call({"x": X[:2]}), found.call({"x": X[2:]})
    assert bound() == 0
    first()
    first()
    assert bound() == 3
    np.testing.assert_array_equal(second()[0], np.maximum(X[2:], 0))
    assert bound() == 6
    np.testing.assert_array_equal(first()[0], np.maximum(X[:2], 0))
    assert bound() == 9


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({}, "its input 'x' is missing"),
        ({"x": X.astype(np.float64)}, "its input 'x' is torch.float32, not torch.float64"),
        ({"x": X[:, :2]}, r"its input 'x' has no shape \(4, 2\)"),
    ],
)
def test_what_an_engine_does_not_take_is_refused(load: Any, feeds: dict[str, Any], said: str) -> None:
    """By name, before anything runs."""
    found, _ = load()
    with pytest.raises(BackendError, match=f"m.onnx: {said}"):
        found.run(feeds)


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        ("engine", "cannot load the engine that it built"),
        ("context", "cannot make a context"),
        ("profile", "cannot make a context"),
        ("shape", "the shape of its output 'y' depends on values"),
        ("run", "cannot run the engine"),
    ],
)
def test_what_fails_is_said(load: Any, breaks: str, said: str) -> None:
    """In one sentence about the file."""
    with pytest.raises(BackendError, match=f"m.onnx: .*{said}"):
        load(breaks=breaks)[0].run({"x": X})


def test_a_type_that_torch_cannot_hold_is_refused(load: Any) -> None:
    """What this TensorRT calls otherwise, or does not have."""
    found, _ = load(TensorProto.INT64)
    np.testing.assert_array_equal(found.run({"x": X.astype(np.int64)})[0], X.astype(np.int64))
    with pytest.raises(BackendError, match=r"'x' has a type that cannot be held here \(DOUBLE\)"):
        load(TensorProto.DOUBLE)[0].run({"x": X.astype(np.float64)})


def test_layers_have_the_median_of_the_runs_that_count(load: Any) -> None:
    """The first two warm up; quantizers are no layers; afterwards nothing is profiled."""
    found, trt = load()
    one, two = found.profile({"x": X}, 3)
    assert (one.name, one.ms, one.layers, one.kind) == ("one", 4.0, ("relu",), KernelKind.FLOAT)
    assert (two.name, two.ms, two.layers) == ("two", 1.0, ())
    before = len(trt.log)
    found.run({"x": X})
    assert [what for what, _ in trt.log[before:]] == ["profile", "bind", "bind", "bind"]
    assert found.kernels().float == {"Convolution": 2}


def test_profiles_of_an_engine_are_those_of_its_free_batch() -> None:
    """One for single samples, one for many; none where all is fixed, and none for what is not free."""

    class Builder:
        """Notes shapes."""

        def create_optimization_profile(self) -> Any:
            """A dictionary of them."""
            shapes: dict[str, Any] = {}
            return SimpleNamespace(shapes=shapes, set_shape=lambda name, *three: shapes.update({name: three}))

    def added(*ports: tuple[str, list[int | str]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        config = SimpleNamespace(add_optimization_profile=lambda profile: found.append(profile.shapes))
        inputs = [helper.make_tensor_value_info(name, 1, shape) for name, shape in ports]
        engine._add_profiles(Builder(), config, helper.make_model(helper.make_graph([], "g", inputs, [])))
        return found

    single, many = added(("x", ["n", 3]), ("t", [2, 2]))
    assert single == {"x": ((1, 3), (1, 3), (1, 3))}
    low, best, high = many["x"]
    assert low[0] == 2, "what the single one does not take"
    assert low < best < high
    assert added(("t", [2, 2])) == []


@pytest.mark.parametrize(("known", "flags"), [((), 0), (("EXPLICIT_BATCH",), 1), (("STRONGLY_TYPED",), 8)])
def test_a_network_has_the_flags_that_its_version_knows(known: tuple[str, ...], flags: int) -> None:
    """Each is a bit."""
    bits = {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 3}
    trt = SimpleNamespace(NetworkDefinitionCreationFlag=SimpleNamespace(**{name: bits[name] for name in known}))
    assert engine._network_flags(trt) == flags


RNG = np.random.default_rng(0)
CODES = RNG.integers(-8, 8, (4, 6)).astype(np.int8)


@pytest.mark.parametrize(
    ("codes", "scale", "zero", "settings", "folded"),
    [
        (CODES, [0.5], None, {}, False),
        (CODES, [-0.5], None, {}, True),
        (CODES, [0.5, -0.5, 1, 2, 3, 4], [0] * 6, {}, True),
        (CODES, [-1, 2, 3, 4], None, {"axis": 0}, True),
        (CODES, [1, 2, 3, -4], None, {"axis": -2}, True),
        (CODES, np.arange(-6, 6).reshape(4, 3) + 0.5, None, {"axis": 1, "block_size": 2}, True),
        (CODES.astype(np.int32), [0.5], None, {}, True),
        (CODES.astype(np.int32)[0], [1, 2, 3, 4, 5, 6], None, {"axis": 0}, True),
        (CODES.astype(np.int32)[0], [1, 2, 3, 4, 5, 6], None, {}, True),
        (CODES.astype(np.int32)[0, 0], 0.25, None, {}, True),
    ],
)
def test_constants_that_tensorrt_does_not_take_are_the_floats_that_they_stand_for(
    codes: Any, scale: Any, zero: Any, settings: dict[str, int], folded: bool
) -> None:
    """Of 32 bits, or of a scale below zero: as the operator's reference computes them, along any axis."""
    from onnx.reference import ReferenceEvaluator

    stored = {"w": np.asarray(codes), "s": np.asarray(scale, np.float32)}
    stored |= {} if zero is None else {"z": np.asarray(zero, np.int8)}
    nodes = [helper.make_node("DequantizeLinear", list(stored), ["d"], "pair", **settings)]
    nodes += [helper.make_node("Add", ["d", "x"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    kept = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], kept))
    model.opset_import[0].version = 21
    feeds = {"x": np.zeros((), np.float32)}
    fixed = {} if np.ndim(codes) > 1 or not settings else {"axis": 0}
    reference = onnx.ModelProto()
    reference.CopyFrom(model)
    if np.ndim(codes) == 1 and not fixed:  # along its only axis, whatever the default says
        reference.graph.node[0].attribute.append(helper.make_attribute("axis", 0))
    expected = ReferenceEvaluator(reference).run(None, feeds)[0]
    ready = for_tensorrt(model, "m")
    assert (len(ready.graph.node) == 1) == folded
    np.testing.assert_array_equal(ReferenceEvaluator(ready).run(None, feeds)[0], expected)


@pytest.mark.parametrize(
    ("zero", "taken"),
    [(np.int8([0, 0]), True), (np.int8([0, 1]), False), (np.uint8(0), False), (np.uint16(0), False), (None, True)],
)
@pytest.mark.parametrize("op", ["QuantizeLinear", "DequantizeLinear", "Clip"])
def test_unsigned_codes_and_zero_points_are_refused(zero: Any, taken: bool, op: str) -> None:
    """In either half of a pair; what another operator reads there is no zero point."""
    stored = {"s": np.float32([1, 1])} | ({} if zero is None else {"z": zero})
    node = helper.make_node(op, ["x", *stored], ["y"], "pair")
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:], kept))
    if taken or op == "Clip":
        assert len(for_tensorrt(model, "m").graph.node) == 1
        return
    with pytest.raises(BackendError, match="signed codes with zero point 0 only, and 'pair' has others"):
        for_tensorrt(model, "m")
