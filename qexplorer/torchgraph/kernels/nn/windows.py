"""What sliding windows have in common: kernel, strides, dilations and the padding around the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.node import Node

__all__ = ["Window", "pad_sides", "window_of"]


@dataclass(frozen=True, slots=True)
class Window:
    """A window's geometry, one entry per spatial dimension.

    Attributes:
        kernel: size.
        strides: steps between windows.
        dilations: steps between the values of one window.
        before: padding before the first value.
        after: padding after the last one.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def even(self) -> bool:
        """Whether both sides are padded alike, which torch's own operators can do."""
        return self.before == self.after

    @property
    def spans(self) -> tuple[int, ...]:
        """How many values a window reaches over."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))


def window_of(node: Node, sizes: Sequence[int], kernel: Sequence[int]) -> Window:
    """The geometry that ``kernel_shape``, ``strides``, ``dilations``, ``pads`` and ``auto_pad`` describe.

    Args:
        node: where the attributes are.
        sizes: of the input's spatial dimensions; SAME padding depends on them.
        kernel: sizes of the window.
    """
    rank = len(sizes)
    strides = node.wholes("strides") or (1,) * rank
    dilations = node.wholes("dilations") or (1,) * rank
    auto = node.text("auto_pad", "NOTSET")
    if auto == "VALID":
        pads: tuple[int, ...] = (0,) * (2 * rank)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(sizes, kernel, strides, dilations, lower=auto == "SAME_LOWER")
    else:
        pads = node.wholes("pads") or (0,) * (2 * rank)
    return Window(tuple(kernel), strides, dilations, pads[:rank], pads[rank:])


def _same(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], *, lower: bool
) -> tuple[int, ...]:
    """Padding that gives ``ceil(size / stride)`` windows; an odd value goes after (upper) or before (lower)."""
    before, after = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        small, large = total // 2, total - total // 2
        before.append(large if lower else small)
        after.append(small if lower else large)
    return (*before, *after)


def pad_sides(x: Tensor, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
    """``x`` with ``value`` around its last ``len(before)`` dimensions."""
    if not any(before) and not any(after):
        return x
    pairs = [side for pair in zip(reversed(before), reversed(after), strict=True) for side in pair]
    if x.dtype == torch.bool:
        return functional.pad(x.to(torch.uint8), pairs, value=value).to(torch.bool)
    return functional.pad(x, pairs, value=value)
