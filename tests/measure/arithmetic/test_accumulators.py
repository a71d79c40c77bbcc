"""The int32 sums of a sample model, looked at in a child, against the bound that no input can leave."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import qexplorer as qx
from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.measure.arithmetic.accumulators import SAMPLES, Sums, accumulators, kept_accumulators
from qexplorer.measure.arithmetic.accumulators_child import histogram
from qexplorer.measure.arithmetic.integer_layers import integer_layers
from qexplorer.measure.arithmetic.overflow import accumulator_bound
from qexplorer.report.tensor_charts.accumulators import sums_rows, sums_spec


def test_every_integer_layer_is_looked_at_and_stays_within_its_bound(shared_workspace: object) -> None:  # noqa: ARG001
    """All layers that multiply codes are there, each sum is counted, and none is beyond what any input can bring."""
    model = qx.load("tumour_mlp")
    data = fit_to_model(qx.data("tumour"), model)
    told: list[float] = []
    found = accumulators(model, Recipe.parse("w8a8"), data, progress=lambda _, done: told.append(done))
    assert told == sorted(told)
    assert 0.5 < told[-1] <= 1
    graph = onnx.load(str(qx.quantize(model, "w8a8", data).path))
    bounds = {layer.name: accumulator_bound(layer).largest for layer in integer_layers(graph)[0]}
    assert [layer.layer for layer in found.layers] == list(bounds)
    for layer in found.layers:
        assert sum(layer.counts) == layer.count
        assert layer.count % SAMPLES == 0
        assert max(-layer.low, layer.high) <= bounds[layer.layer]
        assert layer.bits <= 32
        assert str(layer.bits) in sums_spec(layer, found.n, "here")["title"]["text"]
    assert kept_accumulators(found.digest, data.digest) == found == Sums.from_json(found.to_json())
    assert kept_accumulators(found.digest, "of other data") is None
    assert [row["layer"] for row in sums_rows(found)] == list(bounds)


def test_weights_alone_have_no_integer_sums(shared_workspace: object) -> None:  # noqa: ARG001
    """Where activations stay in float nothing is added up in integers, and the error says what to do."""
    model = qx.load("tumour_mlp")
    data = fit_to_model(qx.data("tumour"), model)
    with pytest.raises(QExplorerError, match="no layer of it adds up in integers"):
        accumulators(model, Recipe.parse("w8"), data)


@pytest.mark.parametrize("values", [[5], [-3, 4], list(range(-1000, 1000)), [-(2**31), 2**31 - 1]])
def test_no_sum_falls_out_of_its_histogram(values: list[int]) -> None:
    """Every sum is in one bin, from a single value to the whole of int32; bits are those of two's complement."""
    found = histogram(np.array(values, np.int32))
    assert sum(found["counts"]) == len(values)
    assert found["edges"][0] == min(values)
    assert found["edges"][-1] > max(values)
    assert len(found["counts"]) <= 97
    assert -(2 ** (found["bits"] - 1)) <= min(values) <= max(values) < 2 ** (found["bits"] - 1)
