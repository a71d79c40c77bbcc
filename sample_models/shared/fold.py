"""Batch normalization folded into the convolution before it, so that the file holds what an engine would run."""

from __future__ import annotations

from copy import deepcopy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fold_batch_norms"]


def fold_batch_norms(net: nn.Module) -> nn.Module:
    """A copy of a trained ``net`` without BatchNorm: w' = w g / sqrt(v + e), b' = (b - m) g / sqrt(v + e) + beta.

    Every BatchNorm2d must come right after a Conv2d among its parent's children; it becomes an Identity.
    """
    copy = deepcopy(net).eval()
    for parent in copy.modules():
        previous: tuple[str, nn.Module] | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                assert previous is not None, f"{name}: no convolution before this BatchNorm2d"
                assert isinstance(previous[1], nn.Conv2d), f"{name}: no convolution before this BatchNorm2d"
                setattr(parent, previous[0], fuse_conv_bn_eval(previous[1], child))
                setattr(parent, name, nn.Identity())
            previous = (name, child)
    return copy
