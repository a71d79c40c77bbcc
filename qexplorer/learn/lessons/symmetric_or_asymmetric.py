"""Symmetric or asymmetric: who needs a zero point."""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import grid_from_range
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import values_under
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.stats import TensorStats

__all__ = ["ENTRIES"]


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    bits, symmetric = int(settings["bits"]), settings["grid"] == "symmetric"
    histogram = tensor.histogram
    chosen = FORMATS.get(f"int{bits}" if symmetric else f"uint{bits}")
    grid = grid_from_range(histogram.minimum, histogram.maximum, chosen, symmetric=symmetric)
    error = error_from_histogram(histogram, grid)
    levels = grid.levels().astype(np.float64)
    half = float(grid.scale) / 2
    reached = int(((levels >= histogram.minimum - half) & (levels <= histogram.maximum + half)).sum())
    idle = len(levels) - reached
    numbers = {
        "scale": float(grid.scale),
        "zero_point": float(grid.zero_point),
        "levels": float(len(levels)),
        "reached": float(reached),
        "idle": float(idle),
        "sqnr": error.sqnr_db if np.isfinite(error.sqnr_db) else 999.0,
    }
    kind = "Symmetric" if symmetric else "Asymmetric"
    zero = "zero is code 0, and no zero point is stored" if symmetric else f"zero is code {int(grid.zero_point)}"
    waste = f"**{idle} of {len(levels)}** levels lie where no value is" if idle else "every level is within the values"
    words = (
        f"{kind}: {zero}; {waste}. A step is {float(grid.scale):.3g} wide, the signal {numbers['sqnr']:.1f} dB above "
        "the error."
    )
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
            "These values change to an asymmetric grid with as many bits. How wide is a step then?",
            ("about half as wide", "somewhat narrower", "as wide as before"),
            {"grid": "asymmetric"},
            lambda before, after: (
                0 if after["scale"] < 0.55 * before["scale"] else 1 if after["scale"] < 0.93 * before["scale"] else 2
            ),
            "The asymmetric grid spends its levels from the lowest to the highest value alone: {reached:.0f} of "
            "{levels:.0f} are where values are, {scale:.3g} apart.",
        ),
        closing=(
            Closing(
                "Why are weights usually quantized symmetrically?",
                (
                    "their values lie evenly around zero, and products with a zero point cost more",
                    "weights are never negative",
                    "because of the training",
                ),
                0,
                "With both signs alike nothing is wasted, and sum((q - z) * a) needs an extra sum over the "
                "activations for "
                "each z that is not 0.",
            ),
            Closing(
                "Values behind a ReLU on a symmetric signed grid use",
                ("about half of the codes.", "all codes.", "none of the codes."),
                0,
                "They are never negative, so that all negative codes are idle: one bit is lost.",
            ),
            Closing(
                "A symmetric int8 grid often leaves out -128. Why?",
                (
                    "so that both sides of zero have the same number of levels",
                    "-128 cannot be stored in 8 bits",
                    "to save memory",
                ),
                0,
                "-127 to 127 mirrors itself: x and -x then get codes that differ in sign alone.",
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
                "each product with a weight's zero point needs an extra sum over the inputs; without one it "
                "falls away.",
            ),
            (
                "-127 to 127",
                "8 bits have one negative code more than positive ones, -128; a grid that leaves it out mirrors "
                "itself.",
            ),
        ),
        sources=(
            "Nagel et al. 2021, A White Paper on Neural Network Quantization, section 2.2, eq. 4 to 8",
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
                    "How many of the 15 symmetric codes do these values use at most?",
                    "used = ...",
                    "used = 8",
                    "assert used == 8, 'the codes 0 to 7'",
                ),
            ),
        ),
        pages=(("distributions", "Switch a tensor of your model between the two"),),
    ),
)
