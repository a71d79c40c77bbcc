"""What a rounded weight costs at its layer's output, without running the layer: from the moments of its inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.grid import Float32
from qexplorer.quantize.layerwise.moments import Moments
from qexplorer.quantize.layerwise.weights import GridWeight

__all__ = ["error_words", "output_error"]


def output_error(weight: GridWeight, other: Float32, moments: Moments) -> float:
    """The error of the outputs with ``other`` in place of the weight, as a share of their size (root mean squares).

    Both are over all output channels together, biases left out; NaN where the outputs are all 0.
    """
    error = weight.matrix.rows(np.asarray(other, np.float64) - weight.values)
    size = weight.matrix.rows(np.asarray(weight.values, np.float64))
    noise, signal = _mean_square(error, moments), _mean_square(size, moments)
    return float(np.sqrt(noise / signal)) if signal > 0 else float("nan")


def _mean_square(rows: NDArray[np.float64], moments: Moments) -> float:
    return max(float(np.sum((rows @ moments) * rows)), 0.0)


def error_words(before: float, after: float) -> str:
    """The error of a layer's outputs with two roundings of its weight, as a clause."""
    return f"the error of its outputs is {after:.3g} of their size, with nearest rounding {before:.3g}"
