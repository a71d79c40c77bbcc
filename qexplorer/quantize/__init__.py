"""Recipe + statistics -> plan (every decision explained) -> QDQ graph."""

from qexplorer.core.callable_package import make_callable

make_callable(__name__)
