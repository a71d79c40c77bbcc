"""Dropout: the identity, unless a graph asks for training."""

from __future__ import annotations

import torch
from torch import Tensor

from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["dropout"]


@operator("Dropout", since=7)
def dropout_inference(node: Node, x: Tensor) -> Tensor | tuple[Tensor, ...]:
    """The input, and a mask that lets everything through."""
    return x if node.outputs == 1 else (x, _mask(node, x))


@operator("Dropout", since=12, host=(1, 2))
def dropout(
    node: Node, x: Tensor, ratio: Host | None = None, training: Host | None = None
) -> Tensor | tuple[Tensor, ...]:
    """The input; with ``training_mode``, without a random part of it (torch's generator, not the graph's seed)."""
    part = 0.5 if ratio is None else float(ratio)
    if training is None or not bool(training) or part == 0:
        return dropout_inference(node, x)
    mask = torch.rand_like(x) >= part
    return x * mask / (1 - part), mask


def _mask(node: Node, x: Tensor) -> Tensor:
    return torch.ones_like(x, dtype=torch.bool if node.opset >= 10 else x.dtype)
