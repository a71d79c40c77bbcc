"""What every backend that can be used here must do, whichever it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from qexplorer.core.dataset import Split
from qexplorer.core.errors import BackendError
from qexplorer.core.model import Model, TensorInfo
from qexplorer.measure.effort import BATCHES
from qexplorer.measure.fidelity.gate import differences
from qexplorer.measure.variant import Variant
from qexplorer.run.protocol import Backend, Mode, SessionOptions
from qexplorer.run.registry import reference
from tests.contract.here import HERE
from tests.contract.one_graph import Found, in_one_graph
from tests.measure.models import CLASSES, make_cnn, samples, save
from tests.quantized_cases import array, quantized_cases
from tests.run.whole_split import run_all

NEWEST_IR, NEWEST_OPSET = 11, 25
FLOAT_BATCH = 1
"""At which the float graph runs everywhere here, so that who compiles for each shape does so once; files that insist on
a batch of 4 are held to it."""
MOST_COMPILED = 8
"""The largest batch of integers for who compiles for each shape; the compiler's own tests share it."""
KNOWN_WRONG: dict[str, frozenset[str]] = {
    # Values that lie on the very boundary of two codes get the other one: OpenVINO 2026.4 scales in another order.
    "openvino": frozenset(
        {"test_dynamicquantizelinear", "test_dynamicquantizelinear_expanded", "test_quantizelinear_uint16"}
    ),
}
"""Cases that a backend is known to answer otherwise, each with its reason."""
LEAST_CASES = {"tensorrt": 1}  # signed 8-bit codes with zero point 0 only, which few cases have
"""How many of onnx's 45 cases with quantized operators a backend runs at least, where that is not 27. A backend that
converts graphs into another format may run fewer: its page says what it takes."""
ONE_GRAPH = {
    "torch-inductor": frozenset(
        {
            *("test_dequantizelinear_e4m3fn", "test_dequantizelinear_e4m3fn_float16"),
            *("test_dequantizelinear_e4m3fn_zero_point", "test_dequantizelinear_e5m2"),
            *("test_dequantizelinear_float4e2m1", "test_quantizelinear_e4m3fn"),
            *("test_quantizelinear_e5m2", "test_quantizelinear_float4e2m1"),
        }
    ),
    "litert": frozenset(
        {
            *("test_convinteger_without_padding", "test_convinteger_with_padding", "test_matmulinteger"),
            *("test_dequantizelinear_float4e2m1", "test_dequantizelinear_uint16", "test_quantizelinear_e4m3fn"),
            *("test_quantizelinear_e5m2", "test_quantizelinear_float4e2m1", "test_quantizelinear_uint16"),
        }
    ),
}
"""Backends that take seconds for each graph, with the cases that they may refuse: all others are put into one."""
LEAST_INTEGER = {
    "tensorrt": 2,  # it fuses across layers and may pool in float
    "onnxruntime-tensorrt": 0,  # ONNX Runtime does not tell the types inside an engine
    "torch-inductor": 2,  # the sum is a compiled loop, and so is a product of one row with at most 16 x 16 weights
}
"""How many kernels of the small CNN are integer at least, where that is not 4 and nothing beside them in float."""

pytestmark = pytest.mark.parametrize("backend", HERE, ids=[backend.name for backend in HERE])


def compiles_each_shape(backend: Backend) -> bool:
    """Whether every batch size costs it seconds: it gets no more of them than show what differs."""
    prepares = backend.capabilities.prepares
    return prepares is not None and prepares.each_shape


@pytest.fixture
def int8(backend: Backend, variants: dict[bool, Variant]) -> Variant:
    """That of the two which the backend declares: TensorRT has no unsigned codes."""
    return variants[backend.capabilities.activation_formats == {"int8"}]


def test_float_answers_are_those_of_the_onnx_reference(backend: Backend, model: Model) -> None:
    """A float graph answers as onnx's reference evaluator does, to 1e-5 of the largest answer."""
    (expected,) = ReferenceEvaluator(str(model.path)).run(None, {"x": samples(10)})
    (found,) = run_all(backend.load(model.path, SessionOptions()), model, Split({"x": samples(10)}), batch=FLOAT_BATCH)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("batch", BATCHES)
def test_integers_are_within_a_step_of_the_simulation(
    backend: Backend, model: Model, int8: Variant, batch: int
) -> None:
    """At every batch size that is used, native answers differ from the simulation's by at most one step."""
    if batch > MOST_COMPILED and compiles_each_shape(backend):
        pytest.skip("a batch and a single sample are compiled already, and take seconds each")
    split = Split({"x": samples(64)})
    found = run_all(backend.load(int8.path, SessionOptions(Mode.NATIVE)), model, split, batch=batch)
    simulator = reference().load(int8.path, SessionOptions(Mode.SIMULATED))
    expected = run_all(simulator, model, split, batch=batch)
    result = differences(found, expected, ["y"], int8.output_scales, batch=batch, n=64)
    assert result.wrong is None
    assert result.max_lsb is not None
    assert result.max_lsb <= 1


def test_kernels_of_a_quantized_graph_are_integer_and_of_a_float_graph_are_not(
    backend: Backend, model: Model, int8: Variant
) -> None:
    """The listed kernels tell native execution of a quantized graph from float execution.

    A backend that declares no format of activations has no integer kernels, and lists none.
    """
    native = backend.load(int8.path, SessionOptions(Mode.NATIVE)).kernels()
    plain = backend.load(model.path, SessionOptions()).kernels()
    integer = sum(native.integer.values())
    if not backend.capabilities.activation_formats:
        assert integer == 0
    else:
        assert integer >= LEAST_INTEGER.get(backend.name, 4)
        assert not native.float or backend.name in LEAST_INTEGER
    assert not plain.integer
    assert sum(plain.float.values()) >= 4 or LEAST_INTEGER.get(backend.name) == 0


def test_simulation_runs_no_integer_kernel(backend: Backend, int8: Variant) -> None:
    """A backend that says that it simulates computes in float between the quantizers."""
    if not backend.capabilities.simulates:
        pytest.skip("it does not simulate")
    kernels = backend.load(int8.path, SessionOptions(Mode.SIMULATED)).kernels()
    assert not kernels.integer
    assert kernels.other["QuantizeLinear"] >= 4


@pytest.mark.parametrize("fixed", [1, 4])
def test_a_fixed_batch_answers_as_a_free_one(backend: Backend, model: Model, tmp_path: Path, fixed: int) -> None:
    """Ten samples through a file that insists on its batch give the answers of one that does not."""
    if fixed == FLOAT_BATCH and compiles_each_shape(backend):
        pytest.skip("compiled for this shape, both files are the same program")
    insisting = make_cnn(tmp_path, batch=fixed)
    split = Split({"": samples(10)})
    (expected,) = run_all(backend.load(model.path, SessionOptions()), model, split, batch=FLOAT_BATCH)
    (found,) = run_all(backend.load(insisting.path, SessionOptions()), insisting, split, batch=32)
    assert found.shape == (10, CLASSES)
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)


def several(folder: Path) -> Model:
    """Two inputs, one of them integers; three outputs, one of them a scalar for the whole batch."""
    nodes = [
        helper.make_node("Cast", ["b"], ["bf"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Add", ["a", "bf"], ["sum"], "add"),
        helper.make_node("ReduceMax", ["a"], ["most"], "most", keepdims=0),
        helper.make_node("ArgMax", ["a"], ["place"], "place", axis=1, keepdims=0),
    ]
    info = helper.make_tensor_value_info
    inputs = [info("a", TensorProto.FLOAT, ["n", 3]), info("b", TensorProto.INT64, ["n", 3])]
    outputs = [
        info("sum", TensorProto.FLOAT, ["n", 3]),
        info("most", TensorProto.FLOAT, []),
        info("place", TensorProto.INT64, ["n"]),
    ]
    return save(folder, helper.make_graph(nodes, "several", inputs, outputs), "several")


def test_several_inputs_and_outputs_keep_their_names_and_order(backend: Backend, tmp_path: Path) -> None:
    """Outputs come in the model's order, row by row; one without rows comes once for each batch."""
    n = 4 if compiles_each_shape(backend) else 5  # or else the last batch is a smaller one
    a = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    b = np.arange(3 * n).reshape(n, 3)
    model = several(tmp_path)
    session = backend.load(model.path, SessionOptions())
    total, most, place = run_all(session, model, Split({"b": b, "a": a}), batch=2)
    assert list(session.output_names) == ["sum", "most", "place"]
    assert np.allclose(total, a + b)
    assert np.array_equal(most, [a[i : i + 2].max() for i in range(0, n, 2)])
    assert np.array_equal(place, a.argmax(axis=1))


def stateful(folder: Path) -> Model:
    """A sum beside a state, which has no batch in front, and a factor that is a single number."""
    nodes = [
        helper.make_node("ReduceSum", ["state", "front"], ["layers"], "layers", keepdims=0),
        helper.make_node("Add", ["x", "layers"], ["sum"], "add"),
        helper.make_node("Mul", ["sum", "factor"], ["y"], "scale"),
        helper.make_node("Add", ["state", "x"], ["next"], "next"),
    ]
    info = helper.make_tensor_value_info
    inputs = [
        info("x", TensorProto.FLOAT, [1, 3]),
        info("state", TensorProto.FLOAT, [2, 1, 3]),
        info("factor", TensorProto.FLOAT, []),
    ]
    outputs = [info("y", TensorProto.FLOAT, [1, 3]), info("next", TensorProto.FLOAT, [2, 1, 3])]
    stored = [onnx.numpy_helper.from_array(np.array([0]), "front")]
    model = save(folder, helper.make_graph(nodes, "stateful", inputs, outputs, stored), "stateful")
    return dataclasses.replace(model, inputs=(model.inputs[0], *(_alone(each) for each in model.inputs[1:])))


def _alone(info: TensorInfo) -> TensorInfo:
    return dataclasses.replace(info, alone=True)


def test_inputs_without_a_batch_get_that_of_each_sample(backend: Backend, tmp_path: Path) -> None:
    """A sample has an axis of one in front; what the file takes without it gets it without, timed calls too."""
    random = np.random.default_rng(0)
    x, state = random.normal(size=(4, 3)).astype(np.float32), random.normal(size=(4, 2, 1, 3)).astype(np.float32)
    factor = np.arange(1, 5, dtype=np.float32)
    model = stateful(tmp_path)
    session, given = backend.load(model.path, SessionOptions()), {"x": x, "state": state, "factor": factor}
    y, later = run_all(session, model, Split(given), batch=32)
    assert np.allclose(y, (x + state.sum(axis=(1, 2))) * factor[:, None], atol=1e-5)
    assert np.allclose(later, (state + x[:, None, None]).reshape(4, -1), atol=1e-6)
    timed: Any = session.call({name: array[2:3] for name, array in given.items()})()
    assert np.allclose(np.asarray(timed[0]), y[2], atol=1e-6)


def test_the_timed_call_computes_what_run_computes(backend: Backend, model: Model) -> None:
    """What is timed is the real work: it returns the same answers."""
    session = backend.load(model.path, SessionOptions())
    feeds = {"x": samples(1)}
    timed: Any = session.call(feeds)()
    assert np.array_equal(np.asarray(timed[0]), session.run(feeds)[0])


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x0a" * 50])
def test_a_file_that_is_no_model_is_a_backend_error(backend: Backend, tmp_path: Path, content: bytes) -> None:
    """The error is one sentence that names the file and no folder of this machine."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(BackendError) as caught:
        backend.load(path, SessionOptions())
    assert caught.value.sentence.startswith("broken.onnx: ")
    assert str(tmp_path) not in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_a_missing_file_is_a_backend_error(backend: Backend, tmp_path: Path) -> None:
    """A path that leads nowhere is told as such, not as a crash."""
    with pytest.raises(BackendError, match=r"gone\.onnx"):
        backend.load(tmp_path / "gone.onnx", SessionOptions())


def test_inputs_that_do_not_fit_are_a_backend_error(backend: Backend, model: Model) -> None:
    """A wrong shape and a missing input raise, and the session goes on working."""
    session = backend.load(model.path, SessionOptions())
    for feeds in ({"x": np.zeros((1, 4, 8, 8), np.float32)}, {}):
        with pytest.raises(BackendError):
            session.run(feeds)
    assert session.run({"x": samples(1)})[0].shape == (1, CLASSES)


def older(model: onnx.ModelProto) -> None:
    """Stamps a case with versions that runtimes take; the newer ones change nothing that these cases use."""
    model.ir_version = min(model.ir_version, NEWEST_IR)
    for used in model.opset_import:
        used.version = min(used.version, NEWEST_OPSET)


def one_by_one(backend: Backend, mode: Mode, folder: Path, chosen: Mapping[str, Any]) -> Found:
    """The answers of every case that the backend runs, each from a file of its own."""
    found: Found = {}
    for name, case in chosen.items():
        path = folder / f"{name}.onnx"
        older(case.model)
        onnx.save(case.model, str(path))
        names = [value.name for value in case.model.graph.input]
        try:
            feeds = dict(zip(names, map(array, case.data_sets[0][0]), strict=True))
            found[name] = backend.load(path, SessionOptions(mode)).run(feeds)
        except BackendError:
            continue
    return found


def together(backend: Backend, mode: Mode, folder: Path) -> Found:
    """The same with one file for all cases but those that the backend may refuse."""
    may_refuse = ONE_GRAPH[backend.name]
    apart = {name: case for name, case in quantized_cases().items() if name in may_refuse}
    rest = {name: case for name, case in quantized_cases().items() if name not in may_refuse}

    def run(path: Path, feeds: dict[str, Any]) -> list[Any]:
        return backend.load(path, SessionOptions(mode)).run(feeds)

    found = in_one_graph(rest, folder / "cases.onnx", NEWEST_OPSET, run, array)
    return found | one_by_one(backend, mode, folder, apart)


@pytest.mark.parametrize("mode", list(Mode))
def test_onnx_cases_that_run_are_met_exactly(backend: Backend, tmp_path: Path, mode: Mode) -> None:
    """Of onnx's 45 cases with quantized operators at least 27 run, and all but the known ones give the very answer."""
    if mode is Mode.SIMULATED and not backend.capabilities.simulates:
        pytest.skip("it does not simulate")
    if backend.name in ONE_GRAPH:
        answers = together(backend, mode, tmp_path)
    else:
        answers = one_by_one(backend, mode, tmp_path, quantized_cases())
    wrong = set()
    for name, found in answers.items():
        expected = quantized_cases()[name].data_sets[0][1]
        if not all(np.array_equal(a, array(b)) for a, b in zip(found, expected, strict=True)):
            wrong.add(name)
    assert wrong == KNOWN_WRONG.get(backend.name, frozenset())
    assert len(answers) >= LEAST_CASES.get(backend.name, 27)


def test_capabilities_name_registered_formats(backend: Backend) -> None:
    """What a backend declares is said in words that recipes use."""
    from qexplorer.core.formats import FORMATS

    declared = dataclasses.asdict(backend.capabilities)
    assert declared["weight_formats"] | declared["activation_formats"] <= set(FORMATS.names())
    assert declared["device"] in ("cpu", "gpu")
