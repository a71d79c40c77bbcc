"""Whose time a kernel's is: each group of layers has its own kernels, and those of layers behind it without a choice.

A sum, a pool or an activation has no choice of its own: its kernels are counted to the group in front of it, and what
stands in front of every group to the first one behind. Conversions are named after the tensor that they convert, and
so belong to the group that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qexplorer.core.model import Model
from qexplorer.measure.why.layers import Owners
from qexplorer.run.protocol import Executed, KernelKind

__all__ = ["Homes", "KernelSums", "homes_of", "sums_of"]


@dataclass(frozen=True, slots=True)
class Homes:
    """Which group every layer's time belongs to.

    Attributes:
        groups: position of the group, by layer.
        edges: pairs of groups of which the second reads what the first makes, each once, in order.
    """

    groups: Mapping[str, int]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class KernelSums:
    """Milliseconds of one variant's kernels.

    Attributes:
        groups: of each group.
        integer: for each group, whether the kernel that takes most of its time computes on codes.
        rest: of kernels that belong to no layer.
    """

    groups: tuple[float, ...]
    integer: tuple[bool, ...]
    rest: float

    @property
    def whole(self) -> float:
        """All together."""
        return sum(self.groups) + self.rest


def homes_of(model: Model, groups: Sequence[Sequence[str]]) -> Homes:
    """Homes of all layers.

    Args:
        model: in float.
        groups: names of the layers of each group, groups in graph order.
    """
    own = {name: at for at, names in enumerate(groups) for name in names}
    makers = {output: layer.name for layer in model.layers for output in layer.outputs}
    found: dict[str, int] = {}
    sources: dict[str, list[str]] = {}
    for layer in model.layers:
        sources[layer.name] = [makers[tensor] for tensor in layer.inputs if tensor in makers]
        before = [found[name] for name in sources[layer.name] if name in found]
        home = own.get(layer.name, max(before, default=None))
        if home is not None:
            found[layer.name] = home
    for layer in reversed(model.layers):  # what stands in front of every group
        for name in sources[layer.name]:
            if name not in found and layer.name in found:
                found[name] = found[layer.name]
    edges = {
        (found[name], found[layer.name]): None
        for layer in model.layers
        for name in sources[layer.name]
        if name in found and layer.name in found and found[name] != found[layer.name]
    }
    return Homes(found, tuple(sorted(edges)))


def sums_of(kernels: Sequence[Executed], homes: Homes, owners: Owners, count: int) -> KernelSums:
    """Adds kernels up by group.

    Args:
        kernels: of one variant, with their times.
        homes: of the layers.
        owners: of the float model.
        count: groups.
    """
    total, rest = [0.0] * count, 0.0
    most, integer = [-1.0] * count, [False] * count
    for kernel in kernels:
        ms = kernel.ms or 0.0
        at = list(dict.fromkeys(homes.groups[name] for name in owners.layers(kernel) if name in homes.groups))
        for group in at:
            total[group] += ms / len(at)
            if kernel.kind in (KernelKind.INTEGER, KernelKind.FLOAT) and ms > most[group]:
                most[group], integer[group] = ms, kernel.kind is KernelKind.INTEGER
        if not at:
            rest += ms
    return KernelSums(tuple(total), tuple(integer), rest)
