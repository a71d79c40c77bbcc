"""ONNX Runtime's profile, read: the median time of every kernel and the given nodes that it computes.

The profile is a JSON list of events in Chrome's trace format. A kernel's event has category ``Node``, the name of
its node with ``_kernel_time`` behind it, a duration in whole microseconds, and the operator type and the node's index
among its arguments.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.run.onnxruntime.kernel_table import KernelTreatment
from qexplorer.run.onnxruntime.kernels import OptimizedNode, kernels_in
from qexplorer.run.onnxruntime.mapping import layers_of
from qexplorer.run.protocol import Executed, KernelKind

if TYPE_CHECKING:
    import onnx

__all__ = ["UNCOUNTED", "TimedNode", "executed", "read_events"]

UNCOUNTED = 2
_SUFFIX = "_kernel_time"
_KINDS = {
    KernelTreatment.INTEGER: KernelKind.INTEGER,
    KernelTreatment.FLOAT: KernelKind.FLOAT,
    KernelTreatment.CONVERTS: KernelKind.CONVERTS,
    KernelTreatment.MOVES: KernelKind.MOVES,
}


@dataclass(frozen=True, slots=True)
class TimedNode:
    """One node of the profile.

    Attributes:
        name: its name; of a node without one the operator type and its index (``Conv_3``).
        op: operator type.
        ms: milliseconds of each run, in order, the uncounted ones included.
    """

    name: str
    op: str
    ms: tuple[float, ...]

    @property
    def median_ms(self) -> float | None:
        """Median of the counted runs; None if it ran in none of them."""
        counted = self.ms[UNCOUNTED:]
        return statistics.median(counted) if counted else None


def read_events(path: Path) -> list[TimedNode]:
    """The nodes of a profile, in the order in which they first ran."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for event in json.loads(path.read_text(encoding="utf-8")):
        name = event.get("name", "")
        if event.get("cat") == "Node" and name.endswith(_SUFFIX):
            arguments = event.get("args", {})
            key = (name.removesuffix(_SUFFIX), arguments.get("op_name", ""), arguments.get("node_index", ""))
            found.setdefault(key, []).append(event["dur"] / 1000)
    return [TimedNode(name, op, tuple(ms)) for (name, op, _), ms in found.items()]


def executed(given: onnx.ModelProto, optimized: onnx.ModelProto, events: Sequence[TimedNode]) -> tuple[Executed, ...]:
    """The kernels of ``optimized`` in the order of execution, with their times and what they compute of ``given``.

    What runs in the body of an If, Loop or Scan is part of that node's time and not listed.
    """
    kernels = [kernel for kernel in kernels_in(optimized.graph) if not kernel.inner]
    ordered = _in_order(kernels, events)
    layers = layers_of(given.graph, [kernel.node for kernel, _ in ordered])
    names = _unique(event.name if event else kernel.node.name or kernel.node.op_type for kernel, event in ordered)
    return tuple(
        Executed(name, kernel.label, _KINDS[kernel.treatment], event.median_ms if event else None, computes)
        for name, (kernel, event), computes in zip(names, ordered, layers, strict=True)
    )


def _in_order(
    kernels: Sequence[OptimizedNode], events: Sequence[TimedNode]
) -> list[tuple[OptimizedNode, TimedNode | None]]:
    """Each kernel with its event, as they ran; those without an event last.

    A node without a name is found by its operator type, the first such kernel for the first such event.
    """
    waiting = list(kernels)
    known = {kernel.node.name for kernel in kernels if kernel.node.name}
    pairs: list[tuple[OptimizedNode, TimedNode | None]] = []
    for event in events:
        wanted = event.name if event.name in known else ""
        at = next((k for k in waiting if k.node.name == wanted and k.node.op_type == event.op), None)
        if at is not None:
            waiting.remove(at)
            pairs.append((at, event))
    return pairs + [(kernel, None) for kernel in waiting]


def _unique(names: Iterator[str]) -> Iterator[str]:
    """The same names; one that came before gets a number."""
    taken: set[str] = set()
    for name in names:
        label, number = name, 1
        while label in taken:
            number += 1
            label = f"{name} #{number}"
        taken.add(label)
        yield label
