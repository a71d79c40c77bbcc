"""Codebooks: levels put where the values are, and what that is worth at two bits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import ChartPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import curves
from qexplorer.observe.histogram import Bins, Histogram
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, FLOAT, INTEGER, TENSOR
from qexplorer.report.tensor_charts.histogram import bar_edges

__all__ = ["ENTRIES"]

Float64 = NDArray[np.float64]

_KINDS = (("even", "Even steps"), ("kmeans", "k-means"), ("quantiles", "Equal counts"))
_COLOURS = {"Even steps": INTEGER, "k-means": CLIPPING, "Equal counts": FLOAT}
_ROUNDS, _BARS, _BITS = 200, 120, range(2, 7)
_ZERO_SHARE = 0.01


def _points(bins: Bins) -> tuple[Float64, Float64]:
    """Middles of the bins, and how many values each stands for."""
    return (bins.low + bins.high) / 2, bins.count


def _nearest(levels: Float64, x: Float64) -> Float64:
    borders = (levels[1:] + levels[:-1]) / 2
    return np.asarray(levels[np.searchsorted(borders, x)], np.float64)


def _mse(levels: Float64, x: Float64, n: Float64) -> float:
    return float(np.average((_nearest(levels, x) - x) ** 2, weights=n))


def _even(x: Float64, n: Float64, bits: int) -> Float64:
    """Even steps with zero among them, at the range with the least squared error."""
    count, best = 1 << bits, None
    for share in np.linspace(0.02, 1.0, 50):
        low, high = min(x[0] * share, 0.0), max(x[-1] * share, 0.0)
        step = (high - low) / (count - 1) or 1.0
        levels = (np.arange(count) + np.round(low / step)) * step
        if best is None or _mse(levels, x, n) < _mse(best, x, n):
            best = levels
    assert best is not None
    return np.asarray(best, np.float64)


def _lloyd(levels: Float64, x: Float64, n: Float64) -> Float64:
    """Each level becomes the mean of the values that are nearest to it, until none moves."""
    for _ in range(_ROUNDS):
        part = np.searchsorted((levels[1:] + levels[:-1]) / 2, x)
        count = np.bincount(part, n, len(levels))
        moved = np.divide(np.bincount(part, n * x, len(levels)), count, out=levels.copy(), where=count > 0)
        if np.allclose(moved, levels, rtol=1e-9, atol=0):
            break
        levels = np.sort(moved)
    return levels


def _quantiles(x: Float64, n: Float64, bits: int) -> Float64:
    """The means of as many parts with equally many values."""
    count = 1 << bits
    part = np.minimum((np.cumsum(n) - n / 2) / n.sum() * count, count - 1).astype(int)
    weight = np.bincount(part, n, count)
    found = np.divide(np.bincount(part, n * x, count), weight, out=np.full(count, np.nan), where=weight > 0)
    filled = found[np.isfinite(found)]
    return np.sort(np.concatenate([filled, np.repeat(filled[-1], count - len(filled))]))


@lru_cache(maxsize=4)
def _levels(histogram: Histogram) -> dict[tuple[str, int], Float64]:
    """The levels of each kind at each number of bits; k-means from both others, whichever ends with less error."""
    x, n = _points(histogram.bins)
    found: dict[tuple[str, int], Float64] = {}
    for bits in _BITS:
        even, quantiles = _even(x, n, bits), _quantiles(x, n, bits)
        means = min((_lloyd(begin, x, n) for begin in (quantiles, even)), key=lambda levels: _mse(levels, x, n))
        found |= {("even", bits): even, ("kmeans", bits): means, ("quantiles", bits): quantiles}
    return found


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    bits, kind = int(settings["bits"]), str(settings["kind"])
    x, n = _points(tensor.histogram.bins)
    power = float(np.average(x**2, weights=n)) or 1.0
    titles = dict(_KINDS)
    rows = [
        (float(b), 100 * _mse(found, x, n) / power, titles[name])
        for (name, b), found in _levels(tensor.histogram).items()
    ]
    levels = np.unique(_levels(tensor.histogram)[kind, bits])
    error = 100 * _mse(levels, x, n) / power
    even = 100 * _mse(_levels(tensor.histogram)["even", bits], x, n) / power
    small = float(np.abs(levels).min()) / (float(np.sqrt(power)) or 1.0)
    far = int((np.abs(levels) > 6 * np.sqrt(power)).sum())
    words = f"**{titles[kind]}** with {len(levels)} levels: an error of {error:.3g} % of the signal"
    words += ". " if kind == "even" else f"; even steps have {even:.3g} %. "
    words += (
        f"The level nearest to zero is {small:.2g} standard deviations away, so that zeros do not stay zero"
        if small > _ZERO_SHARE
        else "Zero is a level"
    )
    words += f", and {far} of the levels {'is' if far == 1 else 'are'} spent on outliers." if far else "."
    numbers = {
        "error": error,
        "even": even,
        "gain": even / error if error else 1.0,
        "zero_away": small,
        "far": float(far),
        "levels": float(len(levels)),
    }
    pictures = (
        ChartPicture(_spec(tensor, levels), "Bars: how many values there are. Thick lines: the levels."),
        curves(
            "Error over the number of bits",
            [row for row in rows if row[1] > 0],
            x="bits",
            y="error, % of the signal",
            names=_COLOURS,
            reads="Lower is better; the dashed line is where the bits stand.",
            log=True,
            now=float(bits),
            late=True,
        ),
    )
    return Shown(pictures, words, numbers)


def _spec(tensor: TensorStats, levels: Float64) -> dict[str, object]:
    """The values, and the levels as rules."""
    histogram = tensor.histogram
    edges = bar_edges(histogram.minimum, histogram.maximum, _BARS)
    below = histogram.bins.below(edges[1:-1])
    counts = np.round(np.diff(np.concatenate([[0.0], below, [float(histogram.count)]])))
    rows = [
        {"from": float(a), "to": float(b), "count": max(float(c), 0.5)}
        for a, b, c in zip(edges[:-1], edges[1:], counts, strict=True)
        if c
    ]
    x = {"type": "quantitative", "title": "value", "scale": {"nice": False, "zero": False}, "axis": {"grid": False}}
    y = {
        "field": "count",
        "type": "quantitative",
        "title": "number of values",
        "scale": {"type": "log", "domainMin": 0.5},
    }
    return {
        **chart_frame("The values and the levels", "", 190),
        "datasets": {"bars": rows, "levels": [{"x": float(v)} for v in levels]},
        "layer": [
            {
                "data": {"name": "bars"},
                "mark": {"type": "rect", "color": TENSOR, "opacity": 0.8},
                "encoding": {"x": x | {"field": "from"}, "x2": {"field": "to"}, "y": y, "y2": {"datum": 0.5}},
            },
            {
                "data": {"name": "levels"},
                "mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 2},
                "encoding": {"x": x | {"field": "x"}, "tooltip": [{"field": "x", "title": "level", "format": ".4g"}]},
            },
        ],
    }


ENTRIES = (
    LessonPlan(
        name="codebooks",
        title="Codebooks",
        place=90,
        idea="A code can name any level in a table: **k-means** puts them where values are, which makes the squared "
        "error small. And yet it can fall apart at 2 bits: no level is zero, or half of them go to outliers.",
        subject="any",
        controls=(
            Choice("kind", "Levels", _KINDS, "even"),
            Slider("bits", "Bits", 2, 6, 1, 4),
        ),
        show=_show,
        prediction=Prediction(
            "The levels go where k-means puts them. How does the squared error change?",
            ("it falls somewhat", "it falls below a tenth", "it rises"),
            {"kind": "kmeans"},
            lambda before, after: (
                2 if after["error"] > before["error"] * 1.001 else 1 if after["error"] < 0.1 * before["error"] else 0
            ),
            "From {even:.3g} to {error:.3g} % of the signal, {gain:.2f} times less; one bit more would be about "
            "4 times. "
            "And each weight must be looked up before it is multiplied.",
        ),
        closing=(
            Closing(
                "k-means with four levels, on weights of which many are exactly zero: what may go wrong?",
                (
                    (
                        "none of the levels is zero",
                        "Levels are means of the values around them: zero is among them only by chance.",
                    ),
                    (
                        "all four levels end at zero",
                        "A level goes to the mean of its own values: the others are drawn to the rest of the weights.",
                    ),
                    (
                        "some weights get no level",
                        "Each weight takes the nearest level, however far away that is.",
                    ),
                ),
            ),
            Closing(
                "Why do integer units not multiply the codes of a codebook?",
                (
                    (
                        "a code does not say how large its level is",
                        "It must be looked up first: codebooks save memory, not arithmetic.",
                    ),
                    (
                        "such codes have too few bits",
                        "Codes of an even grid may be as short, and integer units do multiply those.",
                    ),
                    (
                        "the levels are too close together",
                        "How close they are does not matter: a code does not tell which one it is without the table.",
                    ),
                ),
            ),
            Closing(
                "NF4 is a fixed table of 16 levels. For which values was it made?",
                (
                    (
                        "weights with a normal distribution",
                        "Its levels lie closest where the bell curve has most values, with an exact zero.",
                    ),
                    (
                        "activations behind a ReLU",
                        "Those are never negative: half of its levels would be idle.",
                    ),
                    (
                        "values that are spread evenly",
                        "For those even steps are best, which is what integers have.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "codebook",
                "a table of levels; a code is a position in it, and says nothing of the level's size, so that it "
                "is looked up before anything is computed.",
            ),
            (
                "k-means, equal counts",
                "moves each level to the mean of the values nearest to it, until nothing moves; places levels so that "
                "each stands for as many values.",
            ),
            (
                "NF4",
                "a fixed table of 16 levels for weights with a normal distribution (the bell curve), "
                "with an exact zero.",
            ),
            (
                "% of the signal",
                "the squared error over the mean square of the values; 100 % is what setting all of them to 0 gives.",
            ),
        ),
        sources=(
            "Lloyd 1982, Least squares quantization in PCM, IEEE Transactions on Information Theory 28",
            "Han et al. 2016, Deep Compression: Compressing Deep Neural Networks with Pruning, Trained Quantization "
            "and Huffman Coding, arXiv:1510.00149",
            "NF4: Dettmers et al. 2023, QLoRA: Efficient Finetuning of Quantized LLMs, arXiv:2305.14314",
        ),
        exercise=Exercise(
            "Lloyd's rounds on a few values.",
            (
                ExerciseStep(
                    "The nearest level of each value.",
                    "x = np.array([-2.0, -1.8, 0.1, 0.0, 1.9, 2.2])\nlevels = np.array([-1.0, 0.5, 1.0])\n\n\n"
                    "def nearest(x, levels):\n    return ...",
                    "x = np.array([-2.0, -1.8, 0.1, 0.0, 1.9, 2.2])\nlevels = np.array([-1.0, 0.5, 1.0])\n\n\n"
                    "def nearest(x, levels):\n    return np.abs(x[:, None] - levels).argmin(axis=1)",
                    "assert list(nearest(x, levels)) == [0, 0, 1, 1, 2, 2], 'the position of the nearest level'",
                ),
                ExerciseStep(
                    "One round: each level becomes the mean of its values.",
                    "moved = ...",
                    "part = nearest(x, levels)\nmoved = np.array([x[part == k].mean() for k in range(3)])",
                    "assert np.allclose(moved, [-1.9, 0.05, 2.05]), 'the mean of the values nearest to each level'",
                ),
            ),
        ),
        pages=(("distributions", "Lay NF4 over a weight of your model"),),
    ),
)
