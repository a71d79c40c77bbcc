"""Samples as pictures: arrays in any usual layout turned into bytes that a screen can show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array

__all__ = ["is_picture", "pictures"]

_SMALLEST = 96
_CHANNELS = (1, 3, 4)


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether samples of ``shape`` (without the sample axis) are pictures: (h, w), (c, h, w) or (h, w, c)."""
    if len(shape) == 2:
        return min(shape) >= 4
    return len(shape) == 3 and (shape[0] in _CHANNELS or shape[2] in _CHANNELS) and sorted(shape)[1] >= 4


def pictures(samples: Array) -> list[NDArray[np.uint8]]:
    """One uint8 picture of shape ``(h, w, 3)`` for each sample, small ones enlarged without smoothing.

    All share one grey scale, from the smallest to the largest value of the batch, so that they can be compared.

    Args:
        samples: shape (n, h, w), (n, c, h, w) or (n, h, w, c) with 1, 3 or 4 channels.

    Raises:
        ValueError: the samples are not pictures.
    """
    if not is_picture(samples.shape[1:]):
        raise ValueError(f"samples of shape {samples.shape[1:]} are not pictures")
    values = samples.astype(np.float32)
    if values.ndim == 3:
        values = values[..., None]
    elif values.shape[1] in _CHANNELS:
        values = np.moveaxis(values, 1, -1)
    values = values[..., :3]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scaled = np.nan_to_num((values - low) / max(high - low, 1e-12)) * 255
    grey = np.clip(scaled, 0, 255).astype(np.uint8)
    colour = np.repeat(grey, 3, axis=-1) if grey.shape[-1] == 1 else grey
    factor = max(1, _SMALLEST // max(min(colour.shape[1:3]), 1))
    return [np.kron(picture, np.ones((factor, factor, 1), np.uint8)) for picture in colour]
