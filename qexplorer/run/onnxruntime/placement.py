"""Which kernels ran where, when a session has more than one execution provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qexplorer.core.results import Kernels
from qexplorer.run.onnxruntime.kernel_table import KernelTreatment, treatment
from qexplorer.run.onnxruntime.kernels import kernels_in
from qexplorer.run.onnxruntime.mapping import plain_names

if TYPE_CHECKING:
    import onnx

__all__ = ["engine_kernels", "placed_kernels"]

Placed = Sequence[tuple[str, str, str]]
"""Provider, name and operator type of each node when ONNX Runtime divided the graph between providers."""


def placed_kernels(optimized: onnx.ModelProto, placed: Placed, wanted: str) -> Kernels:
    """Kernels of ``optimized`` by what they work on; one that another provider than ``wanted`` took says so.

    ONNX Runtime fuses after it has divided the graph, so that a fused kernel is found by the name that it kept.
    """
    where = {name: provider for provider, name, _ in placed if name}
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for kernel in kernels_in(optimized.graph):
        provider = next((where[name] for name in plain_names(kernel.node.name) if name in where), wanted)
        label = kernel.label if provider == wanted else f"{kernel.label} (on {_short(provider)})"
        counts[_place(kernel.treatment)][label] += 1
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})


def engine_kernels(placed: Placed, engine: str) -> Kernels:
    """What is known of a graph that was compiled into an engine: how many nodes went in, and what was left out."""
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for provider, _, op in placed:
        if provider == engine:
            counts["other"]["nodes in a TensorRT engine (types unknown)"] += 1
        else:
            counts[_place(treatment(op))][f"{op} (on {_short(provider)})"] += 1
    return Kernels(**{kind: dict(sorted(found.items())) for kind, found in counts.items()})


def _place(kind: KernelTreatment) -> str:
    if kind is KernelTreatment.CARRIES:  # outside a kernel on codes it computes in float
        return "float"
    return kind.value if kind in (KernelTreatment.INTEGER, KernelTreatment.FLOAT) else "other"


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")
