"""Which ONNX operators can run with torch."""

from __future__ import annotations

import qexplorer.torchgraph.kernels  # noqa: F401  (registers the operators)
from qexplorer.torchgraph.registry import entries, find

__all__ = ["operator_names", "supported"]


def supported(op_type: str, domain: str, opset: int) -> bool:
    """Whether ``op_type`` can run as version ``opset`` of ``domain`` defines it."""
    return find(op_type, domain, opset) is not None


def operator_names() -> tuple[str, ...]:
    """Every operator of the default set that can run in some version, sorted."""
    return tuple(sorted({entry.op for entry in entries() if not entry.domain}))
