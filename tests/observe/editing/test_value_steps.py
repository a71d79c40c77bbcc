"""One value, step by step: the numbers are those of the grid, and a scale comes about as its format says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.formats import Format, Granularity, get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Grid, fake_quantize, quantize
from qexplorer.observe.editing.value_steps import follow_value
from qexplorer.observe.tensor_grid import grid_view
from qexplorer.observe.weights import array_stats

ARRAY = (np.random.default_rng(4).standard_normal((6, 70)) * np.geomspace(0.01, 3, 6)[:, None]).astype(np.float32)
"""Blocks of 16 and 32 do not divide its rows."""
CASES = [
    ("int8", "tensor", True),
    ("int8", "channel", False),
    ("uint4", "block", False),
    ("int4", "block", True),
    ("codebook2", "channel", True),
    ("pot", "channel", True),
    ("nf4", "block", True),
    ("mxfp4", "block", True),
    ("mxfp8", "block", True),
    ("nvfp4", "block", True),
]


def _grid(kind: Format, granularity: str, symmetric: bool, calibrator: str = "minmax") -> Grid:
    stats, block = array_stats("w", ARRAY, 0), kind.default_block or 32
    asked = Granularity(granularity)
    found = grid_view(stats, format=kind, symmetric=symmetric, granularity=asked, calibrator=calibrator, block=block)
    return found.grid


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize(("name", "granularity", "symmetric"), CASES)
def test_code_and_value_are_those_of_the_grid(name: str, granularity: str, symmetric: bool, signs: bool) -> None:
    """Of every value; where scales are of either sign the code is that of a file, which has no zero points."""
    kind = get_format(name)
    if signs:
        if not isinstance(kind, UniformFormat) or not symmetric:
            return
        kind = kind.of_either_sign()
    grid = _grid(kind, granularity, symmetric)
    codes, back = quantize(ARRAY, grid), fake_quantize(ARRAY, grid)
    codes = grid.with_signs(codes)[0] if signs else codes
    for place in range(ARRAY.size):
        found = follow_value(ARRAY, grid, place)
        assert found.value == ARRAY.flat[place]
        assert found.back == back.flat[place]
        assert found.code == codes.flat[place]
        assert found.steps[-1][0] == "error"


def test_how_a_scale_came_about() -> None:
    """A shared exponent from the largest magnitude, a coded scale from two parts, and a channel's learned levels."""
    place = int(np.abs(ARRAY[2, 32:64]).argmax()) + 2 * 70 + 32
    mx = dict(follow_value(ARRAY, _grid(get_format("mxfp4"), "block", True), place).steps)
    power = int(np.floor(np.log2(np.abs(ARRAY[2, 32:64]).max()))) - 2
    assert mx["its block"].startswith("number 1, places 32 to 63 along axis 1: 32 values")
    assert f"2^{power} =".replace("-", "\N{MINUS SIGN}") in mx["scale of the block"]
    chosen = _grid(get_format("mxfp4"), "block", True)
    halved = replace(chosen, scale=chosen.scale / 2)
    assert "the calibrator chose" in dict(follow_value(ARRAY, halved, place).steps)["scale of the block"]

    grid = _grid(get_format("nvfp4"), "block", True)
    coded = dict(follow_value(ARRAY, grid, place).steps)
    levels = get_format("fp8_e4m3").levels()
    assert levels is not None
    code, whole = coded["scale of the block"].split(" in fp8_e4m3")[0], coded["scale of the tensor"].split(" = ")[1]
    assert any(f"{level:.5g}" == code for level in levels)
    assert float(code) * float(whole) == pytest.approx(float(grid.scale[2, place % 70 // 16]), rel=1e-3)

    learned = _grid(get_format("codebook2"), "channel", True)
    assert learned.own is not None
    said = dict(follow_value(ARRAY, learned, 2 * 70).steps)["levels of the channel"]
    assert len(said.split(", ")) == len(learned.own.channel(2))


def test_any_value_is_followed_under_the_scale_of_a_place() -> None:
    """A typed one that lies beyond the grid, in a tensor with one scale, and a place that is not there."""
    grid = _grid(get_format("int8"), "channel", True)
    far = follow_value(ARRAY, grid, 0, value=100.0)
    assert far.code == grid.qmax
    assert "is outside" in dict(far.steps)["clip to the codes"]
    zeros = np.zeros((2, 16), np.float32)
    view = grid_view(array_stats("z", zeros, 0), format=get_format("nvfp4"), symmetric=True,
                     granularity=Granularity.BLOCK, block=16)  # fmt: skip
    assert follow_value(zeros, view.grid, 3).back == 0.0
    assert "its channel" not in dict(follow_value(ARRAY, _grid(get_format("int8"), "tensor", True), 5).steps)
    with pytest.raises(IndexError, match="values 0 to 419"):
        follow_value(ARRAY, grid, 420)


def test_blocks_of_zeros_take_no_part_in_the_scale_of_the_tensor() -> None:
    """A block that holds nothing has a scale that means nothing: the others' numbers are the same beside it."""
    array = np.concatenate([ARRAY[:, :64] / 100, np.zeros((6, 16), np.float32)], axis=1)
    view = grid_view(array_stats("w", array, 0), format=get_format("nvfp4"), symmetric=True,
                     granularity=Granularity.BLOCK, block=16)  # fmt: skip
    said = dict(follow_value(array, view.grid, 2 * 80 + 5).steps)
    largest = float(view.grid.scale[:, :4].max())
    whole = float(said["scale of the tensor"].split(" = ")[1])
    assert whole == pytest.approx(largest / 448, rel=1e-4)
    coded = float(said["scale of the block"].split(" in fp8_e4m3")[0])
    assert coded * whole == pytest.approx(float(view.grid.scale[2, 0]), rel=1e-3)
    asked = float(said["asked for the block"].split(" = ")[1])
    assert coded == pytest.approx(asked, rel=1 / 15)
    assert "scale of the tensor" not in dict(follow_value(array, view.grid, 79).steps)


@pytest.mark.parametrize(("value", "within"), [(127.4, True), (127.6, False), (-127.4, True), (-127.6, False)])
def test_a_code_on_the_end_of_the_grid_is_within(value: float, within: bool) -> None:
    """What rounds to the last code is not clipped, and what rounds to the next is."""
    grid = replace(_grid(get_format("int8"), "tensor", True), scale=np.ones((), np.float32))
    said = dict(follow_value(np.ones((2, 2), np.float32), grid, 0, value).steps)["clip to the codes"]
    assert ("is within" in said, "is outside" in said) == (within, not within)


def test_a_value_on_the_last_level_is_within() -> None:
    """Beyond it the step is called clipping."""
    grid = _grid(get_format("nf4"), "tensor", True)
    scale = float(grid.scale)
    for value, name in ((scale, "nearest level"), (-scale, "nearest level"), (1.01 * scale, "clip to the levels")):
        steps = dict(follow_value(ARRAY, grid, 0, value).steps)
        assert name in steps
        assert ("is outside" in steps[name]) == (name == "clip to the levels")


def test_the_last_block_of_a_row_ends_with_the_row() -> None:
    """Places are told as they are, and the values are those of the block alone."""
    grid = _grid(get_format("int4"), "block", True)
    for place, number, first, last in ((0, 0, 0, 31), (31, 0, 0, 31), (32, 1, 32, 63), (69, 2, 64, 69)):
        said = dict(follow_value(ARRAY, grid, place).steps)["its block"]
        values = ARRAY[0, first : last + 1]
        assert said.startswith(f"number {number}, places {first} to {last} along axis 1: {values.size} values from ")
        ends = [float(part.replace("\N{MINUS SIGN}", "-")) for part in said.split(" from ")[1].split(" to ")]
        np.testing.assert_allclose(ends, [values.min(), values.max()], rtol=1e-4)
