"""All backends. To add one: a file with a class that follows ``protocol.Backend``, and one line here."""

from __future__ import annotations

from qexplorer.core.errors import BackendError
from qexplorer.core.registry import Registry
from qexplorer.run.litert.backend import LiteRt
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.gpu import ONNXRUNTIME_CUDA, ONNXRUNTIME_TENSORRT
from qexplorer.run.openvino.backend import OPENVINO_CPU, OPENVINO_GPU
from qexplorer.run.protocol import Backend
from qexplorer.run.tensorrt.backend import TensorRt
from qexplorer.run.torch_inductor import TORCH_INDUCTOR
from qexplorer.run.torch_integer import TORCH, TORCH_CUDA

__all__ = ["BACKENDS", "REFERENCE", "usable"]

BACKENDS: Registry[Backend] = Registry("backend")
BACKENDS.add(OnnxRuntimeCpu())
BACKENDS.add(ONNXRUNTIME_CUDA)
BACKENDS.add(ONNXRUNTIME_TENSORRT)
BACKENDS.add(TensorRt())
BACKENDS.add(TORCH)
BACKENDS.add(TORCH_CUDA)
BACKENDS.add(TORCH_INDUCTOR)
BACKENDS.add(OPENVINO_CPU)
BACKENDS.add(OPENVINO_GPU)
BACKENDS.add(LiteRt())

REFERENCE = "onnxruntime"
"""The backend whose simulation every backend's answers are compared with."""


def usable(name: str) -> Backend:
    """The backend called ``name``; raises UnknownName, or BackendError with the reason if it cannot be used here."""
    backend = BACKENDS.get(name)
    state = backend.availability()
    if not state.available:
        what = state.reason or f"{backend.label} is not available here"
        raise BackendError(what, where=name, do=f"enable it with: {state.enable}" if state.enable else None)
    return backend
