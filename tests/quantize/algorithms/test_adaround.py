"""AdaRound: brute force on small problems, up or down and nothing else, and what it leaves alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import Cancelled, RecipeError
from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid, dequantize, grid_from_range, quantize
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.algorithms.adaround import AdaroundOptions, rounded
from qexplorer.quantize.layerwise.both_inputs import BothMoments
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.output_error import better_codes, row_errors
from qexplorer.quantize.layerwise.weights import GridWeight
from qexplorer.quantize.quantize import quantize_model
from tests.quantize.given_data import data_of, quantized
from tests.quantize.support import case


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _weight(columns: int, seed: int = 0, format: str = "int3", rows: int = 6) -> tuple[GridWeight, np.ndarray]:
    """A weight with a scale for each row, and moments of inputs that go together."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, columns)).astype(np.float32)
    high = np.abs(values).max(1) * np.float32(0.8)
    grid = grid_from_range(-high, high, get_format(format), symmetric=True, axis=0)
    inputs = random.normal(size=(columns, columns)) @ random.normal(size=(columns, 300)) + 0.5
    return GridWeight(("layer",), LayerMatrix("Gemm", values.shape), 1, values, grid), (inputs @ inputs.T / 300)[None]


def _codes(weight: GridWeight, moments: np.ndarray | BothMoments, **options: float) -> np.ndarray:
    return rounded(weight, moments, AdaroundOptions(**options), lambda _: None)  # type: ignore[arg-type]


def test_it_finds_most_of_what_brute_force_finds() -> None:
    """Of 2^8 ways to round a row up or down; nearest rounding is far from the best of them."""
    near = best = learned = 0.0
    for seed in range(5):
        weight, moments = _weight(8, seed)
        grid, steps = weight.grid, weight.values / weight.grid.scale[:, None]
        ways = np.array(list(itertools.product((0, 1), repeat=8)))
        codes = np.clip(np.floor(steps)[:, None, :] + ways, grid.qmin, grid.qmax)
        off = (codes - steps[:, None, :]) * grid.scale[:, None, None]
        best += float(np.sum((off @ moments[0]) * off, -1).min(1).sum())
        near += float(row_errors(weight, dequantize(quantize(weight.values, grid), grid), moments).sum())
        chosen = better_codes(weight, _codes(weight, moments), moments).codes
        learned += float(row_errors(weight, dequantize(chosen, grid), moments).sum())
    assert best <= learned
    assert learned - best < 0.2 * (near - best)


def test_every_code_is_one_below_or_above_its_value() -> None:
    """Within the grid, whose ends some values lie beyond."""
    weight, moments = _weight(24)
    codes, grid = _codes(weight, moments), weight.grid
    low = np.floor(weight.values / grid.scale[:, None])
    assert np.all((codes == np.clip(low, grid.qmin, grid.qmax)) | (codes == np.clip(low + 1, grid.qmin, grid.qmax)))
    nearest = quantize(weight.values, grid)
    assert not np.array_equal(codes, nearest)
    beyond = np.abs(weight.values / grid.scale[:, None]) > 3.5
    assert beyond.any()
    assert np.array_equal(codes[beyond], nearest[beyond])


def test_unrelated_inputs_leave_rounding_to_nearest() -> None:
    """With diagonal moments each weight decides alone."""
    weight, _ = _weight(24)
    moments = np.diag(np.random.default_rng(1).gamma(2.0, 1.0, 24))[None]
    steps = weight.values / weight.grid.scale[:, None]
    clear = np.abs(steps - np.floor(steps) - 0.5) > 0.02
    assert np.array_equal(_codes(weight, moments)[clear], quantize(weight.values, weight.grid)[clear])


@pytest.mark.parametrize("symmetric", [True, False])
def test_never_worse_than_nearest(symmetric: bool) -> None:
    """Row by row, however little was learned, with and without zero points; with more steps the gain grows."""
    plain, moments = _weight(40, 3)
    low, high = plain.values.min(1), plain.values.max(1)
    grid = grid_from_range(low, high, get_format("uint3"), symmetric=symmetric, axis=0)
    weight = GridWeight(plain.layers, plain.matrix, 1, plain.values, grid)
    before = row_errors(weight, dequantize(quantize(weight.values, grid), grid), moments)
    gains = []
    for steps in (3, 1000):
        found = better_codes(weight, _codes(weight, moments, steps=steps), moments)
        after = row_errors(weight, dequantize(found.codes, grid), moments)
        assert np.all(after <= before)
        gains.append(1 - after.sum() / before.sum())
    assert gains[1] > max(gains[0], 0.4)


def test_levels_that_are_not_evenly_spaced_and_weights_on_their_grid_keep_their_codes() -> None:
    """There is no up or down by one step, or nothing to gain."""
    weight, moments = _weight(16, format="nf4")
    assert np.array_equal(_codes(weight, moments), quantize(weight.values, weight.grid))
    grid = Grid(get_format("int4"), np.float32(1), np.int32(0), None, None, -7, 7)  # type: ignore[arg-type]
    whole = GridWeight(("layer",), weight.matrix, 1, np.rint(weight.values), grid)
    assert np.array_equal(_codes(whole, moments), quantize(whole.values, grid))


def test_it_can_be_cancelled_in_the_middle_of_a_layer() -> None:
    """The share that is done is told as it learns, and telling may stop it."""
    weight, moments = _weight(8)
    shares: list[float] = []

    def told(share: float) -> None:
        shares.append(share)
        if share >= 0.5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        rounded(weight, moments, AdaroundOptions(steps=200), told)
    assert shares == [0, 0.25, 0.5]


def test_the_gain_of_the_first_layer_is_told_before_the_others_are_observed() -> None:
    """With the error at its outputs and that of nearest rounding, until the next one's is known; shares only grow."""
    one, told = case("cnn"), list[tuple[str, float]]()
    data = replace(data_of(one), digest="told")
    quantize_model(one.model, Recipe.parse("w3-adaround"), None, data, progress=lambda *step: told.append(step))
    gains = [step.partition("; ")[2] for step, _ in told]
    first = next(place for place, gain in enumerate(gains) if gain)
    assert "of the output's size, nearest" in gains[first]
    assert first < max(place for place, (step, _) in enumerate(told) if "observing the inputs of " in step)
    assert all(gains[first:])
    assert len(set(gains[first:])) == 3
    assert [share for _, share in told] == sorted(share for _, share in told)


def test_it_makes_up_for_what_earlier_rounding_did() -> None:
    """On inputs that were rounded, the output comes nearer to the float network's, the more so the larger the
    correction; inputs that were not are as those of one network, bit for bit."""
    random, errors = np.random.default_rng(0), dict[float, float]()
    weight, _ = _weight(16)
    real = random.normal(size=(16, 16)) @ random.normal(size=(16, 400)) + 0.5
    fed = 0.9 * real + random.normal(0.2, 0.4, real.shape)
    xx, xy, yy = ((a @ b.T / 400)[None] for a, b in ((real, real), (real, fed), (fed, fed)))
    both = BothMoments(xx, xy, yy)
    for share in (0.0, 0.5, 1.0):
        codes = _codes(weight, both, correction=share)
        errors[share] = float(row_errors(weight, dequantize(codes, weight.grid), both).sum())
    assert errors[1.0] < errors[0.5] < errors[0.0]
    assert np.array_equal(_codes(weight, both, correction=0.0), _codes(weight, yy))
    assert np.array_equal(_codes(weight, BothMoments(xx, xx, xx), correction=1.0), _codes(weight, xx))


@pytest.mark.parametrize("recipe", ["w3-adaround", "w3a8-tensor-adaround", "w3-b8-adaround"])
def test_the_plan_says_what_it_did_to_the_outputs(recipe: str) -> None:
    """And one that GPTQ rounds already is refused, with the reason."""
    one = case("cnn")
    found = quantized(one.model, recipe, data_of(one))
    reasons = [layer.reason for layer in found.plan.layers if layer.op in ("Conv", "Gemm")]
    assert any("AdaRound: the error of its outputs is " in reason for reason in reasons)
    with pytest.raises(RecipeError, match="adaround"):
        Recipe.parse(f"{recipe}-gptq")
