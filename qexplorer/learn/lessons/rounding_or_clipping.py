"""Rounding against clipping: what a narrower range wins and loses."""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.learn.controls import Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, GridPicture, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import curves
from qexplorer.observe.error import ErrorSplit, error_from_histogram
from qexplorer.observe.stats import TensorStats
from qexplorer.report.palette import CLIPPING, NEUTRAL, ROUNDING

__all__ = ["ENTRIES"]

_MOST_BITS = 8
_SHARES = tuple(share / 100 for share in range(4, 101, 2))


def _ends(stats: TensorStats, share: float) -> tuple[float, float]:
    return min(stats.histogram.minimum * share, 0.0), max(stats.histogram.maximum * share, 0.0)


def _grid(stats: TensorStats, bits: int, share: float) -> Grid:
    low, high = _ends(stats, share)
    return grid_from_range(low, high, FORMATS.get(f"uint{bits}"), symmetric=False)


def _dragged(settings: Settings, stats: TensorStats, clip: tuple[float, float]) -> Settings:
    """The share that belongs to the end which was moved."""
    whole, now = _ends(stats, 1.0), float(settings["share"]) / 100
    shares = [end / full for end, full in zip(clip, whole, strict=True) if full]
    moved = max(shares, key=lambda share: abs(share - now), default=now)
    return {"share": int(np.clip(round(100 * moved), 4, 100))}


def _error(stats: TensorStats, bits: int, share: float) -> ErrorSplit:
    return error_from_histogram(stats.histogram, _grid(stats, bits, share))


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    bits, share = int(settings["bits"]), float(settings["share"]) / 100
    error = _error(tensor, bits, share)
    along = {s: _error(tensor, bits, s) for s in _SHARES}
    best = min(along, key=lambda s: along[s].mse)
    kinds = {"both": NEUTRAL, "rounding": ROUNDING, "clipping": CLIPPING}
    rows = [
        (100 * s, mse, kind)
        for s, e in along.items()
        for kind, mse in zip(kinds, (e.mse, e.rounding_mse, e.clipping_mse), strict=True)
        if mse > 0.01 * along[best].mse
    ]
    larger, times = ("rounding", error.rounding_mse) if error.rounding_mse >= error.clipping_mse else ("clipping", 0.0)
    words = (
        f"Clipped at {100 * share:.0f} % of the range, {100 * error.clipped_fraction:.3g} % of the values are cut, and "
        f"**{larger}** makes {100 * max(error.rounding_mse, error.clipping_mse) / (error.mse or 1):.0f} % of the "
        f"squared error. The least error at {bits} bits is at {100 * best:.0f} %"
    )
    ratio = error.mse / along[best].mse if along[best].mse else 1.0
    words += ", where it stands" if abs(best - share) < 0.015 else f" (here it is {ratio:.3g} times as large)"
    other = 4 if bits == _MOST_BITS else _MOST_BITS
    elsewhere = min(_SHARES, key=lambda s: _error(tensor, other, s).mse)
    words += f"; at {other} bits it would be at {100 * elsewhere:.0f} %."
    numbers = {
        "mse": error.mse,
        "rounding": error.rounding_mse,
        "clipping": error.clipping_mse,
        "clipped": error.clipped_fraction,
        "percent": 100 * error.clipped_fraction,
        "best": 100 * best,
        "rounding_dominates": float(times > 0),
    }
    ends = _ends(tensor, share)
    pictures = (
        GridPicture("Drag the thick lines", tensor, f"uint{bits}", False, ends),
        curves(
            "Mean squared error over the range",
            rows,
            x="range, % of the whole",
            y="mean squared error",
            names=kinds,
            reads="A narrower range, to the left, rounds less and clips more; the dashed line is where the "
            "range stands.",
            log=True,
            now=100 * share,
            height=170,
            late=True,
        ),
    )
    return Shown(pictures, words, numbers)


ENTRIES = (
    LessonPlan(
        name="rounding_or_clipping",
        title="Rounding against clipping",
        place=30,
        idea="A grid has as many levels as its bits allow. Over a **wide** range they lie far apart, and "
        "rounding moves values far; over a **narrow** one they lie close together, and what lies beyond "
        "is cut (clipped). The best range is where both errors together are least.",
        subject="any",
        controls=(
            Slider("share", "Range, % of the whole", 4, 100, 1, 100),
            Slider("bits", "Bits", 2, _MOST_BITS, 1, 4),
        ),
        show=_show,
        dragged=_dragged,
        prediction=Prediction(
            "The range is cut to half, so that a step is half as wide. What happens to the squared error?",
            ("it falls", "it hardly changes", "it rises"),
            {"share": 50},
            lambda before, after: (
                0 if after["mse"] < 0.95 * before["mse"] else 1 if after["mse"] <= 1.05 * before["mse"] else 2
            ),
            "Half a step has a quarter of the rounding error, and {percent:.2f} % of the values are now clipped: "
            "rounding "
            "makes {rounding:.3g} of the error of {mse:.3g}, clipping {clipping:.3g}.",
        ),
        closing=(
            Closing(
                "Clipping makes nearly all of the error. What helps most?",
                (
                    (
                        "a wider range",
                        "What is clipped lies beyond the range: a wider one cuts less, for somewhat wider steps.",
                    ),
                    ("a narrower range", "That cuts even more; it helps where rounding makes most of the error."),
                    ("more bits", "They make steps finer, but what lies beyond the range is cut all the same."),
                ),
            ),
            Closing(
                "With more bits, where does the best range go?",
                (
                    (
                        "it gets wider",
                        "With finer steps rounding matters less, so that less should be clipped: try 8 bits.",
                    ),
                    (
                        "it gets narrower",
                        "Steps are fine already with more bits; it is with few bits that cutting values pays.",
                    ),
                    (
                        "it stays where it is",
                        "Move the bits and read where the least error is: the two curves cross elsewhere.",
                    ),
                ),
            ),
            Closing(
                "Half as wide a step makes the squared error of rounding",
                (
                    (
                        "a quarter.",
                        "Errors get half as large, and their squares a quarter: s * s / 12 for a step of width s.",
                    ),
                    ("half.", "The errors themselves are half as large; their squares are a quarter."),
                    ("an eighth.", "Errors get half as large, and half times half is a quarter."),
                ),
            ),
        ),
        words=(
            ("squared error", "the mean of the squares of what each value moves; twice as far counts four times."),
            ("bits", "each bit more doubles the number of levels: 16 at 4 bits, 32 at 5."),
            (
                "dB",
                "how far the signal (the values) stands above the error: 10 * log10 of the ratio of mean squares; "
                "6 dB more is an error half as large.",
            ),
        ),
        sources=(
            "Error of a uniform quantizer, s^2 / 12: Bennett 1948, Spectra of Quantized Signals, Bell System "
            "Technical Journal 27",
            "Range by least squared error: Banner et al. 2019, Post training 4-bit quantization of convolutional "
            "networks for rapid-deployment (ACIQ), arXiv:1810.05723",
        ),
        exercise=Exercise(
            "Values from a normal distribution on 16 levels.",
            (
                ExerciseStep(
                    "The error of a symmetric grid with 15 levels over -c to c.",
                    "x = np.random.default_rng(0).standard_normal(100_000)\n\n\ndef mse(c):\n    scale = c / 7\n"
                    "    q = ...\n    return np.mean((q * scale - x) ** 2)",
                    "x = np.random.default_rng(0).standard_normal(100_000)\n\n\ndef mse(c):\n    scale = c / 7\n"
                    "    q = np.clip(np.round(x / scale), -7, 7)\n    return np.mean((q * scale - x) ** 2)",
                    "assert np.isclose(mse(2.0), np.mean((np.clip(np.round(x * 3.5), -7, 7) / 3.5 - x) ** 2)), "
                    "'round, then clip to -7 to 7'",
                ),
                ExerciseStep(
                    "The c with the least error, among these.",
                    "candidates = np.linspace(1.0, 4.5, 71)\nbest = ...",
                    "candidates = np.linspace(1.0, 4.5, 71)\nbest = min(candidates, key=mse)",
                    "assert 2.4 < best < 2.9, 'it is where rounding and clipping together are least, near 2.6'",
                ),
            ),
        ),
        pages=(("distributions", "Drag the clip lines of a tensor of your model"),),
    ),
)
