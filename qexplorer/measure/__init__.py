"""Accuracy, fidelity, latency, memory, size and energy, each with its uncertainty."""

from qexplorer.core.python_surface.callable_package import make_callable

make_callable(__name__)
