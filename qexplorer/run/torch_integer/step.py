"""One step of a compiled graph: what it reads, what it computes, what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.run.protocol import KernelKind

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Compute", "Finish", "ProgramStep"]

Compute = Callable[..., "tuple[Tensor, ...]"]
Finish = Callable[["Tensor"], "Tensor"]


@dataclass(frozen=True, slots=True)
class ProgramStep:
    """What runs in one go.

    Attributes:
        name: for people: that of the node it stands for.
        op: operator type, as in ``Kernels``.
        kind: what it works on.
        layers: nodes of the graph that it computes, quantizers left out.
        reads: tensors that it takes, in order; ``""`` for one left out.
        writes: tensors that it makes; ``""`` for one that nobody reads.
        compute: from tensors (None for one left out) to tensors; the int32 sums of a step that has ``finish``.
        finish: from int32 sums to the result, for steps whose sums can be looked at; None for all others.
    """

    name: str
    op: str
    kind: KernelKind
    layers: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    compute: Compute
    finish: Finish | None = None

    def run(self, inputs: Sequence[Tensor | None], watch: Callable[[str, Tensor], None] | None = None) -> list[Tensor]:
        """The outputs; ``watch`` is told the layer's name and its int32 sums, if it has them."""
        found = self.compute(*inputs)
        if self.finish is None:
            return list(found)
        if watch is not None:
            watch(self.name, found[0])
        return [self.finish(found[0])]
