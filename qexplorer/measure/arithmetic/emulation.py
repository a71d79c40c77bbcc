"""Saturating sums emulated on samples, next to exact ones.

The simulation computes each layer exactly. Where a kernel could saturate, what saturation changes in the accumulator
is added to the layer's output (times both scales), and the graph goes on from there: exact and saturating answers
differ by saturation and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.passing import passing_folder
from qexplorer.measure.arithmetic.integer_layers import IntegerLayer, integer_layers
from qexplorer.measure.arithmetic.overflow import accumulator_bound, bits_of, largest_in_data
from qexplorer.measure.arithmetic.pair_sums import PairRisk, change_by_saturation, move_of, pair_risk, why_exact
from qexplorer.measure.arithmetic.saturation_types import LayerArithmetic
from qexplorer.measure.arithmetic.stages import StagedModel
from qexplorer.run.batching import run_in_batches
from qexplorer.run.registry import reference

if TYPE_CHECKING:
    import onnx

__all__ = ["Emulated", "emulated"]


@dataclass(frozen=True, slots=True, eq=False)
class Emulated:
    """What came of it.

    Attributes:
        layers: what was seen of each, in execution order.
        left_out: (layer, why it multiplies no codes).
        exact: the graph's outputs with exact sums.
        saturating: with pair sums that saturate at 16 bits; the same arrays where no layer is at risk.
    """

    layers: tuple[LayerArithmetic, ...]
    left_out: tuple[tuple[str, str], ...]
    exact: list[Array]
    saturating: list[Array]


def emulated(
    model: onnx.ModelProto,
    inputs: dict[str, Array],
    *,
    batch: int,
    fixed_batch: int | None,
    tell: Callable[[float], None],
) -> Emulated:
    """Runs samples through a quantized graph with both ways of adding.

    Args:
        model: a QDQ graph.
        inputs: samples by input name.
        batch: samples at a time.
        fixed_batch: what the graph insists on.
        tell: told the share that is done.

    Raises:
        BackendError: the reference cannot run the graph.
    """
    layers, left_out = integer_layers(model)
    n = len(next(iter(inputs.values())))
    with passing_folder("emulation") as folder:
        stops = [(layer.codes, layer.output) for layer in layers]
        staged = StagedModel(model, stops, reference(), Path(folder))
        record = _Record(layers)
        batches = (batch, fixed_batch)
        exact = _all(staged, record.watch, inputs, batches, n, lambda done: tell(done / 2))
        saturating = exact  # with nothing at risk a second pass would be the first once more
        if any(record.risky):
            saturating = _all(staged, record.saturate, inputs, batches, n, lambda done: tell(0.5 + done / 2))
    return Emulated(tuple(record.rows()), tuple((name, why) for name, why in left_out), exact, saturating)


class _Record:
    """What is seen of each layer on the way."""

    def __init__(self, layers: Sequence[IntegerLayer]) -> None:
        self.layers = layers
        self.risks: list[list[PairRisk]] = [
            [pair_risk(group, layer.low + move_of(layer), layer.high + move_of(layer)) for group in layer.weight]
            for layer in layers
        ]
        self.why = [why_exact(layer) for layer in layers]
        self.risky = [
            why is None and any(risk.columns.size for risk in risks)
            for why, risks in zip(self.why, self.risks, strict=True)
        ]
        self.largest = [0] * len(layers)
        self.saturated, self.pairs, self.worst = [0] * len(layers), [0] * len(layers), [0] * len(layers)

    def watch(self, index: int, _codes: Array, output: Array) -> Array:
        """Exact: notes how large accumulators get."""
        self.largest[index] = max(self.largest[index], largest_in_data(self.layers[index], output))
        return output

    def saturate(self, index: int, codes: Array, output: Array) -> Array:
        """Adds what saturation changes."""
        if not self.risky[index]:
            return output
        layer = self.layers[index]
        change, count, pairs = change_by_saturation(layer, self.risks[index], codes)
        self.saturated[index] += count
        self.pairs[index] += pairs
        self.worst[index] = max(self.worst[index], int(np.abs(change).max(initial=0)))
        step = layer.step.reshape(1, -1, *[1] * (output.ndim - 2)) if layer.geometry else layer.step
        return np.asarray(output + (change * step).astype(np.float32), output.dtype)

    def rows(self) -> list[LayerArithmetic]:
        """Layer by layer."""
        return [self._row(index) for index in range(len(self.layers))]

    def _row(self, index: int) -> LayerArithmetic:
        layer, risks, why = self.layers[index], self.risks[index], self.why[index]
        bound = accumulator_bound(layer)
        pairs = sum(risk.pairs for risk in risks)
        seen = 0.0 if not self.risky[index] else self.saturated[index] / max(self.pairs[index], 1)
        return LayerArithmetic(
            name=layer.name,
            op=layer.op,
            pair_bound=max(risk.largest for risk in risks),
            risky_pairs=0.0 if why else sum(risk.columns.size for risk in risks) / max(pairs, 1),
            exact_because=why,
            saturated=seen,
            worst_change=self.worst[index],
            accumulator_bound=bound.largest,
            accumulator_bits=bound.bits,
            data_largest=self.largest[index],
            data_bits=bits_of(self.largest[index]),
            bias_bits=None if bound.bias is None else bits_of(bound.bias),
            bias_reason=bound.reason,
        )


class _Staged:
    """A staged model with its changes, as a session of ``run_in_batches``."""

    def __init__(self, staged: StagedModel, replace: Any) -> None:
        self.staged, self.replace = staged, replace

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs of one batch."""
        return self.staged.run(feeds, self.replace)


def _all(
    staged: StagedModel, replace: Any, inputs: dict[str, Array], batches: tuple[int, Any], n: int, told: Any
) -> list[Array]:
    session: Any = _Staged(staged, replace)
    return run_in_batches(
        session, inputs, batch=batches[0], fixed_batch=batches[1], progress=lambda done: told(done / n)
    )
