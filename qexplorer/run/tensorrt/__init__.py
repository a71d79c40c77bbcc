"""TensorRT by its own Python package."""

from qexplorer.run.tensorrt.backend import TensorRt

__all__ = ["ENTRIES"]

ENTRIES = (TensorRt(),)
