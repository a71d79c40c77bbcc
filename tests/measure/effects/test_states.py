"""Weights on their grids and powers of errors, in numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid
from qexplorer.measure.effects.effect_types import AlgorithmEffect, EffectReport, LayerEffect
from qexplorer.measure.effects.effects import _state
from qexplorer.measure.effects.layer_outputs import Errors, Powers
from qexplorer.measure.effects.weight_states import CodedWeight, moved_codes


def weight(scale: tuple[float, ...] = (0.5, 0.25)) -> CodedWeight:
    """Two channels of three, off by a tenth of a unit at one place each."""
    codes = np.array([[-2, 0, 3], [4, 4, -8]], np.int32)
    steps = np.asarray(scale, np.float32)
    values = (codes * steps[:, None]).astype(np.float32)
    values[0, 0] += 0.1
    values[1, 2] -= 0.1
    grid = Grid(get_format("int4"), steps, np.zeros(2, np.int32), 0, None, -8, 7)
    return CodedWeight("layer", "Conv", "int4 per channel", "y", values, codes, grid, 0)


def test_a_layer_s_state_is_that_of_its_weight_and_its_output() -> None:
    """Errors of the weight in its own units and in dB, steps of each channel's own grid, shares of all weights."""
    errors = Errors(inside={"y": Powers(400.0, 4.0, 8)})
    found = _state(weight(), errors)
    power = np.mean(np.square([0.9, 0.0, 1.5, 1.0, 1.0, 2.1]))
    assert found.scales == (0.25, 0.5)
    assert found.weight_mse == pytest.approx(2 * 0.01 / 6, rel=1e-5)
    assert found.weight_sqnr_db == pytest.approx(10 * math.log10(power / (2 * 0.01 / 6)), abs=1e-4)
    assert (found.output_mse, found.output_sqnr_db) == (0.5, pytest.approx(20.0))
    assert found.levels == (-8, -2, 0, 3, 4)
    assert found.level_shares == pytest.approx((1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 3), abs=1e-5)
    assert found.reaches == pytest.approx((1.5, 2.1))
    assert (found.edges[0], found.edges[-1], len(found.edges)) == (pytest.approx(-8.4), 4.0, 121)
    assert sum(found.shares) == pytest.approx(1, abs=1e-4)
    elsewhere = _state(weight(), Errors())
    assert (elsewhere.output_mse, elsewhere.output_sqnr_db) == (None, None)


def test_codes_that_moved_are_counted_by_their_side() -> None:
    """Of six three are others, two of them higher; codes of another format or shape cannot be laid side by side."""
    before = weight()
    codes = before.codes.copy()
    codes[0, 0], codes[1, 2] = -1, -7
    codes[0, 2] = 2
    assert moved_codes(before, replace(before, codes=codes)) == (0.5, pytest.approx(1 / 3))
    assert moved_codes(before, replace(before, grid=replace(before.grid, format=get_format("int3")))) is None
    assert moved_codes(before, replace(before, codes=codes.reshape(3, 2))) is None


def test_many_channels_and_levels_are_told_by_some_of_them() -> None:
    """256 channels, first and last among them; of 1,000 levels each two neighbours are one."""
    values = np.arange(1000, dtype=np.float32)[:, None]
    grid = Grid(get_format("int16"), np.float32(1), np.int32(0), None, None, -(2**15), 2**15 - 1)
    found = CodedWeight("layer", "Gemm", "int16", "y", values, values.astype(np.int32), grid, 0)
    reaches = found.reaches()
    assert (len(reaches), reaches[0], reaches[-1]) == (256, 0, 999)
    levels, shares = found.levels()
    assert levels.tolist() == list(range(0, 1000, 2))
    assert set(shares.tolist()) == {0.002}
    turned = replace(found, values=values.T, codes=found.codes.T, axis=1)
    np.testing.assert_array_equal(turned.reaches(), reaches)


def test_powers_are_sums_over_what_is_finite() -> None:
    """Errors in dB and mean squares of all batches; neither where nothing was added, no dB where nothing is off."""
    powers = Powers()
    assert (powers.sqnr_db, powers.mse) == (None, None)
    powers.add(np.array([3.0, np.inf, 1.0], np.float32), np.array([3.0, 0.0, np.nan], np.float32))
    assert (powers.signal, powers.error, powers.count, powers.sqnr_db, powers.mse) == (9.0, 0.0, 1, None, 0.0)
    powers.add(np.array([1.0], np.float16), np.array([0.0], np.float32))
    assert (powers.sqnr_db, powers.mse) == (pytest.approx(10.0), 0.5)


def test_an_effect_is_found_by_its_name_and_gains_what_its_output_does() -> None:
    """In dB; None where either side has none, and nothing under another name."""
    states = [_state(weight(), Errors(inside={"y": Powers(400.0, error, 8)})) for error in (4.0, 40.0, 0.0)]
    layers = tuple(
        LayerEffect(name, "Conv", before, after, None, None, None, "")
        for name, before, after in zip("abc", states[1:] + states[:1], states[:1] * 2 + states[1:2], strict=True)
    )
    effect = AlgorithmEffect("gptq", "GPTQ", "w4", None, None, None, layers)
    report = EffectReport("d", "m", "w4-gptq", "noise", 8, (replace(effect, algorithm="hqq"), effect))
    assert [layer.gain_db and round(layer.gain_db, 6) for layer in layers] == [10.0, None, -10.0]
    assert effect.layer("b") is layers[1]
    assert effect.layer("d") is None
    assert report.of("gptq") is effect
    assert report.of("awq") is None
