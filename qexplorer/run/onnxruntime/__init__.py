"""ONNX Runtime: on the CPU, and with its CUDA and TensorRT providers."""

from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.gpu import ONNXRUNTIME_CUDA, ONNXRUNTIME_TENSORRT

__all__ = ["ENTRIES"]

ENTRIES = (OnnxRuntimeCpu(), ONNXRUNTIME_CUDA, ONNXRUNTIME_TENSORRT)
