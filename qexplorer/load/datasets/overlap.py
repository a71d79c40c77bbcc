"""How many samples that judge occur among those that calibrate: looked at, by the digest of each sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from qexplorer.core.dataset import Split

__all__ = ["shared_samples"]


def shared_samples(calibration: Split, evaluation: Split) -> int:
    """Samples of ``evaluation`` whose inputs, bit for bit, are those of a sample of ``calibration``.

    Labels do not count: what leaks from one part into the other are values.
    """
    if evaluation is calibration:
        return evaluation.n if evaluation.inputs else 0
    known = set(_digests(calibration))
    return sum(digest in known for digest in _digests(evaluation))


def _digests(split: Split) -> Iterator[bytes]:
    if not split.inputs:
        return
    arrays = [array for _, array in sorted(split.inputs.items())]
    for place in range(split.n):
        found = hashlib.blake2b(digest_size=16)
        for array in arrays:
            found.update(np.ascontiguousarray(array[place]).reshape(-1).view(np.uint8).data)
        yield found.digest()
