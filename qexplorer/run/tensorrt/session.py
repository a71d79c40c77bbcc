"""A TensorRT engine with its contexts; torch holds the buffers on the GPU."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array, as_declared
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.run.on_gpu import OnGpu
from qexplorer.run.protocol import Executed
from qexplorer.run.tensorrt.engine import engine_for
from qexplorer.run.tensorrt.graph import QUANTIZERS, read_graph
from qexplorer.run.tensorrt.layers import EngineLayer, executed_layers, kernels_of_layers, read_layers

__all__ = ["TensorRtSession"]

_UNCOUNTED = 2


class TensorRtSession:
    """A model loaded by TensorRT.

    Args:
        path: the ONNX file.

    Raises:
        BackendError: the file is missing, no model, or TensorRT cannot make an engine of it.
    """

    def __init__(self, path: Path) -> None:
        import tensorrt as trt
        import torch

        graph = read_graph(path).graph
        cuda: Any = torch.cuda
        self._where, self._trt, self._torch = path.name, trt, torch
        self._names = tuple(value.name for value in graph.output)
        self._quantizers = {node.name for node in graph.node if node.op_type in QUANTIZERS}
        major, minor = torch.cuda.get_device_capability()
        plan = engine_for(path, torch.cuda.get_device_name(), f"{major}.{minor}")
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise BackendError("TensorRT cannot load the engine that it built", where=path.name)
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._inputs = [n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self._stream = cuda.Stream()
        self._contexts: dict[int, Any] = {}
        self._bound: dict[str, Any] | None = None

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return self._names

    @property
    def notes(self) -> tuple[str, ...]:
        """The flag of the engine that keeps float32 what it is."""
        return ("built without TF32: float32 is computed as such",)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch, in the order of ``output_names``. Raises BackendError."""
        found = self.call(feeds)()
        return list(found)

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], Sequence[Array]]:
        """The bare call: inputs lie on the GPU already, outputs stay there until they are looked at.

        What is timed is the computation and waiting for its end, not the copies between host and GPU.
        """
        if missing := [name for name in self._inputs if name not in feeds]:
            raise BackendError(f"its input '{missing[0]}' is missing", where=self._where)
        feeds = as_declared(feeds, {name: len(self._engine.get_tensor_shape(name)) for name in self._inputs})
        context = self._context(next(iter(feeds.values())))
        inputs = {name: self._torch.from_numpy(np.ascontiguousarray(feeds[name])).cuda() for name in self._inputs}
        for name, tensor in inputs.items():
            self._check_type(name, tensor)
            if not context.set_input_shape(name, tuple(tensor.shape)):
                raise BackendError(f"its input '{name}' has no shape {tuple(tensor.shape)}", where=self._where)
        tensors = inputs | {name: self._empty(context, name) for name in self._names}
        self._torch.cuda.synchronize()

        def timed() -> Sequence[Array]:
            if self._bound is not tensors:  # another call on this session has been made in between
                self._bind(context, tensors)
            if not context.execute_async_v3(self._stream.cuda_stream):
                raise BackendError("TensorRT cannot run the engine", where=self._where)
            self._stream.synchronize()
            return OnGpu([tensors[name] for name in self._names], lambda value: value.cpu().numpy())

        return timed

    def kernels(self) -> Kernels:
        """Layers of the engine with the types that TensorRT's inspector tells."""
        return kernels_of_layers(self._layers(self._new_context(0)))

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:
        """Every layer of the engine with its time on the GPU, from TensorRT's own profiler."""
        collected: dict[str, list[float]] = {}

        class Profiler(self._trt.IProfiler):  # type: ignore[misc,name-defined]  # TensorRT has no types
            """Notes what TensorRT reports."""

            def __init__(self) -> None:
                super().__init__()

            def report_layer_time(self, layer_name: str, ms: float) -> None:
                """Called for each layer of each run."""
                collected.setdefault(layer_name, []).append(ms)

        call, profiler = self.call(feeds), Profiler()
        context = self._context(next(iter(feeds.values())))
        context.profiler = profiler
        for _ in range(runs + _UNCOUNTED):
            call()
        layers = self._layers(context)
        self._contexts.clear()  # the next call gets a context without a profiler
        self._bound = None
        medians = {name: statistics.median(ms[_UNCOUNTED:]) for name, ms in collected.items() if ms[_UNCOUNTED:]}
        return executed_layers(layers, medians, self._quantizers)

    def _layers(self, context: Any) -> list[EngineLayer]:
        inspector = self._engine.create_engine_inspector()
        inspector.execution_context = context
        return read_layers(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def _context(self, first: Array) -> Any:
        """The context of the optimization profile for this batch: the first is for single samples."""
        several = self._engine.num_optimization_profiles > 1 and first.ndim > 0 and first.shape[0] > 1
        profile = 1 if several else 0
        if profile not in self._contexts:
            self._contexts[profile] = self._new_context(profile)
        return self._contexts[profile]

    def _new_context(self, profile: int) -> Any:
        context = self._engine.create_execution_context()
        if context is None or not context.set_optimization_profile_async(profile, self._stream.cuda_stream):
            raise BackendError("TensorRT cannot make a context for the engine", where=self._where)
        self._stream.synchronize()
        return context

    def _bind(self, context: Any, tensors: dict[str, Any]) -> None:
        for name, tensor in tensors.items():
            if name in self._inputs:
                context.set_input_shape(name, tuple(tensor.shape))
            context.set_tensor_address(name, tensor.data_ptr())
        self._bound = tensors

    def _empty(self, context: Any, name: str) -> Any:
        shape = tuple(context.get_tensor_shape(name))
        if any(size < 0 for size in shape):
            raise BackendError(f"the shape of its output '{name}' depends on values", where=self._where)
        return self._torch.empty(shape, dtype=self._type(name), device="cuda")

    def _check_type(self, name: str, tensor: Any) -> None:
        if tensor.dtype != self._type(name):
            raise BackendError(f"its input '{name}' is {self._type(name)}, not {tensor.dtype}", where=self._where)

    def _type(self, name: str) -> Any:
        """The torch type of an input or output."""
        kinds, torch = self._trt.DataType, self._torch
        names = {"FLOAT": torch.float32, "HALF": torch.float16, "BF16": torch.bfloat16, "INT8": torch.int8}
        names |= {"INT32": torch.int32, "INT64": torch.int64, "BOOL": torch.bool, "UINT8": torch.uint8}
        found = self._engine.get_tensor_dtype(name)
        for label, kind in names.items():
            if hasattr(kinds, label) and found == getattr(kinds, label):
                return kind
        raise BackendError(f"'{name}' has a type that cannot be held here ({found})", where=self._where)
