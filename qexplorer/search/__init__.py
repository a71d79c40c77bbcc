"""What to do about precision: which layer hurts, what helps it, and the best mix under a budget."""

from qexplorer.core.python_surface.callable_package import make_callable

make_callable(__name__)
