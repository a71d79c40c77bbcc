"""What quantizing costs the layers that read one tensor, on rows of it, for inputs and weights that were changed alike.

The weights get the grids that the recipe asks for, the rows one of the activations' format; the error of the outputs is
taken against float, layer by layer as a share of their power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Float32, fake_quantize, grid_from_range
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.quantize.constants import decodes_weight, fitting
from qexplorer.quantize.outliers.input_groups import InputGroup

__all__ = ["GroupError"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupError:
    """Judges candidates for one group.

    Attributes:
        group: the layers.
        view: the graph that they are in.
        weights: of each, as they are.
        rows: of each, ``(groups, columns, places)``.
        wanted: the outputs in float, of each ``(groups, rows, places)``.
    """

    group: InputGroup
    view: GraphIndex
    weights: tuple[Float32, ...]
    rows: tuple[Float32, ...]
    wanted: tuple[Float32, ...]

    @classmethod
    def of(cls, group: InputGroup, view: GraphIndex, weights: Sequence[Float32], rows: Sequence[Float32]) -> GroupError:
        """The judge for these weights and rows."""
        wanted = (m.rows(w) @ x for m, w, x in zip(group.matrices, weights, rows, strict=True))
        return cls(group, view, tuple(weights), tuple(rows), tuple(wanted))

    def of_candidate(
        self,
        weights: Sequence[Float32],
        rows: Sequence[Float32],
        span: tuple[float, float] | None = None,
        beside: Sequence[Float32] | None = None,
        *,
        quick: bool = False,
    ) -> float:
        """The error at the outputs as a share of their size (root mean squares), over all layers of the group.

        Args:
            weights: changed ones, of the same shapes.
            rows: changed the other way, so that products are the same in float.
            span: smallest and largest value of the changed input; those of ``rows`` if None.
            beside: what is added to the outputs of each layer in float.
            quick: whether grids of weights hold all values, whatever the recipe's calibrator: to look for candidates,
                since some calibrators take a hundred times as long.
        """
        more = beside or [np.zeros((), np.float32)] * len(weights)
        shares = [self._share(at, weights[at], rows[at], span, more[at], quick=quick) for at in range(len(weights))]
        return float(np.sqrt(np.mean(shares)))

    def _share(
        self, at: int, weight: Float32, rows: Float32, span: tuple[float, float] | None, more: Float32, *, quick: bool
    ) -> float:
        decision, matrix = self.group.decisions[at], self.group.matrices[at]
        assert decision.spec.weights is not None, "groups have weights on grids"
        asked = decision.spec.weights.with_calibrator("minmax") if quick else decision.spec.weights
        spec, axis, block_axis, _ = fitting(decision, asked, self.view)
        own = weight_grid(weight, spec, axis, block_axis, either_sign=decodes_weight(decision))
        rounded = fake_quantize(weight, own)
        found = matrix.rows(rounded) @ self._on_codes(at, rows, span) + more
        size = float(np.square(self.wanted[at], dtype=np.float64).mean()) or 1.0
        return float(np.square(found - self.wanted[at], dtype=np.float64).mean()) / size

    def _on_codes(self, at: int, rows: Float32, span: tuple[float, float] | None) -> Float32:
        """The rows as the layer reads them."""
        asked = self.group.decisions[at].spec.activations
        if asked is None:
            return rows
        low, high = span if span is not None else (float(rows.min(initial=0.0)), float(rows.max(initial=0.0)))
        grid = grid_from_range(low, high, get_format(asked.format), symmetric=asked.symmetric)
        return fake_quantize(np.ascontiguousarray(rows), grid)
