"""Values whose best ranges are known, shared by the tests of calibrators."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weights import array_stats

__all__ = ["channels", "normal", "stats_of"]


def stats_of(x: Any) -> TensorStats:
    """The values as a tensor without channels."""
    return array_stats("x", np.asarray(x, np.float32), None)


def normal(n: int = 200_000, seed: int = 0) -> Any:
    """Standard normal values."""
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def channels(seed: int = 5) -> Any:
    """A convolution's weight with heavy tails, whose twelve channels differ in size by a factor of 300."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(0.01, 3, 12, dtype=np.float32)[:, None, None, None]
    return (rng.standard_t(4, (12, 40, 3, 3)) * scale).astype(np.float32)
