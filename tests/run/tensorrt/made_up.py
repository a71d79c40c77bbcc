"""TensorRT and the GPU's side of torch, made up: an engine is the file, which ONNX Runtime computes on host memory."""

from __future__ import annotations

import ctypes
import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

__all__ = ["FakeTensorRt", "FakeTorch"]

_TYPES = {"tensor(float)": ("FLOAT", "f4"), "tensor(int64)": ("INT64", "i8"), "tensor(double)": ("DOUBLE", "f8")}


class FakeTorch:
    """torch, whose GPU is the host."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self.cuda = SimpleNamespace(synchronize=lambda: None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)

    def from_numpy(self, array: Any) -> Any:
        """A tensor that is moved by staying."""
        tensor = self._torch.from_numpy(array)
        return SimpleNamespace(cuda=lambda: tensor)

    def empty(self, shape: tuple[int, ...], *, dtype: Any, device: str) -> Any:
        """On the host."""
        assert device == "cuda"
        return self._torch.full(shape, 77, dtype=dtype)


class FakeTensorRt:
    """The package: what an engine was asked, in order, is noted in ``log``."""

    class Logger:
        """Says nothing."""

        ERROR = 1

        def __init__(self, _: int) -> None: ...

    class IProfiler:
        """What a profiler inherits."""

    __version__ = "10.0"
    TensorIOMode = SimpleNamespace(INPUT="input", OUTPUT="output")
    DataType = SimpleNamespace(FLOAT="FLOAT", INT64="INT64", HALF="HALF")
    LayerInformationFormat = SimpleNamespace(JSON="json")

    def __init__(self, *, profiles: int = 2, breaks: str = "") -> None:
        self.profiles, self.breaks = profiles, breaks
        self.log: list[tuple[Any, ...]] = []

    def Runtime(self, _: Any) -> Any:  # noqa: N802 - as TensorRT calls it
        """Loads engines."""
        return SimpleNamespace(
            deserialize_cuda_engine=lambda plan: None if self.breaks == "engine" else _Engine(self, bytes(plan))
        )


class _Engine:
    def __init__(self, trt: FakeTensorRt, plan: bytes) -> None:
        self.trt, self.session = trt, onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        self.inputs, self.outputs = self.session.get_inputs(), self.session.get_outputs()
        self.ports = {port.name: port for port in (*self.inputs, *self.outputs)}
        self.num_io_tensors, self.num_optimization_profiles = len(self.ports), trt.profiles

    def get_tensor_name(self, index: int) -> str:
        return list(self.ports)[index]

    def get_tensor_mode(self, name: str) -> str:
        return "input" if name in [port.name for port in self.inputs] else "output"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(size if isinstance(size, int) else -1 for size in self.ports[name].shape)

    def get_tensor_dtype(self, name: str) -> str:
        return _TYPES[self.ports[name].type][0]

    def create_execution_context(self) -> Any:
        return None if self.trt.breaks == "context" else _Context(self)

    def create_engine_inspector(self) -> Any:
        layers = [
            {
                "Name": "one",
                "LayerType": "Convolution",
                "Inputs": [{"Format/Datatype": "FP32"}],
                "Metadata": "[ONNX Layer: relu]",
            },
            {
                "Name": "two",
                "LayerType": "Convolution",
                "Inputs": [{"Format/Datatype": "FP32"}],
                "Metadata": "[ONNX Layer: q]",
            },
        ]
        return SimpleNamespace(get_engine_information=lambda _: json.dumps({"Layers": layers}))


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self.engine, self.shapes, self.places = engine, dict[str, tuple[int, ...]](), dict[str, int]()
        self.profiler: Any = None
        self.calls = 0

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        assert stream == 5
        self.engine.trt.log.append(("profile", profile))
        return self.engine.trt.breaks != "profile"

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert self.engine.get_tensor_mode(name) == "input"
        declared = self.engine.get_tensor_shape(name)
        self.shapes[name] = shape
        return len(shape) == len(declared) and all(d in (-1, n) for d, n in zip(declared, shape, strict=True))

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        if self.engine.trt.breaks == "shape":
            return (-1, 3)
        batch = next(iter(self.shapes.values()))[0]
        return tuple(batch if size == -1 else size for size in self.engine.get_tensor_shape(name))

    def set_tensor_address(self, name: str, place: int) -> None:
        self.engine.trt.log.append(("bind", name))
        self.places[name] = place

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == 5
        self.calls += 1
        feeds = {port.name: self._array(port, self.shapes[port.name]).copy() for port in self.engine.inputs}
        for port, value in zip(self.engine.outputs, self.engine.session.run(None, feeds), strict=True):
            self._array(port, value.shape)[...] = value
        if self.profiler is not None:
            for name, ms in (("one", float(self.calls)), ("two", 1.0)):
                self.profiler.report_layer_time(name, 100.0 if self.calls <= 2 else ms)
        return self.engine.trt.breaks != "run"

    def _array(self, port: Any, shape: tuple[int, ...]) -> Any:
        dtype = np.dtype(_TYPES[port.type][1])
        held = (ctypes.c_byte * (dtype.itemsize * math.prod(shape))).from_address(self.places[port.name])
        return np.frombuffer(held, dtype).reshape(shape)
