"""What an architecture is.

How to add one: a file in this folder with a function that builds its trunk from :class:`GraphBuilder`'s layers, and
what it brings, at its end::

    ENTRIES = (Architecture("my_net", ...),)

Nothing else has to be touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.load.samples.graph_builder import GraphBuilder

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BRANCH_GAIN", "Architecture"]

BRANCH_GAIN = 0.5
"""Gain of the last convolution of a residual branch: each addition then raises the variance by about a quarter."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network.

    Attributes:
        name: what ``load_model`` takes.
        title: what to call it on a page.
        description: one sentence with its source.
        parameters: number of weights and biases after folding batch normalization.
        macs: multiply-accumulates of convolutions and fully connected layers for one 224 x 224 image.
        trunk: adds everything up to the last feature map; returns its name and number of channels.
        rank: its place in lists, the lowest first.
        module: makes the same network for a number of classes as a torch module, whose parameters bear the names that
            published weights have; None where weights cannot be loaded into it.
    """

    name: str
    title: str
    description: str
    parameters: int
    macs: int
    trunk: Callable[[GraphBuilder, str], tuple[str, int]]
    rank: int = 1000
    module: Callable[[int], nn.Module] | None = None
