"""The layer map: what every node of a graph is, holds and costs, and whether it can be quantized."""

from __future__ import annotations

from qexplorer.load.operators import QUANTIZABLE

__all__ = ["QUANTIZABLE"]
