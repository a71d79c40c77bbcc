"""ONNX Runtime on an NVIDIA GPU: its CUDA and its TensorRT execution provider.

The graph is taken as it is: int8 and half precision where it says so, float32 without TF32 elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import Array
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.core.workspace import sha256_file, workspace
from qexplorer.graph.runtime_errors import runtime_sentence
from qexplorer.run.on_gpu import OnGpu
from qexplorer.run.onnxruntime.probe import load_gpu_libraries, provider_availability
from qexplorer.run.onnxruntime.session import OnnxRuntimeSession, Provider, settings_of
from qexplorer.run.protocol import Availability, Capabilities, Executed, Facts, Mode, Session, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = [
    "CUDA",
    "ONNXRUNTIME_CUDA",
    "ONNXRUNTIME_TENSORRT",
    "TENSORRT",
    "OnnxRuntimeGpu",
    "OnnxRuntimeGpuSession",
    "tensorrt_options",
]

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
_HALVES = {10: "trt_fp16_enable", 16: "trt_bf16_enable"}  # onnx.TensorProto.FLOAT16, BFLOAT16


class OnnxRuntimeGpu:
    """One GPU execution provider of the ``onnxruntime-gpu`` package.

    Args:
        name: short name.
        label: name for people.
        provider: what ONNX Runtime calls it.
        formats: formats of weights and of activations that reach integer kernels.
        facts: what others show and keep of it.
    """

    def __init__(self, name: str, label: str, provider: str, formats: frozenset[str], facts: Facts) -> None:
        self.name, self.label, self.provider, self.facts = name, label, provider, facts
        self.capabilities = Capabilities(
            "gpu", formats, formats, simulates=False, halves=lambda: frozenset({"fp16", "bf16"})
        )

    def availability(self) -> Availability:
        """Whether a session with the provider really uses it (found once)."""
        return provider_availability(self.provider)

    def import_runtime(self) -> None:
        """Imports onnxruntime and the GPU libraries that it uses."""
        load_gpu_libraries(self.provider)

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the ONNX file at ``path``; with TensorRT this builds an engine, which is kept in the workspace.

        Raises:
            BackendError: the provider cannot be used here, the file cannot be loaded, or simulation is asked for.
        """
        state = self.availability()
        if not state.available:
            raise BackendError(state.reason or "not available", where=self.name, do=state.enable)
        if options.mode is Mode.SIMULATED:
            raise BackendError("it does not simulate", where=self.name, do="simulate with onnxruntime")
        load_gpu_libraries(self.provider)
        return OnnxRuntimeGpuSession(path, options, self.provider)


class OnnxRuntimeGpuSession(OnnxRuntimeSession):
    """A model on the GPU; what the provider does not take runs on CUDA, then on the CPU, and is listed so."""

    def __init__(self, path: Path, options: SessionOptions, provider: str) -> None:
        if not path.is_file():
            raise BackendError("there is no such file", where=path.name)
        self._provider = provider
        super().__init__(path, options, _providers(path, provider))
        if provider not in self._session.get_providers():
            raise BackendError(f"the session fell back from {provider} to the CPU", where=path.name)

    @property
    def notes(self) -> tuple[str, ...]:
        """The provider's option that keeps float32 what it is."""
        return ("with use_tf32=0: float32 is computed as such",)

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call with inputs that lie on the GPU already and outputs that stay there until they are looked at.

        What is timed is the computation and waiting for its end, not the copies between host and GPU.
        """
        import onnxruntime

        try:
            binding = self._session.io_binding()
            for name, value in feeds.items():
                binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, "cuda", 0))
            for name in self._names:
                binding.bind_output(name, "cuda", 0)
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(
                f"ONNX Runtime cannot bind them to the GPU ({runtime_sentence(error)})", where=self._path.name
            ) from None
        return functools.partial(_run_bound, self._session, binding)

    def kernels(self) -> Kernels:
        """Kernels of the optimized graph, those that ended on the CPU named so; a TensorRT engine is one unknown.

        ONNX Runtime does not tell the types inside an engine, so that its layers are listed as neither integer nor
        float.
        """
        from qexplorer.run.onnxruntime.placement import engine_kernels, placed_kernels

        placed = self._placement()
        if self._provider == TENSORRT:
            return engine_kernels(placed, TENSORRT)
        return placed_kernels(self._optimized_graph(), placed, self._provider)

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:  # noqa: ARG002
        """The kernels in order, without times: ONNX Runtime's profile sees when they are started, not how long they
        take on the GPU. Empty with TensorRT, whose engine is one piece."""
        import onnx

        from qexplorer.run.onnxruntime.profile import executed

        if self._provider == TENSORRT:
            return ()
        return executed(onnx.load(str(self._path), load_external_data=False), self._optimized_graph(), ())

    def _placement(self) -> list[tuple[str, str, str]]:
        """Provider, name and operator type of every node when the graph was divided; empty in older versions."""
        import onnxruntime

        settings = settings_of(self._options)
        settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        session = self._open(settings)
        if not hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"):
            return []
        parts: Any = session.get_provider_graph_assignment_info()
        return [(part.ep_name, node.name, node.op_type) for part in parts for node in part.get_nodes()]

    def _optimized_graph(self) -> onnx.ModelProto:
        with passing_folder("optimized") as folder:
            return self.optimized(Path(folder), settings_of(self._options))[1]


def _run_bound(session: Any, binding: Any) -> Sequence[Array]:
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    return OnGpu(binding.get_outputs(), lambda value: value.numpy())


def _providers(path: Path, provider: str) -> list[Provider]:
    cuda: Provider = (CUDA, {"device_id": "0", "use_tf32": "0"})
    if provider == CUDA:
        return [cuda, "CPUExecutionProvider"]
    import onnx

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception:  # whatever it holds: the session says what is wrong with it
        return [cuda, "CPUExecutionProvider"]
    cache = workspace("engines", "onnxruntime", sha256_file(path)[:16])
    return [(TENSORRT, tensorrt_options(graph, cache)), cuda, "CPUExecutionProvider"]


def tensorrt_options(graph: onnx.GraphProto, cache: Path) -> dict[str, str]:
    """Options of the TensorRT provider for ``graph``: only the precisions that the graph itself has.

    int8 by QuantizeLinear and DequantizeLinear is explicit quantization: TensorRT takes scales from the graph and needs
    no calibration table.
    """
    types = set(_element_types(graph))
    integer = any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in graph.node)
    return {
        "device_id": "0",
        "trt_int8_enable": str(integer),
        **{name: str(kind in types) for kind, name in _HALVES.items()},
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(cache),
    }


def _element_types(graph: onnx.GraphProto) -> Iterator[int]:
    """Types of constants and of inputs, and those that Casts go to."""
    yield from (item.data_type for item in graph.initializer)
    yield from (value.type.tensor_type.elem_type for value in graph.input)
    for node in graph.node:
        if node.op_type == "Cast":
            yield from (attribute.i for attribute in node.attribute if attribute.name == "to")


_PACKAGES = ("onnxruntime-gpu",)
ONNXRUNTIME_CUDA = OnnxRuntimeGpu(
    "onnxruntime-cuda", "ONNX Runtime (CUDA)", CUDA, frozenset(), Facts("#7b7fe0", _PACKAGES, rank=10)
)
ONNXRUNTIME_TENSORRT = OnnxRuntimeGpu(
    "onnxruntime-tensorrt",
    "ONNX Runtime (TensorRT)",
    TENSORRT,
    frozenset({"int8"}),
    Facts("#a8862e", (*_PACKAGES, "tensorrt"), rank=20),
)
