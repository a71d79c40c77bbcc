"""Symmetric or asymmetric: who needs a zero point."""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import values_under
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.histogram import Histogram
from qexplorer.observe.stats import TensorStats

__all__ = ["ENTRIES"]

_WHOLE = 8
"""Bits from which on weights alone have the grid that integer kernels take."""


def _grid(histogram: Histogram, bits: int, *, symmetric: bool) -> Grid:
    chosen = FORMATS.get(f"int{bits}" if symmetric else f"uint{bits}")
    return grid_from_range(histogram.minimum, histogram.maximum, chosen, symmetric=symmetric)


def _idle(histogram: Histogram, grid: Grid) -> tuple[int, int]:
    """How many levels a grid has, and how many of them no value is rounded to: they lie beyond all values."""
    levels, half = grid.levels().astype(np.float64), float(grid.scale) / 2
    reached = (levels >= histogram.minimum - half) & (levels <= histogram.maximum + half)
    return len(levels), int((~reached).sum())


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    bits, symmetric = int(settings["bits"]), settings["grid"] == "symmetric"
    histogram = tensor.histogram
    grid = _grid(histogram, bits, symmetric=symmetric)
    error = error_from_histogram(histogram, grid)
    levels, idle = _idle(histogram, grid)
    mirrored, wasted = _idle(histogram, _grid(histogram, bits, symmetric=True))
    numbers = {
        "scale": float(grid.scale),
        "zero_point": float(grid.zero_point),
        "levels": float(levels),
        "reached": float(levels - idle),
        "mirrored": float(mirrored),
        "wasted": float(wasted),
        "sqnr": error.sqnr_db if np.isfinite(error.sqnr_db) else 999.0,
    }
    kind = "Symmetric" if symmetric else "Asymmetric"
    codes = f"codes {grid.qmin} to {grid.qmax}"
    zero = "zero is code 0, and no zero point is stored" if symmetric else f"zero is code {int(grid.zero_point)}"
    waste = f"**{idle} of {levels}** levels lie where no value is" if idle else "every level is within the values"
    words = (
        f"{kind}: {codes}, {zero}; {waste}. A step is {float(grid.scale):.3g} wide, the signal "
        f"{numbers['sqnr']:.1f} dB above the error."
    )
    if symmetric and tensor.kind == "weight" and bits < _WHOLE:
        words += f" Of weights alone files use code {-(2 ** (bits - 1))} too, with a scale of either sign."
    return Shown((values_under(tensor, grid, "The values, and the levels of the grid", height=240),), words, numbers)


ENTRIES = (
    LessonPlan(
        name="symmetric_or_asymmetric",
        title="Symmetric or asymmetric",
        place=40,
        idea="A **symmetric** grid reaches as far down as up, with zero in its middle; an **asymmetric** one begins at "
        "the lowest value, and a zero point says which code is zero. What fits depends on where the values are.",
        subject="any",
        distribution="relu",
        controls=(
            Choice("grid", "Grid", (("symmetric", "Symmetric"), ("asymmetric", "Asymmetric")), "symmetric"),
            Slider("bits", "Bits", 2, 8, 1, 4),
        ),
        show=_show,
        prediction=Prediction(
            "These values change to an asymmetric grid with the same number of bits. How wide is a step then?",
            ("about half as wide", "somewhat narrower", "as wide as before"),
            {"grid": "asymmetric"},
            lambda before, after: (
                0 if after["scale"] < 0.55 * before["scale"] else 1 if after["scale"] < 0.93 * before["scale"] else 2
            ),
            "The symmetric grid has {wasted:.0f} of its {mirrored:.0f} levels where no value is. The asymmetric one "
            "reaches from the lowest to the highest value: {reached:.0f} of its {levels:.0f} are used, {scale:.3g} "
            "apart.",
        ),
        closing=(
            Closing(
                "Why are weights usually quantized symmetrically?",
                (
                    (
                        "they lie evenly around zero, and a zero point costs extra sums",
                        "With both signs alike no level is wasted, and each zero point other than 0 needs a sum over "
                        "the inputs.",
                    ),
                    (
                        "a symmetric grid has more levels",
                        "It has as many, or one less; what differs is where they lie.",
                    ),
                    (
                        "an asymmetric grid would clip some of them",
                        "Both reach from the lowest to the highest value: neither clips anything here.",
                    ),
                ),
            ),
            Closing(
                "Values behind a ReLU, on a symmetric grid, use",
                (
                    (
                        "about half of the codes.",
                        "They are never negative, so that all negative codes are idle: one bit is lost.",
                    ),
                    (
                        "all of the codes.",
                        "Set the grid to symmetric and read how many levels lie where no value is.",
                    ),
                    (
                        "about a quarter of the codes.",
                        "The grid reaches as far down as up, so that one half lies below zero, and no more.",
                    ),
                ),
            ),
            Closing(
                "A symmetric grid of 8 bits often leaves out the code -128. Why?",
                (
                    (
                        "so that both sides of zero have equally many levels",
                        "-127 to 127 mirrors itself: x and -x get codes that differ in sign alone.",
                    ),
                    (
                        "because -128 does not fit into 8 bits",
                        "It does: 8 bits have 256 codes, -128 to 127; leaving it out is a choice.",
                    ),
                    (
                        "because it stands for values that are missing",
                        "No code of an integer grid stands for missing values; they are left to formats of floats.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "ReLU",
                "a function behind many layers that replaces negative values by 0, so that none are left; "
                "weights have both signs alike.",
            ),
            (
                "cost of a zero point",
                "each product with a weight's zero point needs an extra sum over the inputs; without "
                "one it falls away.",
            ),
            (
                "-127 to 127",
                "8 bits have one negative code more than positive ones, -128; a grid without it mirrors itself, and is "
                "what integer kernels take.",
            ),
            (
                "dB",
                "how far the signal (the values) stands above the error: 10 * log10 of the ratio of mean squares; "
                "6 dB more is an error half as large.",
            ),
        ),
        sources=(
            "Nagel et al. 2021, A White Paper on Neural Network Quantization, arXiv:2106.08295",
            "QuantizeLinear, ONNX operator set 21",
        ),
        exercise=Exercise(
            "Values that are never negative, as behind a ReLU.",
            (
                ExerciseStep(
                    "The step of a symmetric grid of codes -7 to 7, and of an asymmetric one of codes 0 to 15.",
                    "x = np.array([0.0, 0.4, 1.1, 2.0, 3.0])\nsymmetric = ...\nasymmetric = ...",
                    "x = np.array([0.0, 0.4, 1.1, 2.0, 3.0])\nsymmetric = np.abs(x).max() / 7\n"
                    "asymmetric = (x.max() - min(x.min(), 0)) / 15",
                    "assert np.isclose(symmetric, 3 / 7), 'the larger magnitude becomes code 7'\n"
                    "assert np.isclose(asymmetric, 3 / 15), 'the whole range has 15 steps'",
                ),
                ExerciseStep(
                    "How many of the 15 symmetric codes can values reach that are never negative?",
                    "used = ...",
                    "used = 8",
                    "assert used == 8, 'codes 0 to 7: those below 0 stay idle'",
                ),
            ),
        ),
        pages=(("distributions", "Switch a tensor of your model between the two"),),
    ),
)
