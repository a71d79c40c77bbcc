"""Scale and zero point: how one number becomes a code and comes back."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import Grid, dequantize, grid_from_range, quantize
from qexplorer.learn.controls import Settings, Slider, Switch
from qexplorer.learn.lesson import ChartPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.scaled import values_of
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, GRID, INTEGER

__all__ = ["ENTRIES"]

Ends = tuple[float, float]

_WINDOW = (-8.0, 8.0)
_READS = (
    "Each line is a level, its code above it. x is moved to the nearest one, x'; the bar between them is the error."
)


def _number(settings: Settings, tensor: TensorStats | None) -> tuple[np.float32, Ends, Ends]:
    """The number, the range of its grid, and what is drawn of the number line."""
    if tensor is None:
        return np.float32(settings["x"]), (float(settings["low"]), float(settings["high"])), _WINDOW
    values = values_of(tensor)
    low, high = float(values.min()), float(values.max())
    reach = 0.1 * (max(high, 0.0) - min(low, 0.0)) or 1.0
    at = round((values.size - 1) * float(settings["at"]) / 100)
    return np.float32(np.partition(values, at)[at]), (low, high), (min(low, 0.0) - reach, max(high, 0.0) + reach)


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    x, ends, window = _number(settings, tensor)
    grid = grid_from_range(*ends, FORMATS.get(f"uint{settings['bits']}"), symmetric=False)
    scale, zero = float(grid.scale), int(grid.zero_point)
    code = int(quantize(np.asarray(x), grid))
    back = float(dequantize(np.asarray(code), grid))
    steps = float(x / grid.scale)
    unclipped = round(steps) + zero
    before_division = int(np.clip(np.round((x - zero) / grid.scale), grid.qmin, grid.qmax))
    clipped = unclipped != code
    lines = [
        f"x / s = {x:.4g} / {scale:.4g} = {steps:.4g}",
        f"round({steps:.4g}) = {round(steps)}",
        f"{round(steps)} + z = {round(steps)} + {zero} = {unclipped}",
        f"clip({unclipped}, {grid.qmin}, {grid.qmax}) = {code}",
        f"x' = (q - z) * s = ({code} - {zero}) * {scale:.4g} = {back:.4g}",
    ]
    if settings["wrong"]:
        lines.append(
            f"wrong: round((x - z) / s) = round(({x:.4g} - {zero}) / {scale:.4g}), clipped {before_division}; "
            "z is a code and x is not: they cannot be subtracted before the division"
        )
    what = (
        f"{x:.3g} lies beyond the grid and is **clipped** to its end, {back:.4g}: "
        f"an error of {abs(back - float(x)):.3g}, more than half a step"
        if clipped
        else f"{x:.3g} becomes code **{code}** and comes back as {back:.4g}, {abs(back - float(x)):.3g} away"
    )
    numbers = {
        "scale": scale,
        "zero_point": float(zero),
        "code": float(code),
        "back": back,
        "error": abs(back - float(x)),
        "levels": float(grid.qmax - grid.qmin + 1),
        "half": float(grid.qmax - grid.qmin + 1) / 2,
        "wrong_code": float(before_division),
        "clipped": float(clipped),
    }
    sentence = f"{what}. Zero is code {zero}, exactly."
    return Shown((ChartPicture(_spec(grid, float(x), back, window), _READS),), sentence, numbers, tuple(lines))


def _spec(grid: Grid, x: float, back: float, window: Ends) -> dict[str, Any]:
    """The number line with the levels, and the way of one number."""
    levels = grid.levels().astype(float)
    codes = grid.codes()
    rows = [{"value": float(v), "code": int(c)} for v, c in zip(levels, codes, strict=True)]
    axis: dict[str, Any] = {"type": "quantitative", "title": "value"}
    axis |= {"scale": {"domain": list(window), "nice": False}, "axis": None}
    codes_above = {
        "orient": "top",
        "title": "code",
        "grid": False,
        "domain": False,
        "ticks": False,
        "values": [row["value"] for row in rows],
        "labelExpr": f"round(datum.value / {float(grid.scale)!r}) + {int(grid.zero_point)}",
        "labelOverlap": "greedy",
    }
    where = [{"value": x, "what": "x", "at": 56}, {"value": back, "what": "x'", "at": 78}]
    return {
        **chart_frame("The levels of the grid, with their codes", "", 92),
        "datasets": {"levels": rows, "way": where, "error": [{"from": x, "to": back}]},
        "layer": [
            {
                "data": {"name": "levels"},
                "mark": {"type": "rule", "color": GRID, "strokeWidth": 1.5, "clip": True},
                "encoding": {
                    "x": axis | {"field": "value", "axis": codes_above},
                    "y": {"value": 2},
                    "y2": {"value": 40},
                    "tooltip": [{"field": "code"}, {"field": "value", "format": ".4g"}],
                },
            },
            {
                "data": {"name": "error"},
                "mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 3, "clip": True},
                "encoding": {"x": axis | {"field": "from"}, "x2": {"field": "to"}, "y": {"value": 67}},
            },
            {
                "data": {"name": "way"},
                "mark": {"type": "point", "filled": True, "size": 120, "opacity": 1, "clip": True},
                "encoding": {
                    "x": axis | {"field": "value", "axis": {"grid": False}},
                    "y": {"field": "at", "type": "quantitative", "scale": None, "axis": None},
                    "color": {
                        "field": "what",
                        "type": "nominal",
                        "scale": {"domain": ["x", "x'"], "range": [FLOAT, INTEGER]},
                        "legend": None,
                    },
                    "tooltip": [{"field": "what"}, {"field": "value", "format": ".4g"}],
                },
            },
            *(
                {
                    "data": {"name": "way"},
                    "transform": [{"filter": f'datum.what == "{what}"'}],
                    "mark": {"type": "text", "dx": 14, "fontSize": 13, "color": GRID, "clip": True},
                    "encoding": {"x": axis | {"field": "value"}, "y": {"value": at}, "text": {"field": "what"}},
                }
                for what, at in (("x", 56), ("x'", 78))
            ),
        ],
        "resolve": {"axis": {"x": "independent"}},
    }


_EXERCISE = Exercise(
    "A grid of unsigned 8-bit codes over the range -1 to 3.",
    (
        ExerciseStep(
            "The scale: the width of the range over the number of steps between 256 codes.",
            "low, high, qmin, qmax = -1.0, 3.0, 0, 255\nscale = ...",
            "low, high, qmin, qmax = -1.0, 3.0, 0, 255\nscale = (high - low) / (qmax - qmin)",
            "assert np.isclose(scale, 4 / 255), 'there are 255 steps between 256 codes'",
        ),
        ExerciseStep(
            "The zero point: the code of 0.",
            "zero_point = ...",
            "zero_point = round(qmin - low / scale)",
            "assert zero_point == 64, 'the code of 0 is a whole number, and the lowest value, -1, becomes code 0'",
        ),
        ExerciseStep(
            "Quantize and dequantize; rounding half to even, as np.round does.",
            "def quantize(x):\n    return ...\n\n\ndef dequantize(q):\n    return ...",
            "def quantize(x):\n    return np.clip(np.round(x / scale) + zero_point, qmin, qmax)\n\n\n"
            "def dequantize(q):\n    return (q - zero_point) * scale",
            "assert dequantize(quantize(0.0)) == 0.0, 'zero must come back as zero'\n"
            "assert quantize(99.0) == 255, 'what lies beyond the range is clipped to its end'\n"
            "x = np.linspace(-1.0, 3.0, 1001)\n"
            "assert np.abs(dequantize(quantize(x)) - x).max() <= scale / 2 + 1e-9, 'the error is half a step at most'",
        ),
    ),
)

ENTRIES = (
    LessonPlan(
        name="scale_and_zero_point",
        title="Scale and zero point",
        place=20,
        idea="With 3 bits there are 8 **codes**, 0 to 7, which stand for 8 evenly spaced **levels**. The "
        "**scale** s is how far two levels lie apart, and the **zero point** z is the code that stands "
        "for 0. So a number x gets the code q = clip(round(x / s) + z), and comes back as x' = (q - z) "
        "* s.",
        subject="any",
        distribution="",
        alone=("x", "low", "high"),
        beside=("at",),
        controls=(
            Slider("x", "Number x", -8.0, 8.0, 0.05, 2.3),
            Slider("at", "Number x, % of the values below it", 0, 100, 1, 80),
            Slider("bits", "Bits", 2, 8, 1, 3),
            Slider("low", "Lowest value", -8.0, 0.0, 0.5, -2.0),
            Slider("high", "Highest value", 0.5, 8.0, 0.5, 5.0),
            Switch("wrong", "Show a popular mistake"),
        ),
        show=_show,
        prediction=Prediction(
            "With one bit more over the same range, how wide is a step?",
            ("the same", "about half", "about a quarter"),
            {"bits": 4},
            lambda before, after: 1 if 0.4 < after["scale"] / before["scale"] < 0.6 else 0,
            "One bit doubles the number of codes, and the same range has {levels:.0f} levels instead of "
            "{half:.0f}: a step is now {scale:.3g} wide.",
        ),
        closing=(
            Closing(
                "The scale is 0.5 and the zero point 10. Which value is code 14?",
                (
                    ("2", "(14 - 10) * 0.5 = 2: the zero point is a code, so it is taken off first; then the scale."),
                    ("7", "14 * 0.5 = 7 forgets the zero point: code 10 stands for 0, so 14 is four steps above it."),
                    (
                        "-3",
                        "14 * 0.5 - 10 = -3 takes the zero point off a value; it is a code, and is taken off the code.",
                    ),
                ),
            ),
            Closing(
                "Why must zero be one of the levels?",
                (
                    (
                        "the many exact zeros of a network would come back wrong",
                        "Padding and ReLU make them, and all would be wrong by the same amount, which adds up.",
                    ),
                    (
                        "the scale could not be computed otherwise",
                        "The scale follows from the range and the number of codes; where zero lies "
                        "does not matter to it.",
                    ),
                    (
                        "negative values would have no code otherwise",
                        "They have codes wherever the range reaches below zero, also if zero lay between two levels.",
                    ),
                ),
            ),
            Closing(
                "A number lies far beyond the highest level. What is its code?",
                (
                    (
                        "the highest code",
                        "Codes are clipped to their range: it comes back as the highest level, and the rest is error.",
                    ),
                    (
                        "it wraps round to the lowest codes",
                        "So a counter does that runs over; quantizing ends in clip(), which stops at the last code.",
                    ),
                    (
                        "a code with one bit more",
                        "The number of bits is fixed: move x beyond the highest value and see which code it gets.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "grid, level",
                "the few values that codes stand for, and one of them; every other value is moved to "
                "the nearest level, by half a step at most.",
            ),
            (
                "zero point",
                "the code that stands for exactly 0: codes above it are positive values, codes below it negative ones.",
            ),
            ("clip", "what lies beyond the lowest or highest code becomes that code."),
            (
                "why zero is a level",
                "networks make many exact zeros, by padding the borders of pictures and by ReLU, which replaces "
                "negative values by 0; each would be wrong by the same amount.",
            ),
        ),
        sources=(
            "QuantizeLinear and DequantizeLinear, ONNX operator set 21",
            "Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only "
            "Inference, arXiv:1712.05877",
        ),
        exercise=_EXERCISE,
        pages=(("distributions", "Follow a value of your model step by step"),),
    ),
)
