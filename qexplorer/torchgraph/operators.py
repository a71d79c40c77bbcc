"""Running one ONNX node with torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import qexplorer.torchgraph.kernels  # noqa: F401  (registers the operators)
from qexplorer.core.errors import ModelError
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, as_host, entries, find

if TYPE_CHECKING:
    import onnx
    from torch import Tensor

__all__ = ["operator_names", "run_node", "supported"]


def supported(op_type: str, domain: str, opset: int) -> bool:
    """Whether ``op_type`` can run as version ``opset`` of ``domain`` defines it."""
    return find(op_type, domain, opset) is not None


def operator_names() -> tuple[str, ...]:
    """Every operator of the default set that can run in some version, sorted."""
    return tuple(sorted({entry.op for entry in entries() if not entry.domain}))


def run_node(
    node: onnx.NodeProto, inputs: Sequence[Tensor | Host | None], opset: int, types: Sequence[int] = ()
) -> tuple[Tensor, ...]:
    """The outputs of one node.

    Args:
        node: its operator and attributes.
        inputs: a tensor for each input; None for one left out. Shapes, axes and the like may be NumPy arrays, which
            saves the wait for a device.
        opset: version of the node's operator set.
        types: ONNX element types of the inputs, needed only where 4- and 2-bit integers, carried by int8, are meant.

    Raises:
        ModelError: no kernel for the operator in this version.
    """
    entry = find(node.op_type, node.domain, opset)
    if entry is None:
        what = f"torchgraph has no operator {node.op_type} (opset {opset})"
        raise ModelError(what, where=node.name or None, allowed=", ".join(operator_names()))
    settings = Node.of(node, opset, types)
    arguments = [
        as_host(value) if value is not None and index in entry.host else value for index, value in enumerate(inputs)
    ]
    found = entry.kernel(settings, *arguments)
    return found if isinstance(found, tuple) else (found,)
