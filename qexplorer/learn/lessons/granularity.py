"""Per tensor, per channel, per block: how many values share one scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import Granularity
from qexplorer.core.grid import Grid
from qexplorer.core.recipe import WeightSpec
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import bars, channel_ranges
from qexplorer.learn.scaled import drawn
from qexplorer.observe.error import row_sums
from qexplorer.observe.rows import as_rows
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.weight_grids import weight_grid
from qexplorer.report.palette import INTEGER

__all__ = ["ENTRIES", "channels_of"]

_CHANNELS, _EACH, _MOST, _BLOCK, _FLOOR_DB = 16, 512, 48, 32, -3.0
_RANGES = (
    "Bars: each channel's values. Marks: its lowest and highest level; the side of the largest magnitude has one "
    "level more."
)


def channels_of(tensor: TensorStats, spread: float) -> tuple[NDArray[np.float32], bool]:
    """Channels as rows, and whether they are the tensor's own.

    Args:
        tensor: a weight with channels, or values without.
        spread: of values without: how many times wider the last of 16 made-up channels is than the first.
    """
    if tensor.array is not None and tensor.axis is not None and tensor.array.ndim > 1:
        return np.asarray(as_rows(tensor.array, tensor.axis, block=False), np.float32), True
    middles = drawn(tensor, _CHANNELS * _EACH, 4)
    factors = np.geomspace(1.0, spread, _CHANNELS, dtype=np.float64) / spread
    order = np.random.default_rng(5).permutation(_CHANNELS)  # so that narrow and wide ones stand side by side
    return (middles.reshape(_CHANNELS, _EACH) * factors[order][:, None]).astype(np.float32), False


def _grid(rows: NDArray[np.float32], granularity: str, bits: int) -> Grid:
    """Symmetric, as files have it of weights alone: below 8 bits every code is used."""
    spec = WeightSpec(format=f"int{bits}", granularity=Granularity(granularity), block=_BLOCK, calibrator="minmax")
    return weight_grid(rows, spec, 0, 1, either_sign=True)


def _sqnr(rows: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
    """Signal to error of each channel in dB; at least ``_FLOOR_DB``."""
    if grid.granularity is Granularity.BLOCK:
        sums = row_sums(rows, grid, rows.shape).sum(1)
    else:
        one = (
            grid
            if grid.axis is not None
            else Grid(
                grid.format,
                np.broadcast_to(grid.scale, len(rows)).copy(),
                np.broadcast_to(grid.zero_point, len(rows)).copy(),
                0,
                None,
                grid.qmin,
                grid.qmax,
            )
        )
        sums = row_sums(rows, one, rows.shape)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 10 * np.log10(sums[:, 3] / (sums[:, 0] + sums[:, 1]))
    return np.asarray(np.clip(np.nan_to_num(found, nan=_FLOOR_DB, posinf=140.0), _FLOOR_DB, 140.0), np.float64)


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    granularity, bits = str(settings["granularity"]), int(settings["bits"])
    rows, own = channels_of(tensor, float(settings["spread"]))
    grid = _grid(rows, granularity, bits)
    sqnr = _sqnr(rows, grid)
    scales = int(grid.scale.size)
    bytes_codes, bytes_scales = rows.size * bits / 8, 4.0 * scales
    worst, lost = int(sqnr.argmin()), int((sqnr < 0.5).sum())
    drawn_rows = rows[:_MOST]
    drawn_grid = (
        grid if grid.axis is None else replace(grid, scale=grid.scale[:_MOST], zero_point=grid.zero_point[:_MOST])
    )
    ranges = channel_ranges(drawn_rows, drawn_grid, own=own, reads=_RANGES)
    quality = bars(
        "Signal over error of each channel",
        [(str(i), float(db), "") for i, db in enumerate(sqnr[:_MOST])],
        axis="dB",
        names={"": INTEGER},
        reads="One bar for each channel, in the same order: higher is better, and at 0 dB nothing is left.",
    )
    where = {"tensor": "one scale for all", "channel": "a scale for each channel", "block": "a scale for 32 values"}
    words = (
        f"With **{where[granularity]}** ({scales} in all, {100 * bytes_scales / bytes_codes:.2g} % on top of the "
        "codes) "
        f"the worst channel, {worst}, keeps {sqnr[worst]:.1f} dB and the median one {np.median(sqnr):.1f} dB"
    )
    words += (
        f"; {lost} of {len(rows)} channels are lost: nearly all of their values round to zero."
        if lost
        else "; none is lost."
    )
    if not own:
        words += " The channels are made up from these values, some narrow, some wide."
    elif len(rows) > _MOST:
        words += f" The first {_MOST} are drawn."
    numbers = {
        "worst": float(sqnr[worst]),
        "median": float(np.median(sqnr)),
        "scales": float(scales),
        "lost": float(lost),
        "channels": float(len(rows)),
        "overhead": 100 * bytes_scales / bytes_codes,
    }
    return Shown((ranges, quality), words, numbers)


ENTRIES = (
    LessonPlan(
        name="granularity",
        title="Per tensor, per channel, per block",
        place=50,
        idea="All values that share one scale share one step. A scale may serve a whole **tensor** (all weights of a "
        "layer), each **channel** of it or each **block**; each scale more costs a few bytes.",
        subject="weight",
        controls=(
            Choice(
                "granularity",
                "One scale for",
                (("tensor", "tensor"), ("channel", "channel"), ("block", "block")),
                "tensor",
            ),
            Slider(
                "bits", "Bits", 2, 8, 1, 4, help="Grids as files have them of weights alone: codes -8 to 7 at 4 bits"
            ),
            Slider(
                "spread",
                "Widest channel over narrowest",
                1,
                100,
                1,
                30,
                help="Of made-up channels; your own keep theirs",
            ),
        ),
        show=_show,
        prediction=Prediction(
            "Each channel gets a scale of its own. Which channels gain most?",
            ("the narrow ones", "the wide ones", "all alike"),
            {"granularity": "channel"},
            lambda before, after: 0 if after["worst"] > before["worst"] + 1 else 2,
            "The widest channel keeps the step that it had, and a narrower one gets a finer step. The worst channel "
            "now keeps {worst:.1f} dB, for {overhead:.2g} % more bytes.",
        ),
        closing=(
            Closing(
                "One channel of a weight is 50 times wider than the others, and all share one scale at 4 bits. What "
                "becomes of the others?",
                (
                    (
                        "nearly all of their values round to zero",
                        "With 8 steps up to its end a step is 50 / 8, about 6 times their largest value: "
                        "those channels are lost.",
                    ),
                    (
                        "nearly all of their values are clipped",
                        "The range reaches the widest channel, so that the narrow ones are well inside of it.",
                    ),
                    (
                        "they keep about half of their levels",
                        "A step is as wide as the wide channel needs it: 50 times too wide for the others.",
                    ),
                ),
            ),
            Closing(
                "Blocks of 32 four-bit weights share a scale of 16 bits. How many bits does a weight take in all?",
                (
                    ("4.5", "16 bits over 32 weights are half a bit for each, on top of its 4."),
                    ("20", "That is 4 + 16, a scale for each weight; here 32 of them share one."),
                    ("4", "The scales are stored, too, and each has 16 bits."),
                ),
            ),
            Closing(
                "Why do activations usually have one scale for the whole tensor?",
                (
                    (
                        "scales of single channels would stand inside of the sum",
                        "s_1 * q_1 * w_1 + s_2 * q_2 * w_2 needs a multiplication for each term; one s stands outside.",
                    ),
                    (
                        "their channels all have the same range",
                        "They differ, often by much more than those of weights.",
                    ),
                    (
                        "scales of single channels would take too much memory",
                        "They would be a few numbers for a whole layer; it is the arithmetic that cannot use them.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "tensor, channel, block",
                "all weights of a layer, those that make one of its outputs, and a few (here 32) "
                "that lie side by side.",
            ),
            (
                "bits of a scale",
                "are shared by all its weights: 16 bits for 64 of them are a quarter of a bit for each.",
            ),
            (
                "activations",
                "the values that flow from layer to layer; a scale for each channel of them would have to be "
                "multiplied inside of the sum of integers that a layer computes; one for all stands outside.",
            ),
            (
                "dB",
                "how far the signal (the values) stands above the error: 10 * log10 of the ratio of mean squares; "
                "6 dB more is an error half as large, and near 0 dB nothing is left.",
            ),
        ),
        sources=(
            "Krishnamoorthi 2018, Quantizing deep convolutional networks for efficient inference: A whitepaper, "
            "arXiv:1806.08342",
            "DequantizeLinear with axis and block_size, ONNX operator set 21",
        ),
        exercise=Exercise(
            "A weight of two channels, one a hundred times wider.",
            (
                ExerciseStep(
                    "Scales for codes -8 to 7, one for the tensor and one for each row; here the largest magnitudes "
                    "are negative, and become code -8.",
                    "w = np.array([[0.01, -0.02, 0.014], [1.0, -2.0, 1.4]])\nper_tensor = ...\nper_channel = ...",
                    "w = np.array([[0.01, -0.02, 0.014], [1.0, -2.0, 1.4]])\nper_tensor = np.abs(w).max() / 8\n"
                    "per_channel = np.abs(w).max(axis=1) / 8",
                    "assert np.isclose(per_tensor, 2 / 8), 'the largest magnitude of all'\n"
                    "assert np.allclose(per_channel, [0.02 / 8, 2 / 8]), 'the largest magnitude of each row'",
                ),
                ExerciseStep(
                    "What is left of the first row with each of them?",
                    "one = ...\nown = ...",
                    "one = np.round(w[0] / per_tensor) * per_tensor\nown = np.round(w[0] / per_channel[0]) * "
                    "per_channel[0]",
                    "assert np.all(one == 0), 'with one scale nothing is left of it'\n"
                    "assert np.abs(own - w[0]).max() < 0.002, 'with its own scale it comes back'",
                ),
            ),
        ),
        pages=(("distributions", "See the ranges of your model's channels"),),
    ),
)
