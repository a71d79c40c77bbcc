"""Recipe + statistics -> plan (every decision explained) -> QDQ graph."""

from qexplorer.core.python_surface.callable_package import make_callable

make_callable(__name__)
