"""Second moments of what layers are fed, ``H = X X^T / n``: what an error of a weight costs at the layer's output.

With the rows ``W`` of a layer and its inputs ``X`` (a column for each sample and position), the mean squared error at
the output is ``mean (D x)^2 = sum_rows d H d^T`` for ``D = W_q - W``: half of the Hessian of the layer's squared error
(Frantar et al. 2022, GPTQ, section 2; the factor cancels there).

Of each sample a seeded choice of positions is taken, so that what is added up grows with the width of a layer and not
with the size of pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Float32
from qexplorer.core.model import Model
from qexplorer.quantize.layerwise.fed import of_inputs
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.streams import Part

if TYPE_CHECKING:
    import onnx

__all__ = ["Moments", "chosen_places", "input_moments"]

Moments = NDArray[np.float64]
"""``(groups, columns, columns)``."""

_LEAST = 16384
"""Places of which moments are taken, at least, where there are so many."""


def input_moments(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    layers: Mapping[str, tuple[str, LayerMatrix]],
    progress: Callable[[float], None],
) -> dict[str, Moments]:
    """Runs ``proto`` on all samples.

    Args:
        proto: a graph with the inputs of ``model`` in which the layers' inputs are.
        model: says how samples are fed.
        split: the samples.
        layers: by name, the tensor that the layer reads and how it becomes a matrix.
        progress: told the share that is done after each batch.

    Returns:
        Means over samples and positions, by layer; layers whose input has no value are left out.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """

    def part(matrix: LayerMatrix, x: Float32, first: int) -> Part:
        return _moments(matrix, x, split.n, first)

    def join(one: Part, other: Part) -> Part:
        return one[0] + other[0], one[1] + other[1]

    found = of_inputs(proto, model, split, layers, part, join, progress)
    return {name: total / count for name, (total, count) in found.items() if count}


def chosen_places(places: int, columns: int, batch: int, samples: int, first: int) -> NDArray[np.intp] | None:
    """Which places of a batch are taken, by a seed; None: all of them.

    Args:
        places: that there are.
        columns: of the layer.
        batch: samples of the batch.
        samples: of all batches.
        first: number of the batch's first sample.
    """
    wanted = -(-max(_LEAST, 8 * columns) * batch // max(samples, 1))
    if places <= wanted:
        return None
    return np.sort(np.random.default_rng(first).choice(places, wanted, replace=False, shuffle=False))


def _moments(matrix: LayerMatrix, x: Float32, samples: int, first: int) -> Part:
    inputs = matrix.inputs(x)
    chosen = chosen_places(inputs.shape[-1], matrix.columns, len(x), samples, first)
    if chosen is not None:
        inputs = inputs[..., chosen]
    found = np.matmul(inputs, inputs.swapaxes(1, 2))
    return found.astype(np.float64), inputs.shape[-1]
