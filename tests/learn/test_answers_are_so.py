"""What the closing questions of lessons take for right is what the lessons compute."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from qexplorer.learn.controls import starts
from qexplorer.learn.lesson import LESSONS, Shown
from qexplorer.observe.editing.synthetic import synthetic


def _shown(name: str, values: str | None = None, **settings: Any) -> Shown:
    """A lesson at these settings, and at its start for the rest."""
    lesson = LESSONS.get(name)
    wanted = values or lesson.distribution
    tensor = synthetic(wanted) if lesson.subject and wanted else None
    return lesson.show({**starts(lesson.controls), **settings}, tensor)


def _bits(kind: str, code: int) -> dict[str, Any]:
    return {"as": kind, "code8": code}


@pytest.mark.parametrize(("kind", "dtype"), [("e4m3", ml_dtypes.float8_e4m3fn), ("e5m2", ml_dtypes.float8_e5m2)])
def test_all_codes_of_fp8_stand_for_what_ml_dtypes_says(kind: str, dtype: type) -> None:
    """Each of the 256 codes, with its distance to the next one; the largest is the one that the sentence names."""
    values = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float64)
    for code, value in enumerate(values):
        numbers = _shown("numbers_as_bits", **_bits(kind, code)).numbers
        assert numbers["finite"] == np.isfinite(value)
        if np.isfinite(value):
            assert numbers["value"] == value
            if code < 255 and np.isfinite(values[code + 1]) and code != 127:
                assert numbers["gap"] == abs(values[code + 1] - value)
    largest = np.max(values[np.isfinite(values)])
    assert f"reaches {largest:,.0f} at most" in _shown("numbers_as_bits", **_bits(kind, 0)).sentence


def test_steps_of_e4m3_near_10_and_near_100() -> None:
    """1 and 8 wide."""
    codes = np.arange(128, dtype=np.uint8)
    values = codes.view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    for value, gap in ((10.0, 1.0), (96.0, 8.0), (104.0, 8.0)):
        code = int(codes[values == value][0])
        assert _shown("numbers_as_bits", **_bits("e4m3", code)).numbers["gap"] == gap


def test_the_best_range_gets_wider_with_bits() -> None:
    """On each distribution whose range is worth cutting."""
    for values in ("normal", "laplace", "outliers"):
        few, more = (_shown("rounding_or_clipping", values, bits=bits).numbers["best"] for bits in (4, 8))
        assert few < more, values


def test_a_rotation_gives_the_other_channels_their_levels_back_and_loses_nothing_of_the_large_one() -> None:
    """Without it 3 levels are left; with it nearly all, and the large channel keeps more than when it is clipped."""
    none, turned, cut = (_shown("outliers", times=100, remedy=remedy).numbers for remedy in ("none", "rotate", "clip"))
    assert none["levels"] < 10 < 100 < turned["levels"]
    assert turned["own"] > cut["own"] + 20


def test_which_byte_two_codes_are_and_how_many_bits_a_weight_takes() -> None:
    """1 and then 2 are 0x21; 4 bits and 16 for every 32 weights are 4.5."""
    assert _shown("packing", first=1, second=2).numbers["byte"] == 0x21
    assert _shown("packing", block="32").numbers["bits_each"] == 4.5


def test_narrow_channels_beside_one_fifty_times_as_wide_are_lost_at_4_bits() -> None:
    """With one scale for all; with a scale for each none is."""
    lost = [_shown("granularity", spread=50, granularity=each).numbers["lost"] for each in ("tensor", "channel")]
    assert lost[0] > 0 == lost[1]


def test_one_value_far_out_leaves_its_channel_bad_even_with_a_scale_of_its_own() -> None:
    """And clipping is what helps, as the question at the end of Repair takes it."""
    numbers = _shown("repair", fault="outlier").numbers
    assert numbers["db_channel"] < 6 < 20 < numbers["db_percentile"]


@pytest.mark.parametrize(("fault", "remedy"), [("unequal", "channel"), ("outlier", "percentile"), ("narrow", "data")])
def test_each_fault_has_the_remedy_that_the_idea_of_repair_names(fault: str, remedy: str) -> None:
    """It is better by 6 dB than the next one at the same bits; more bits do not help a range that is too narrow."""
    numbers = _shown("repair", fault=fault).numbers
    others = [numbers[f"db_{each}"] for each in ("none", "channel", "percentile", "data") if each != remedy]
    assert numbers[f"db_{remedy}"] > max(others) + 6
    assert (numbers["db_bits"] > numbers["db_none"] + 20) == (fault != "narrow")


def test_a_smaller_rate_lets_the_weight_swing_less() -> None:
    """With a rate of 0.05 it swings in the end, and how many jumps there are grows with the rate."""
    jumps = [_jumps(rate) for rate in (0.02, 0.05, 0.2)]
    assert 0 < jumps[1] < jumps[2]
    assert jumps[0] <= jumps[1]


def _jumps(rate: float) -> int:
    """How often the level changes in the last 20 of 40 steps."""
    levels = [
        _shown("straight_through", gradient="through", rate=rate, step=step).numbers["level"] for step in range(20, 41)
    ]
    return int(np.count_nonzero(np.diff(levels)))


@pytest.mark.parametrize("at", [0, 37, 100])
@pytest.mark.parametrize("values", ["normal", "outliers"])
def test_a_byte_and_two_weights_in_steps_are_those_of_a_file(values: str, at: int) -> None:
    """Two neighbours of the tensor as ONNX packs them, on the grid whose code -8 is the largest magnitude."""
    array = synthetic(values).array
    assert array is not None
    scale = np.float32(array[np.abs(array).argmax()] / -8)
    start = 2 * round((array.size // 2 - 1) * at / 100)
    steps = (array[start : start + 2] / scale).astype(np.float64)
    low, high = (int(code) & 15 for code in np.clip(np.rint(steps), -8, 7))
    assert _shown("packing", values, at=at).numbers["byte"] == low + 16 * high
    nearest = float(np.square(np.clip(np.rint(steps), -8, 7) - steps).sum())
    assert _shown("more_than_rounding", values, at=at).numbers["nearest"] == pytest.approx(nearest, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("values", ["normal", "relu"])
def test_a_number_of_a_tensor_is_within_its_grid(values: str) -> None:
    """From the least to the largest value of the tensor none is clipped, and each comes back within half a step."""
    for at in (0, 50, 100):
        numbers = _shown("scale_and_zero_point", values, at=at, bits=8).numbers
        assert numbers["error"] <= 0.5001 * numbers["scale"]
        assert not numbers["clipped"]
