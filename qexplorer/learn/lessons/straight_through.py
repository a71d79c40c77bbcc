"""Fake quantization and the straight-through gradient: how a network learns through a staircase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import ChartPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import curves
from qexplorer.learn.scaled import WHICH_TWO, codes_of_pair
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER

__all__ = ["ENTRIES"]

_START, _TARGET, _STEPS = -0.6, 1.3, 40
_SPAN = (-1.0, 2.5)  # of the staircase that is drawn
_READS = "Dot: the weight, on its level. Dashed: not rounded. Grey: target."
_KINDS = (("true", "The true one"), ("through", "Straight through"))


@dataclass(frozen=True, slots=True)
class _Trained:
    """A training of one weight: its value, its level, gradient and loss at each step."""

    weights: list[float]
    levels: list[float]
    gradients: list[float]
    losses: list[float]


def _nearest(value: float, scale: float) -> float:
    """The level nearest to a value; a zero has no sign."""
    return float(np.round(value / scale) * scale) + 0.0


def _train(ends: tuple[float, float], scale: float, rate: float, kind: str, steps: int) -> _Trained:
    """Minimizes (Q(w) - target)^2 by gradient descent; ``ends``: the first w and the target; Q rounds to ``scale``."""
    start, target = ends
    weights, levels, gradients, losses = [start], [], [], []
    for _ in range(steps + 1):
        level = _nearest(weights[-1], scale)
        slope = 1.0 if kind == "through" else 0.0
        levels.append(level)
        losses.append((level - target) ** 2)
        gradients.append(2 * (level - target) * slope + 0.0)
        weights.append(weights[-1] - rate * gradients[-1])
    return _Trained(weights[:-1], levels, gradients, losses)


def _ends(settings: Settings, tensor: TensorStats | None) -> tuple[tuple[float, float], str]:
    """Where the weight starts and what its level should become, and which values of a tensor these are.

    A tensor's are laid on the staircase so that a step of its 4-bit grid is one of the picture's.
    """
    if tensor is None:
        return (_START, _TARGET), ""
    pair, _, step = codes_of_pair(tensor, float(settings["at"]))
    start, target = (round(float(value) / abs(step) * float(settings["scale"]), 4) for value in pair)
    words = f"The weight {pair[0]:.3g} should become its neighbour, {pair[1]:.3g}, on steps of {abs(step):.3g}, the "
    return (start, target), f"{words}tensor's at 4 bits (drawn {settings['scale']:g} wide). "


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    scale, rate, kind = float(settings["scale"]), float(settings["rate"]), str(settings["gradient"])
    step = int(settings["step"])
    (start, target), source = _ends(settings, tensor)
    way = _train((start, target), scale, rate, kind, _STEPS)
    near = _nearest(target, scale)
    w, level, gradient = way.weights[step], way.levels[step], way.gradients[step]
    lines = [
        f"step {step}: w = {w:.4g}, Q(w) = {level:.4g}, loss = (Q(w) - {target:g})^2 = {way.losses[step]:.4g}",
        f"dL/dQ = 2 * ({level:.4g} - {target:g}) = {2 * (level - target):.4g}",
        "dQ/dw = " + ("1 (taken so)" if kind == "through" else "0 (on every tread of the staircase)"),
        f"w' = w - {rate:g} * {gradient:.4g} = {w - rate * gradient:.4g}",
    ]
    late = way.levels[-12:]
    swings = len(set(late)) > 1
    words = (
        f"{source}Step {step}: weight {w:.3g}, level **{level:.3g}**; the level nearest to {target:g} is {near:.3g}. "
    )
    if kind == "true":
        words += "The gradient is 0: **nothing moves**."
    elif swings:
        words += (
            "In the end the weight **swings** over a jump: both levels around the target pull, and neither holds it."
        )
    else:
        words += f"In the end it stays at {late[-1]:.3g}."
    numbers = {
        "moved": abs(way.weights[-1] - way.weights[0]),
        "swings": float(swings),
        "level": level,
        "last": way.levels[-1],
        "near": near,
        "loss": way.losses[step],
    }
    upto = step + 1
    rows = [
        (float(i), float(v), name)
        for name, values in (("weight", way.weights), ("its level", way.levels))
        for i, v in enumerate(values[:upto])
    ]
    rows += [(float(i), target, "target") for i in (0, _STEPS)]
    pictures = (
        ChartPicture(_stairs(scale, w, level, (start, target)), _READS),
        curves("The weight and its level, step by step", rows, x="step of training", y="value",
               names={"weight": CLIPPING, "its level": INTEGER, "target": FLOAT},
               reads="Training should bring the level to the target.", height=115),
    )  # fmt: skip
    return Shown(pictures, words, numbers, tuple(lines))


def _stairs(scale: float, w: float, level: float, ends: tuple[float, float]) -> dict[str, object]:
    """The staircase, and where the weight stands on it."""
    low, high = min(_SPAN[0], *ends), max(_SPAN[1], *ends)
    first, last = int(np.floor(low / scale - 0.5)), int(np.ceil(high / scale + 0.5))
    rows, order = [], 0
    for code in range(first, last + 1):
        for end in ((code - 0.5) * scale, (code + 0.5) * scale):
            rows.append({"x": float(np.clip(end, low, high)), "y": code * scale, "order": order})
            order += 1
    x = {"field": "x", "type": "quantitative", "title": "weight w", "axis": {"grid": False}}
    x["scale"] = {"domain": [low, high], "nice": False}
    y = {"field": "y", "type": "quantitative", "title": "Q(w)", "axis": {"tickCount": 5}}
    y["scale"] = {"domain": [low - 0.2, high + 0.2], "nice": False}
    return {
        **chart_frame("The staircase of rounding", "", 160),
        "datasets": {
            "stairs": rows,
            "line": [{"x": low, "y": low}, {"x": high, "y": high}],
            "now": [{"x": w, "y": level}],
            "target": [{"y": ends[1]}],
        },
        "layer": [
            {
                "data": {"name": "line"},
                "mark": {"type": "line", "color": FLOAT, "strokeDash": [5, 4], "clip": True},
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"name": "stairs"},
                "mark": {"type": "line", "color": INTEGER, "strokeWidth": 2.5, "clip": True},
                "encoding": {"x": x, "y": y, "order": {"field": "order", "type": "quantitative"}},
            },
            {
                "data": {"name": "target"},
                "mark": {"type": "rule", "color": FLOAT},
                "encoding": {"y": y},
            },
            {
                "data": {"name": "now"},
                "mark": {"type": "point", "filled": True, "color": CLIPPING, "size": 130, "opacity": 1, "clip": True},
                "encoding": {"x": x, "y": y},
            },
        ],
    }


ENTRIES = (
    LessonPlan(
        name="straight_through",
        title="Training through a staircase",
        place=130,
        idea="Rounding is a staircase, flat but for its jumps, and training follows a **gradient**. The way "
        "out: forward it rounds (**fake quantization**), backward the gradient goes **straight through**, as if it "
        "had not.",
        subject="weight",
        distribution="",
        beside=("at",),
        controls=(
            Choice("gradient", "Gradient of rounding", _KINDS, "true"),
            Slider("step", "Step of training", 0, _STEPS, 1, 0),
            Slider("rate", "Learning rate", 0.01, 0.3, 0.01, 0.05),
            Slider("scale", "Width of a step", 0.25, 1.0, 0.05, 0.5),
            WHICH_TWO,
        ),
        show=_show,
        prediction=Prediction(
            "The weight is trained for 40 steps with the true gradient of rounding. How far does it move?",
            ("not at all", "to the nearest level", "past the target"),
            {"step": 40, "gradient": "true"},
            lambda before, after: 0 if after["moved"] == 0 else 1,  # noqa: ARG005 - only what comes after counts
            "On each tread the staircase is flat: the gradient is exactly 0. Switch to straight through, and it moves.",
        ),
        closing=(
            Closing(
                "In training with fake quantization, which weights are kept from step to step?",
                (
                    (
                        "float ones, which are rounded anew in each step",
                        "Small moves add up in them until a rounding jumps.",
                    ),
                    (
                        "rounded ones, which move by a level at a time",
                        "A move smaller than a step would then be lost each time; float weights collect them.",
                    ),
                    (
                        "integer codes alone",
                        "Those come at the end; training needs weights that can move a little.",
                    ),
                ),
            ),
            Closing(
                "A weight swings between two levels near the end. What helps?",
                (
                    (
                        "a smaller learning rate",
                        "With smaller moves it crosses the jump less often; holding it at one level helps, too.",
                    ),
                    ("a larger learning rate", "Larger moves cross the jump at every step."),
                    (
                        "more steps of training",
                        "It goes on swinging, as the target lies between two levels and each pulls back.",
                    ),
                ),
            ),
            Closing(
                "For a weight that is clipped, beyond the end of the grid, the straight-through gradient is usually",
                (
                    ("0.", "However it moves a little, its level stays the last one: there is nothing to learn from."),
                    ("1.", "So it is inside of the grid; beyond it the level does not follow the weight."),
                    ("-1.", "It is never turned round: inside of the grid it is 1, beyond it 0."),
                ),
            ),
        ),
        words=(
            (
                "gradient",
                "how much the loss (what training makes small) changes with a weight; training moves the weight "
                "against it, by the **learning rate** times the gradient.",
            ),
            (
                "fake quantization",
                "keeps float weights and rounds them anew in each step, so that small moves add up until one jumps.",
            ),
            (
                "swinging",
                "where the target lies between two levels, the weight may jump to and fro between them; a smaller "
                "learning rate makes that rarer, and so does freezing it at the level where it was most.",
            ),
            ("beyond the grid", "a clipped weight keeps its level however it moves, so that its gradient is set to 0."),
        ),
        sources=(
            "Bengio et al. 2013, Estimating or Propagating Gradients Through Stochastic Neurons for Conditional "
            "Computation (straight-through estimator), arXiv:1308.3432",
            "Nagel et al. 2022, Overcoming Oscillations in Quantization-Aware Training, arXiv:2203.11086",
        ),
        exercise=Exercise(
            "One weight that should become 1.3, on steps of 0.5.",
            (
                ExerciseStep(
                    "The gradient of (Q(w) - 1.3)^2 with respect to w, straight through.",
                    "def Q(w):\n    return np.round(w / 0.5) * 0.5\n\n\ndef gradient(w):\n    return ...",
                    "def Q(w):\n    return np.round(w / 0.5) * 0.5\n\n\ndef gradient(w):\n    return 2 * (Q(w) - 1.3)",
                    "assert np.isclose(gradient(-0.6), 2 * (-0.5 - 1.3)), 'the derivative of Q is taken as 1'",
                ),
                ExerciseStep(
                    "Train 30 steps with a rate of 0.05 from -0.6.",
                    "w = -0.6\nfor _ in range(30):\n    w = ...",
                    "w = -0.6\nfor _ in range(30):\n    w = w - 0.05 * gradient(w)",
                    "assert Q(w) in (1.0, 1.5), 'it ends on one of the two levels around the target'",
                ),
            ),
        ),
        pages=(("algorithms", "Click through training steps of your model"), ("train", "Train your model")),
    ),
)
