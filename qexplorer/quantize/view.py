"""The former names of what is in ``qexplorer.graph``."""

from __future__ import annotations

from qexplorer.graph.attributes import number as attribute
from qexplorer.graph.index import GraphIndex as GraphView
from qexplorer.graph.index import index_at as view_at
from qexplorer.graph.index import index_of as view_of
from qexplorer.graph.walk import captured_names

__all__ = ["GraphView", "attribute", "captured_names", "view_at", "view_of"]
