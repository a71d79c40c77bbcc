"""Values drawn from textbook distributions, as statistics of a tensor: what lessons and the grid editor show on them.

Standard deviation 1 before anything is cut or added, so that scales of different ones can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.errors import InputError
from qexplorer.observe.stats import TensorStats

__all__ = ["DISTRIBUTIONS", "Synthetic", "synthetic"]

_VALUES = 65536
_SEED = 16

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Synthetic:
    """One distribution.

    Attributes:
        title: what a person reads.
        text: what it stands for, one sentence.
        kind: whether weights or activations look so.
        draw: values from it.
    """

    title: str
    text: str
    kind: Literal["weight", "activation"]
    draw: Draw


def _normal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.standard_normal(n)


def _laplace(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.laplace(0.0, np.sqrt(0.5), n)


def _bimodal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return np.where(rng.random(n) < 0.5, -0.95, 0.95) + rng.normal(0.0, np.sqrt(1 - 0.95**2), n)


def _relu(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return np.maximum(rng.standard_normal(n), 0.0)


def _outliers(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    values = rng.standard_normal(n)
    at = rng.choice(n, max(n // 1000, 1), replace=False)
    values[at] = rng.choice([-1.0, 1.0], len(at)) * rng.uniform(15.0, 30.0, len(at))
    return values


DISTRIBUTIONS: Mapping[str, Synthetic] = {
    "normal": Synthetic("Normal", "Weights of most trained layers look much like it.", "weight", _normal),
    "laplace": Synthetic("Laplace", "A sharper peak and heavier tails: sparse or pruned weights.", "weight", _laplace),
    "bimodal": Synthetic(
        "Bimodal", "Two humps and little at zero: weights trained for two levels.", "weight", _bimodal
    ),
    "relu": Synthetic("ReLU-like", "Half of all values are exactly zero, none is negative.", "activation", _relu),
    "outliers": Synthetic(
        "Heavy outliers",
        "One value in a thousand is 15 to 30 standard deviations out: activations of large transformers.",
        "activation",
        _outliers,
    ),
}
"""The distributions by name, in the order in which they are offered."""


@lru_cache(maxsize=16)
def synthetic(name: str, values: int = _VALUES) -> TensorStats:
    """Statistics of ``values`` numbers drawn from a distribution, the same in every process and on every machine.

    Args:
        name: a key of ``DISTRIBUTIONS``.
        values: how many, at least 1.

    Returns:
        Statistics with the values as ``array``, float32 ``(values,)``; there are no channels.

    Raises:
        InputError: there is no such distribution, or no value is asked for.
    """
    if name not in DISTRIBUTIONS:
        raise InputError(f"there is no distribution '{name}'", allowed=", ".join(DISTRIBUTIONS))
    if values < 1:
        raise InputError(f"a distribution needs at least 1 value, not {values}")
    from qexplorer.observe.collecting.accumulate import histogram_of

    chosen = DISTRIBUTIONS[name]
    array = chosen.draw(np.random.default_rng(_SEED), values).astype(np.float32)
    array.setflags(write=False)
    histogram = histogram_of(array)
    ends = (histogram.minimum, histogram.maximum)
    return TensorStats(chosen.title, chosen.kind, array.shape, histogram, None, None, ends, array)
