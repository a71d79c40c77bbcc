"""Untrusted bytes -> a checked Model; torch -> ONNX; data sets; samples."""

from qexplorer.core.python_surface.callable_package import make_callable

make_callable(__name__)
