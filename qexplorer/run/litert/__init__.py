"""LiteRT (TensorFlow Lite): the ONNX graph, converted through torch, run by LiteRT's interpreter with XNNPACK."""

from qexplorer.run.litert.backend import LiteRt

__all__ = ["ENTRIES"]

ENTRIES = (LiteRt(),)
