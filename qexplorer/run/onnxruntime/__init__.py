"""ONNX Runtime: on the CPU, there with weights unpacked once too, and with its CUDA and TensorRT providers."""

from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu, OnnxRuntimeUnpacked
from qexplorer.run.onnxruntime.gpu import ONNXRUNTIME_CUDA, ONNXRUNTIME_TENSORRT

__all__ = ["ENTRIES"]

ENTRIES = (OnnxRuntimeCpu(), OnnxRuntimeUnpacked(), ONNXRUNTIME_CUDA, ONNXRUNTIME_TENSORRT)
