"""Bilinear resizing of arrays of images, in plain NumPy, so that the same pixels come out on every machine."""

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
            result = _resize_axis(result, wanted, axis)
    return result


def _resize_axis(images: NDArray[np.float32], wanted: int, axis: int) -> NDArray[np.float32]:
    """A weighted sum of shifted copies: always added in the same order, unlike a matrix product."""
    index, weight = _taps(images.shape[axis], wanted)
    view = [1] * images.ndim
    view[axis] = wanted
    total: NDArray[np.float32] = np.take(images, index[0], axis) * weight[0].reshape(view)
    for at, share in zip(index[1:], weight[1:], strict=True):
        total += np.take(images, at, axis) * share.reshape(view)
    return total


def _taps(given: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For every output pixel the input pixels it draws on and their weights, both (taps, wanted); weights sum to 1."""
    factor = given / wanted
    width = max(factor, 1.0)
    centres = (np.arange(wanted) + 0.5) * factor - 0.5
    first = np.floor(centres - width).astype(np.intp) + 1
    positions = first + np.arange(int(np.ceil(2 * width)) + 1)[:, None]
    weights = np.maximum(0.0, 1.0 - np.abs(positions - centres) / width)
    weights[(positions < 0) | (positions >= given)] = 0.0
    used = weights.any(axis=1)
    weights = weights[used] / weights.sum(axis=0)
    return np.clip(positions[used], 0, given - 1), np.asarray(weights, np.float32)
