"""Nodes that an algorithm puts into the float graph, and the mark that keeps them in float.

A node that prepares values for a grid (divides channels, rotates them) does so in front of it: on a grid of its own it
would be fed the very outliers that it is there to take away. The mark lies in the node's metadata (ONNX IR 10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.plugins import ALGORITHMS

if TYPE_CHECKING:
    import onnx

__all__ = ["mark_float", "why_float"]

_KEY = "qexplorer.float"


def mark_float(node: onnx.NodeProto, algorithm: str) -> None:
    """Marks ``node``, put in by ``algorithm``, as one that no recipe puts on a grid."""
    node.metadata_props.add(key=_KEY, value=algorithm)


def why_float(node: onnx.NodeProto) -> str | None:
    """Why a marked node stays in float, as a clause; None for one without a mark, or with a stranger's."""
    by = next((entry.value for entry in node.metadata_props if entry.key == _KEY), None)
    if by is None or by not in ALGORITHMS.names():
        return None
    return f"'{by}' put it in, to work on floats in front of a grid"
