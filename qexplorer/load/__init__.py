"""Untrusted bytes -> a checked Model; torch -> ONNX; data sets; samples."""

from qexplorer.core.callable_package import make_callable

make_callable(__name__)
