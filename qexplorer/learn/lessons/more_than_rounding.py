"""Why four bits need more than rounding: the nearest code of each weight is not the best of all together."""

from __future__ import annotations

from itertools import product

import numpy as np

from qexplorer.learn.controls import Settings, Slider
from qexplorer.learn.lesson import ChartPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import bars
from qexplorer.learn.scaled import WHICH_TWO, codes_of_pair, pair_of
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, GRID, INTEGER

__all__ = ["ENTRIES"]

_CONTOURS = (0.05, 0.15, 0.3)
_READS = "The cross: the two weights. Dots: the levels around them. Each ring: the same error at the output."


def _error(move: tuple[float, float], rho: float) -> float:
    """Mean squared error of the output: d' H d with inputs of power 1 and correlation ``rho``."""
    first, second = move
    return first**2 + second**2 + 2 * rho * first * second


def _weights(settings: Settings, tensor: TensorStats | None) -> tuple[float, float]:
    """The two weights, in steps; those of a tensor on one grid of 4 bits for all of it."""
    if tensor is None:
        return float(settings["w1"]), float(settings["w2"])
    pair, _, step = codes_of_pair(tensor, float(settings["at"]))
    return float(pair[0]) / step + 0.0, float(pair[1]) / step + 0.0


def _below(w: float) -> float:
    """The level below; below the last but one where there is none above."""
    return float(min(np.floor(w), 6.0))


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    w, rho = _weights(settings, tensor), float(settings["rho"])
    corners = [tuple(_below(v) + up for v, up in zip(w, ups, strict=True)) for ups in product((0, 1), (0, 1))]
    errors = {c: _error((c[0] - w[0], c[1] - w[1]), rho) for c in corners}
    near = min(corners, key=lambda c: (c[0] - w[0]) ** 2 + (c[1] - w[1]) ** 2)
    best = min(corners, key=lambda c: errors[c])
    same = best == near
    names = {c: f"{c[0]:g}, {c[1]:g}" for c in corners}
    kinds = {c: "nearest" if c == near else "best" if errors[c] <= errors[best] + 1e-9 else "other" for c in corners}
    rows = [(names[c], errors[c], kinds[c]) for c in corners]
    words = f"Rounded to the **nearest**, {names[near]}, the output's squared error is {errors[near]:.3g}"
    if tensor is not None:
        pair = pair_of(tensor, float(settings["at"]))
        words = f"{pair[0]:.3g} and {pair[1]:.3g} are {w[0]:.3g} and {w[1]:.3g} steps. {words}"
    words += (
        ", and nothing is better."
        if same
        else f"; **{names[best]}** has {errors[best]:.3g}, {errors[near] / max(errors[best], 1e-12):.3g} times less: "
        "the two errors cancel, because the inputs rise and fall together."
        if rho > 0
        else f"; **{names[best]}** has {errors[best]:.3g}, {errors[near] / max(errors[best], 1e-12):.3g} times less: "
        "one input falls as the other rises, so that equal errors cancel."
    )
    numbers = {
        "nearest": errors[near],
        "best": errors[best],
        "same": float(same),
        "ups": sum(float(best[at] > w[at]) for at in range(2)),
        "times": errors[near] / max(errors[best], 1e-12),
    }
    pictures = (
        ChartPicture(_spec(w, rho, kinds), _READS),
        bars(
            "Error at the output of each way",
            rows,
            axis="mean squared error",
            names={"nearest": CLIPPING, "best": INTEGER, "other": GRID},
            reads="Each bar is one dot beside it: first weight, second weight, in steps. Without a blue one, the "
            "nearest is best.",
            height=175,
        ),
    )
    return Shown(pictures, words, numbers)


def _contour(w: tuple[float, float], rho: float, level: float) -> list[dict[str, float]]:
    """Points around ``w`` with the same error of the output."""
    turn = np.linspace(0, 2 * np.pi, 73)
    # the main axes of H = [[1, rho], [rho, 1]] are the diagonals, with 1 + rho and 1 - rho
    along = np.sqrt(level / (1 + rho)) * np.cos(turn), np.sqrt(level / (1 - rho)) * np.sin(turn)
    x, y = (along[0] + along[1]) / np.sqrt(2), (along[0] - along[1]) / np.sqrt(2)
    return [{"x": w[0] + float(a), "y": w[1] + float(b), "order": i} for i, (a, b) in enumerate(zip(x, y, strict=True))]


def _spec(
    w: tuple[float, float],
    rho: float,
    kinds: dict[tuple[float, ...], str],
) -> dict[str, object]:
    low = [_below(v) - 0.6 for v in w]
    x = {"field": "x", "type": "quantitative", "title": "first weight, in steps", "axis": {"tickMinStep": 1}}
    x["scale"] = {"domain": [low[0], low[0] + 2.2], "nice": False}
    y = {"field": "y", "type": "quantitative", "title": "second weight, in steps", "axis": {"tickMinStep": 1}}
    y["scale"] = {"domain": [low[1], low[1] + 2.2], "nice": False}
    rows = [{"x": c[0], "y": c[1], "kind": kind} for c, kind in kinds.items()]
    lines = [point | {"level": str(level)} for level in _CONTOURS for point in _contour(w, rho, level)]
    colours = {"domain": ["nearest", "best", "other"], "range": [CLIPPING, INTEGER, GRID]}
    return {
        **chart_frame("Four ways to round two weights", "", 175),
        "datasets": {"rings": lines, "corners": rows, "weights": [{"x": w[0], "y": w[1]}]},
        "layer": [
            {
                "data": {"name": "rings"},
                "mark": {"type": "line", "color": FLOAT, "strokeWidth": 1, "clip": True},
                "encoding": {"x": x, "y": y, "order": {"field": "order"}, "detail": {"field": "level"}},
            },
            {
                "data": {"name": "corners"},
                "mark": {"type": "point", "filled": True, "size": 180, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": colours,
                        "title": None,
                        "legend": {"orient": "top"},
                    },
                },
            },
            {
                "data": {"name": "weights"},
                "mark": {"type": "point", "shape": "cross", "filled": True, "color": FLOAT, "size": 130, "opacity": 1},
                "encoding": {"x": x, "y": y},
            },
        ],
    }


ENTRIES = (
    LessonPlan(
        name="more_than_rounding",
        title="Why 4 bits need more than rounding",
        place=110,
        idea="A layer multiplies its inputs by weights and adds: what counts is its **output**, not each "
        "weight; there the errors of two weights may add up or cancel. Choosing the rounding of all weights "
        "together, for the least error at the output, is called **learned rounding**.",
        subject="weight",
        distribution="",
        alone=("w1", "w2"),
        beside=("at",),
        controls=(
            Slider("w1", "First weight, in steps", 0.0, 1.0, 0.05, 0.4),
            Slider("w2", "Second weight, in steps", 0.0, 1.0, 0.05, 0.4),
            WHICH_TWO,
            Slider("rho", "How alike the inputs are", -0.95, 0.95, 0.05, 0.0, help="Correlation of the two inputs"),
        ),
        show=_show,
        prediction=Prediction(
            "The two inputs become nearly the same (correlation 0.9). Is it still best to round each weight to the "
            "nearest?",
            ("yes", "no, one goes up and one down", "no, both go up or both down"),
            {"rho": 0.9},
            lambda before, after: 0 if after["same"] else 1 if after["ups"] == 1 else 2,  # noqa: ARG005 - only what comes after counts
            "Rounding to the nearest leaves an error of {nearest:.3g}, the best of the four ways {best:.3g}: where one "
            "weight goes up and the other down, their errors cancel.",
        ),
        closing=(
            Closing(
                "Why does this matter at 4 bits and hardly at 8?",
                (
                    (
                        "errors are about 16 times larger at 4 bits",
                        "At 8 bits a step is so fine that even the worse choice hardly moves the output.",
                    ),
                    (
                        "8-bit weights need no rounding",
                        "They are rounded as well, to steps about 16 times as fine.",
                    ),
                    (
                        "inputs are alike at 4 bits only",
                        "How alike the inputs are has nothing to do with the bits of the weights.",
                    ),
                ),
            ),
            Closing(
                "What does AdaRound learn?",
                (
                    (
                        "which weights go up and which go down",
                        "For each weight one of its two neighbouring levels, chosen by the error of "
                        "the layer's output.",
                    ),
                    (
                        "better scales",
                        "Scales stay; only the choice between the two levels around a weight is learned.",
                    ),
                    (
                        "biases that make up for the error",
                        "That is bias correction, which shifts the output; here the weights' own rounding is chosen.",
                    ),
                ),
            ),
            Closing(
                "GPTQ rounds one weight after the other. What does it do with the error of each?",
                (
                    (
                        "it moves the weights still to come, to make up for it",
                        "How alike the inputs are says how far each of the others must move.",
                    ),
                    (
                        "it rounds the same weight again, the other way",
                        "A weight that is rounded stays; it is those still to come that move.",
                    ),
                    (
                        "it adds it to the bias",
                        "The error depends on the input, which a bias does not; other weights can make up for it.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "correlation",
                "1 where two inputs always rise and fall together, 0 where they have nothing to do with each other.",
            ),
            (
                "AdaRound",
                "learns for each weight whether it goes up or down; scales and biases (added to the sums) stay.",
            ),
            ("GPTQ", "rounds one weight after the other, and moves the ones still to come to make up for each error."),
            ("8 bits", "have steps about 16 times as fine as 4 bits, so that a worse choice hardly shows."),
        ),
        sources=(
            "Nagel et al. 2020, Up or Down? Adaptive Rounding for Post-Training Quantization, arXiv:2004.10568",
            "Frantar et al. 2023, GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers, "
            "arXiv:2210.17323",
        ),
        exercise=Exercise(
            "Two weights of 0.4 steps, and inputs with correlation 0.9.",
            (
                ExerciseStep(
                    "The squared error of the output for a move d of the weights: d times H times d.",
                    "H = np.array([[1.0, 0.9], [0.9, 1.0]])\n\n\ndef error(d):\n    d = np.asarray(d)\n    return ...",
                    "H = np.array([[1.0, 0.9], [0.9, 1.0]])\n\n\ndef error(d):\n    d = np.asarray(d)\n    return d "
                    "@ H @ d",
                    'assert np.isclose(error([-0.4, -0.4]), 0.608), "d @ H @ d"',
                ),
                ExerciseStep(
                    "The best of the four ways to round, as (first, second).",
                    "w = np.array([0.4, 0.4])\nways = [(0, 0), (0, 1), (1, 0), (1, 1)]\nbest = ...",
                    "w = np.array([0.4, 0.4])\nways = [(0, 0), (0, 1), (1, 0), (1, 1)]\n"
                    "best = min(ways, key=lambda way: error(way - w))",
                    "assert best in [(0, 1), (1, 0)], 'one up and one down: their errors cancel'",
                ),
            ),
        ),
        pages=(("algorithms", "See AdaRound and GPTQ on a layer of your model"),),
    ),
)
