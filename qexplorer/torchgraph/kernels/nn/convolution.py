"""Conv and ConvTranspose, in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.kernels.nn.windows import pad_sides, window_of
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["conv", "conv_transpose"]

_CONV: dict[int, Callable[..., Tensor]] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


@operator("Conv", since=1)
def conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution of (N, C, ...) with weights (M, C / group, ...)."""
    rank = x.dim() - 2
    window = window_of(node, x.shape[2:], weight.shape[2:])
    padding = window.before
    if not window.even:
        x, padding = pad_sides(x, window.before, window.after), (0,) * rank
    group = node.whole("group", 1)
    return _CONV[rank](x, weight, bias, window.strides, padding, window.dilations, group)


@operator("ConvTranspose", since=1)
def conv_transpose(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Transposed convolution of (N, C, ...) with weights (C, M / group, ...).

    The whole answer is computed without padding; ``pads`` then take their part off it, and ``output_padding`` or
    ``output_shape`` may ask for zeros after it, to which the bias is added as to everything.
    """
    sizes, kernel = x.shape[2:], weight.shape[2:]
    rank = len(sizes)
    strides = node.wholes("strides") or (1,) * rank
    dilations = node.wholes("dilations") or (1,) * rank
    extra = node.wholes("output_padding") or (0,) * rank
    pads = _pads(node, sizes, kernel)
    before, after = pads[:rank], pads[rank:]
    group = node.whole("group", 1)
    if before == after and all(e < max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        return _TRANSPOSED[rank](x, weight, bias, strides, before, extra, group, dilations)
    whole = _TRANSPOSED[rank](x, weight, None, strides, (0,) * rank, (0,) * rank, group, dilations)
    cut = pad_sides(whole, [-b for b in before], [e - a for e, a in zip(extra, after, strict=True)])
    return cut if bias is None else cut + bias.reshape(1, -1, *(1,) * rank)


def _pads(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, ...]:
    """What is taken off each side, from ``pads``, ``output_shape`` or ``auto_pad``."""
    rank = len(sizes)
    strides = node.wholes("strides") or (1,) * rank
    dilations = node.wholes("dilations") or (1,) * rank
    extra = node.wholes("output_padding") or (0,) * rank
    auto, wanted = node.text("auto_pad", "NOTSET"), node.wholes("output_shape")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
    if wanted is None:
        return (0,) * (2 * rank) if auto == "VALID" else node.wholes("pads") or (0,) * (2 * rank)
    before, after = [], []
    for size, k, s, d, e, want in zip(sizes, kernel, strides, dilations, extra, wanted[-rank:], strict=True):
        total = s * (size - 1) + e + (k - 1) * d + 1 - want
        small, large = total // 2, total - total // 2
        before.append(small if auto == "SAME_UPPER" else large)
        after.append(large if auto == "SAME_UPPER" else small)
    return (*before, *after)
