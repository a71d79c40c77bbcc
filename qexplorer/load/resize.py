"""Bilinear resizing of arrays of images, in NumPy, so that the same pixels come out on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["resize"]


def resize(images: NDArray[np.float32], size: tuple[int, int], axes: tuple[int, int]) -> NDArray[np.float32]:
    """``images`` with the two ``axes`` (height, width) brought to ``size`` (height, width, in pixels).

    Bilinear with half-pixel centres and clamped borders; when it makes images smaller, the filter widens with the
    factor, so that no pixel is skipped. Any shape; float32 in and out.
    """
    result = images
    for axis, wanted in zip(axes, size, strict=True):
        if result.shape[axis] != wanted:
            weights = _weights(result.shape[axis], wanted)
            moved = np.moveaxis(result, axis, -1) @ weights.T
            result = np.ascontiguousarray(np.moveaxis(moved, -1, axis), dtype=np.float32)
    return result


def _weights(given: int, wanted: int) -> NDArray[np.float32]:
    """Matrix (wanted, given) of interpolation weights; every row sums to 1."""
    factor = given / wanted
    width = max(factor, 1.0)
    centres = (np.arange(wanted) + 0.5) * factor - 0.5
    distance = np.abs(np.arange(given)[None, :] - np.clip(centres, 0, given - 1)[:, None])
    weights = np.maximum(0.0, 1.0 - distance / width)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
