"""Unlabelled images for architectures without training: smooth coloured noise, the same on every machine."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.datasets.resize import resize

__all__ = ["noise_data", "noise_images"]

_CALIBRATION, _EVALUATION, _SIZE, _SEED = 64, 32, 224, 11


def noise_images(n: int, size: int = _SIZE, seed: int = _SEED) -> NDArray[np.float32]:
    """``n`` images of shape (3, ``size``, ``size``), float32, with mean about 0 and spread about 1.

    Each is like a normalized photograph: a sum of random grids of 4, 8, 16, ... points a side, enlarged to the image
    and weighted by their coarseness, as the spectrum of photographs falls with frequency; channels share most of it.
    Memory: 4 bytes a value and one image more.
    """
    images = np.empty((n, 3, size, size), np.float32)
    for index in range(n):
        random = np.random.default_rng((seed, index))
        image = np.zeros((3, size, size), np.float32)
        points, weight = 4, 1.0
        while points <= size // 2:
            shared = random.standard_normal((1, points, points), dtype=np.float32)
            own = random.standard_normal((3, points, points), dtype=np.float32)
            image += np.float32(weight) * resize(shared + np.float32(0.4) * own, (size, size), (1, 2))
            points, weight = points * 2, weight * 0.6
        images[index] = (image - image.mean()) / image.std() + random.uniform(-0.3, 0.3)
    return images


@lru_cache(maxsize=1)
def noise_data() -> RawData:
    """64 images to calibrate and 32 to judge with, without labels."""
    images = noise_images(_CALIBRATION + _EVALUATION)
    images.setflags(write=False)
    return RawData(
        name="noise_224",
        calibration=Split({"": images[:_CALIBRATION]}),
        evaluation=Split({"": images[_CALIBRATION:]}),
        task="similarity",
        notes=("Smooth random images without labels: they exercise a network, they mean nothing.",),
    )
