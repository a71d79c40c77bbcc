"""Where a graph draws random numbers, and which of its outputs they reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.graph.index import GraphIndex, label_of, reads_of
from qexplorer.graph.walk import DEFAULT_DOMAINS, subgraphs

if TYPE_CHECKING:
    import onnx

__all__ = ["DRAWS", "Drawn", "drawn"]

DRAWS = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)
"""Operators whose results are other ones in each call. A seed settles them within one runtime only."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What random numbers reach.

    Attributes:
        layer: name of the first node that draws them, for an output.
        op: its operator type, or that of the node around it.
        outputs: the outputs that they reach.
    """

    layer: str
    op: str
    outputs: tuple[str, ...]


def drawn(index: GraphIndex) -> Drawn | None:
    """What random numbers reach of the outputs; None if they reach none."""
    source: dict[str, onnx.NodeProto] = {}
    for node in index.order:
        first = node if _draws(node) else next((source[name] for name in reads_of(node) if name in source), None)
        if first is not None:
            source |= dict.fromkeys(node.output, first)
    reached = tuple(name for name in index.outputs if name in source)
    if not reached:
        return None
    first = source[reached[0]]
    return Drawn(label_of(first), first.op_type, reached)


def _draws(node: onnx.NodeProto) -> bool:
    """Whether the node, or one inside it, draws."""
    if node.op_type in DRAWS and node.domain in DEFAULT_DOMAINS:
        return True
    return any(_draws(inner) for graph in subgraphs(node) for inner in graph.node)
