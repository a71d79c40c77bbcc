"""ONNX Runtime's GPU providers as far as they can be checked without a GPU: reasons, options, placement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from onnx import TensorProto, helper

import qexplorer.run.onnxruntime.gpu as gpu
import qexplorer.run.onnxruntime.probe as probe
from qexplorer.core.errors import BackendError, ChildTimeout
from qexplorer.run.nvidia import NO_DRIVER
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.placement import engine_kernels, placed_kernels
from qexplorer.run.protocol import Mode, SessionOptions
from tests.measure.models import make_cnn, quantized, samples

BOTH = [gpu.ONNXRUNTIME_CUDA, gpu.ONNXRUNTIME_TENSORRT]
CPU = "CPUExecutionProvider"


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """No answer is kept from one test to the next."""
    probe.provider_availability.cache_clear()
    yield
    probe.provider_availability.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, *, package: str, driver: bool, answer: Any = None) -> None:
    """Sets what the cheap questions find, and what the child would answer."""
    listed = [CPU] if package == "onnxruntime" else [gpu.TENSORRT, gpu.CUDA, CPU]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    monkeypatch.setattr(onnxruntime, "package_name", package)
    monkeypatch.setattr(probe, "has_driver", lambda: driver)

    def child(*_: Any, **__: Any) -> Any:
        if answer is None:
            pytest.fail("a child was started")
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(probe, "run_in_child", child)


@pytest.mark.parametrize("backend", BOTH, ids=lambda each: each.name)
def test_the_cpu_package_is_the_reason_where_it_is_installed(backend: gpu.OnnxRuntimeGpu, monkeypatch: Any) -> None:
    """The command swaps the package, since both share a folder; a missing GPU is said beside it."""
    pretend(monkeypatch, package="onnxruntime", driver=True)
    state = backend.availability()
    assert state.reason == "the installed onnxruntime is the CPU package"
    assert state.enable == "pip uninstall -y onnxruntime && pip install onnxruntime-gpu"
    probe.provider_availability.cache_clear()
    pretend(monkeypatch, package="onnxruntime", driver=False)
    assert backend.availability().reason == f"the installed onnxruntime is the CPU package, and {NO_DRIVER}"


@pytest.mark.parametrize("backend", BOTH, ids=lambda each: each.name)
def test_a_listed_provider_without_a_driver_is_refused_at_once(backend: gpu.OnnxRuntimeGpu, monkeypatch: Any) -> None:
    """The GPU package lists its providers everywhere; without a driver no session is tried."""
    pretend(monkeypatch, package="onnxruntime-gpu", driver=False)
    assert (backend.availability().reason, backend.availability().enable) == (NO_DRIVER, None)


def test_a_silent_fall_back_is_told_with_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session without the provider makes it unavailable, with the loader's sentence and a command."""
    answer = {"runs": False, "reason": "libcublasLt.so.13: no such file", "enable": "pip install it"}
    pretend(monkeypatch, package="onnxruntime-gpu", driver=True, answer=answer)
    state = gpu.ONNXRUNTIME_CUDA.availability()
    assert not state.available
    assert "falls back to the CPU (libcublasLt.so.13" in (state.reason or "")
    assert state.enable == "pip install it"


def test_a_probe_that_hangs_or_crashes_makes_it_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's end is a reason, not an error of the page that asked."""
    pretend(monkeypatch, package="onnxruntime-gpu", driver=True, answer=ChildTimeout("it took too long"))
    assert "it took too long" in (gpu.ONNXRUNTIME_CUDA.availability().reason or "")


def test_the_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is tried once for the life of the program."""
    pretend(monkeypatch, package="onnxruntime-gpu", driver=True, answer={"runs": True, "reason": None, "enable": None})
    assert gpu.ONNXRUNTIME_CUDA.availability().available
    pretend(monkeypatch, package="onnxruntime-gpu", driver=True)
    assert gpu.ONNXRUNTIME_CUDA.availability().available


def test_the_probe_sees_a_fall_back_with_its_own_eyes() -> None:
    """Run for real: a session that asks for a provider that is not there has only the CPU, and the probe says so."""
    if gpu.CUDA in onnxruntime.get_available_providers():
        pytest.skip("the GPU package is installed")
    found = probe.probe({"provider": gpu.CUDA}, lambda _: None)
    assert not found["runs"]
    assert probe.probe({"provider": CPU}, lambda _: None)["runs"]


def test_loading_where_it_is_missing_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error of loading is the reason and the command."""
    pretend(monkeypatch, package="onnxruntime", driver=True)
    with pytest.raises(BackendError, match="CPU package") as caught:
        gpu.ONNXRUNTIME_CUDA.load(tmp_path / "model.onnx", SessionOptions())
    assert "pip install onnxruntime-gpu" in caught.value.sentence


def test_simulation_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It declares no simulation and does not pass native answers off as one."""
    pretend(monkeypatch, package="onnxruntime-gpu", driver=True, answer={"runs": True, "reason": None, "enable": None})
    assert not gpu.ONNXRUNTIME_CUDA.capabilities.simulates
    with pytest.raises(BackendError, match="does not simulate"):
        gpu.ONNXRUNTIME_CUDA.load(tmp_path / "model.onnx", SessionOptions(Mode.SIMULATED))


def test_a_session_that_fell_back_is_refused(tmp_path: Path) -> None:
    """Even if a provider was found before, a session that ended on the CPU is no GPU session."""
    if gpu.CUDA in onnxruntime.get_available_providers():
        pytest.skip("the GPU package is installed")
    with pytest.raises(BackendError, match="fell back"):
        gpu.OnnxRuntimeGpuSession(make_cnn(tmp_path).path, SessionOptions(), gpu.CUDA)


def graph_of(*nodes: Any, kind: int = TensorProto.FLOAT) -> Any:
    """A graph of ``nodes`` with an input of type ``kind``."""
    return helper.make_graph(list(nodes), "g", [helper.make_tensor_value_info("x", kind, [1])], [])


def test_tensorrt_gets_the_precisions_that_the_graph_has(tmp_path: Path) -> None:
    """int8 for quantizers, fp16 and bf16 for their types, nothing on its own account; engines are kept."""
    plain = gpu.tensorrt_options(graph_of(helper.make_node("Relu", ["x"], ["y"])), tmp_path)
    names = ("trt_int8_enable", "trt_fp16_enable", "trt_bf16_enable")
    assert [plain[name] for name in names] == ["False"] * 3
    assert (plain["trt_engine_cache_enable"], plain["trt_engine_cache_path"]) == ("True", str(tmp_path))
    nodes = [helper.make_node("QuantizeLinear", ["x", "s"], ["q"]), helper.make_node("Cast", ["x"], ["h"], to=10)]
    mixed = gpu.tensorrt_options(graph_of(*nodes), tmp_path)
    assert [mixed[name] for name in names] == ["True", "True", "False"]
    assert gpu.tensorrt_options(graph_of(kind=TensorProto.BFLOAT16), tmp_path)["trt_bf16_enable"] == "True"


def test_what_a_provider_does_not_take_goes_to_the_next(tmp_path: Path) -> None:
    """TensorRT before CUDA before the processor, float32 without TF32; engines are kept for the file's content."""
    path, cuda = make_cnn(tmp_path).path, (gpu.CUDA, {"device_id": "0", "use_tf32": "0"})
    assert gpu._providers(path, gpu.CUDA) == [cuda, CPU]
    first, *rest = gpu._providers(path, gpu.TENSORRT)
    assert rest == [cuda, CPU]
    (name, options), copy = first, tmp_path / "copy.onnx"
    assert name == gpu.TENSORRT
    copy.write_bytes(path.read_bytes())
    assert gpu._providers(copy, gpu.TENSORRT)[0] == first
    other = gpu._providers(quantized(make_cnn(tmp_path), tmp_path).path, gpu.TENSORRT)[0][1]
    assert other["trt_engine_cache_path"] != options["trt_engine_cache_path"]  # type: ignore[index]
    copy.write_bytes(b"no model")
    assert gpu._providers(copy, gpu.TENSORRT) == [cuda, CPU]


def test_kernels_on_another_provider_say_so() -> None:
    """A fused kernel is found by the name that it kept, an inserted copy belongs to nobody else."""
    optimized = helper.make_model(
        graph_of(
            helper.make_node("MemcpyFromHost", ["x"], ["m"], "Memcpy"),
            helper.make_node("FusedConv", ["m"], ["c"], "fused conv", domain="com.microsoft"),
            helper.make_node("NonZero", ["c"], ["n"], "places"),
        )
    )
    placed = [("CUDAExecutionProvider", "conv", "Conv"), (CPU, "places", "NonZero")]
    found = placed_kernels(optimized, placed, gpu.CUDA)
    assert found.float == {"FusedConv": 1, "NonZero (on CPU)": 1}
    assert found.other == {"MemcpyFromHost": 1}


def test_an_engine_is_neither_integer_nor_float() -> None:
    """What ONNX Runtime does not tell is not guessed; nodes left out of the engine are named with their place."""
    placed = [(gpu.TENSORRT, "a", "Conv"), (gpu.TENSORRT, "b", "Relu"), (gpu.CUDA, "c", "NonMaxSuppression")]
    found = engine_kernels(placed, gpu.TENSORRT)
    assert found.other == {"nodes in a TensorRT engine (types unknown)": 2}
    assert found.float == {"NonMaxSuppression (on CUDA)": 1}
    assert found.integer == {}


def test_a_session_asks_onnx_runtime_where_its_nodes_went(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU provider in the GPU's place: the same kernels as the CPU backend, and a profile without times."""
    model = make_cnn(tmp_path)
    path = quantized(model, tmp_path).path
    monkeypatch.setattr(gpu, "_providers", lambda *_: [CPU])
    session = gpu.OnnxRuntimeGpuSession(path, SessionOptions(), CPU)
    assert session.kernels() == OnnxRuntimeCpu().load(path, SessionOptions()).kernels()
    assert session._placement()
    profile = session.profile({"x": samples(1)}, 2)
    assert profile
    assert all(kernel.ms is None for kernel in profile)
