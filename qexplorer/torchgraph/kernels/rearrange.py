"""Channels to space and back, columns to pictures, sampling at given places."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from qexplorer.torchgraph.kernels.nn.windows import pad_sides
from qexplorer.torchgraph.kernels.shapes import wholes
from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import Host, operator

__all__ = ["col2im", "depth_to_space", "grid_sample", "space_to_depth"]


@operator("DepthToSpace", since=1)
def depth_to_space(node: Node, x: Tensor) -> Tensor:
    """Channels laid out as blocks of a larger picture; ``DCR`` or ``CRD`` says in which order."""
    count, channels, height, width = x.shape
    b = node.whole("blocksize", 1)
    if node.text("mode", "DCR") == "DCR":
        parts = x.reshape(count, b, b, channels // (b * b), height, width).permute(0, 3, 4, 1, 5, 2)
    else:
        parts = x.reshape(count, channels // (b * b), b, b, height, width).permute(0, 1, 4, 2, 5, 3)
    return parts.reshape(count, channels // (b * b), height * b, width * b)


@operator("SpaceToDepth", since=1)
def space_to_depth(node: Node, x: Tensor) -> Tensor:
    """Blocks of a picture laid out as channels."""
    count, channels, height, width = x.shape
    b = node.whole("blocksize", 1)
    parts = x.reshape(count, channels, height // b, b, width // b, b)
    if node.text("mode", "DCR") == "DCR":
        return parts.permute(0, 3, 5, 1, 2, 4).reshape(count, channels * b * b, height // b, width // b)
    return parts.permute(0, 1, 3, 5, 2, 4).reshape(count, channels * b * b, height // b, width // b)


@operator("Col2Im", since=18, host=(1, 2))
def col2im(node: Node, x: Tensor, image: Host, block: Host) -> Tensor:
    """Sums of overlapping blocks, placed where a sliding window would have taken them from.

    ``x`` is (N, C * values in a block, windows); the answer (N, C, ...) of size ``image``.
    """
    size, kernel = wholes(image), wholes(block)
    rank = len(size)
    pads = node.wholes("pads") or (0,) * (2 * rank)
    strides, dilations = node.wholes("strides") or (1,) * rank, node.wholes("dilations") or (1,) * rank
    padded = [n + pads[i] + pads[i + rank] for i, n in enumerate(size)]
    inside = np.indices(kernel).reshape(rank, -1, 1) * np.reshape(dilations, (rank, 1, 1))
    windows = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded, kernel, strides, dilations, strict=True)]
    starts = np.indices(windows).reshape(rank, 1, -1) * np.reshape(strides, (rank, 1, 1))
    places = torch.from_numpy(np.ravel_multi_index(tuple(inside + starts), padded).reshape(-1)).to(x.device)
    values = x.reshape(x.shape[0], -1, places.numel())
    empty = x.new_zeros(x.shape[0], values.shape[1], math.prod(padded))
    found = empty.index_add(2, places, values).reshape(x.shape[0], -1, *padded)
    return pad_sides(found, [-p for p in pads[:rank]], [-p for p in pads[rank:]])


@operator("GridSample", since=16)
def grid_sample(node: Node, x: Tensor, grid: Tensor) -> Tensor:
    """Values at places between -1 and 1."""
    mode = node.text("mode", "bilinear")
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    edges = node.text("padding_mode", "zeros")
    return functional.grid_sample(x, grid, mode, edges, bool(node.whole("align_corners", 0)))
