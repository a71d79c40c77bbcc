"""Reading a node's attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = ["number"]


def number(node: onnx.NodeProto, name: str, default: float) -> float:
    """A numeric attribute of ``node``, or ``default``."""
    for item in node.attribute:
        if item.name == name:
            return item.f if item.type == item.FLOAT else float(item.i)
    return default
