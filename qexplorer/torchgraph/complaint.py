"""What is told of a kernel that does not take its inputs: the node and the reason, without torch's or Python's code."""

from __future__ import annotations

import re

import torch

from qexplorer.core.errors import ModelError
from qexplorer.torchgraph.node import Node

__all__ = ["KERNEL_ERRORS", "complaint"]

KERNEL_ERRORS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What kernels raise for inputs that their operator does not allow."""

_COUNT = re.compile(r"\(\) (missing|takes) .*positional argument")
_MEMORY = ("allocate memory", "out of memory")


def complaint(node: Node, error: Exception) -> Exception:
    """What to raise in place of the ``error`` of a ``node``'s kernel: a ModelError, or itself where memory ran out."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, torch.OutOfMemoryError) or any(words in lines[0] for words in _MEMORY):
        return error
    why = "there are too few or too many" if isinstance(error, TypeError) and _COUNT.search(lines[0]) else lines[0]
    return ModelError(f"{node.op} (opset {node.opset}) cannot take these inputs ({why})", where=node.name or None)
