"""Repair: what a bad layer looks like, and which remedy fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import Grid, fake_quantize, grid_from_range
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import bars, channel_ranges
from qexplorer.learn.scaled import drawn
from qexplorer.observe.stats import TensorStats
from qexplorer.report.palette import CLIPPING, INTEGER

__all__ = ["ENTRIES"]

Rows = NDArray[np.float32]

_FAULTS = (("unequal", "Unequal channels"), ("outlier", "One value far out"), ("narrow", "Calibrated on one class"))
_REMEDIES = (
    ("none", "Nothing"),
    ("channel", "A scale for each channel"),
    ("percentile", "Clip at the 99.9th percentile"),
    ("data", "Calibrate on all classes"),
    ("bits", "16 bits"),
)
_CHANNELS, _EACH, _FAR, _MOST_DB = 12, 400, 2, 120.0


@dataclass(frozen=True, slots=True)
class _Broken:
    """A layer's values as channels, and those that calibration saw."""

    values: Rows
    seen: Rows


def _broken(fault: str, tensor: TensorStats) -> _Broken:
    """Channels with the tensor's distribution, and the fault in them."""
    values = drawn(tensor, _CHANNELS * _EACH, 8).reshape(_CHANNELS, _EACH).astype(np.float32)
    if fault == "unequal":
        order = np.random.default_rng(8).permutation(_CHANNELS)
        values *= np.geomspace(0.02, 1.0, _CHANNELS, dtype=np.float32)[order][:, None]
        return _Broken(values, values)
    if fault == "outlier":
        values[5, 17] = 60.0 * float(np.sqrt(np.mean(np.square(values))))
        return _Broken(values, values)
    return _Broken(values * np.float32(2.5), values[:, : _EACH // 10])  # one class, and a quiet one


def _grid(case: _Broken, remedy: str, bits: int) -> Grid:
    seen = case.values if remedy == "data" else case.seen
    chosen = FORMATS.get("int16" if remedy == "bits" else f"int{bits}")
    size = np.abs(seen)
    if remedy == "channel":
        return grid_from_range(-size.max(1), size.max(1), chosen, symmetric=True, axis=0)
    high = float(np.percentile(size, 99.9) if remedy == "percentile" else size.max())
    return grid_from_range(-high, high, chosen, symmetric=True)


def _quality(case: _Broken, grid: Grid) -> tuple[float, NDArray[np.float64]]:
    """Signal to error in dB of the worst channel and of each, over all but the ``_FAR`` largest values of a channel:
    one value that is clipped must not outweigh hundreds that are right."""
    inner = np.argsort(np.abs(case.values), axis=1)[:, :-_FAR]
    values = np.take_along_axis(case.values, inner, 1).astype(np.float64)
    error = np.take_along_axis(fake_quantize(case.values, grid).astype(np.float64), inner, 1) - values
    power, noise = np.square(values).mean(1), np.square(error).mean(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.clip(np.nan_to_num(10 * np.log10(power / noise), nan=0.0), 0.0, _MOST_DB)
    return float(each.min()), each


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    fault, remedy, bits = str(settings["fault"]), str(settings["remedy"]), int(settings["bits"])
    case = _broken(fault, tensor)
    worst = {name: _quality(case, _grid(case, name, bits))[0] for name, _ in _REMEDIES}
    grid = _grid(case, remedy, bits)
    each = _quality(case, grid)[1]
    cheap = {name: db for name, db in worst.items() if name not in ("bits", "none")}
    best = max(cheap, key=lambda name: cheap[name])
    titles = dict(_REMEDIES)
    gained = worst[remedy] - worst["none"]
    words = f"**{titles[remedy]}**: the worst channel keeps {worst[remedy]:.1f} dB"
    words += (
        "."
        if remedy == "none"
        else f", {abs(gained):.1f} dB {'more' if gained >= 0 else 'less'} than with nothing done."
    )
    words += (
        f" No other remedy at {bits} bits gives more."
        if remedy == best
        else f" Among the remedies at {bits} bits, **{titles[best].lower()}** fits best: {worst[best]:.1f} dB."
    )
    pictures = (
        channel_ranges(case.values, grid, height=185),
        bars(
            "Worst channel under each remedy",
            [(titles[name], db, "chosen" if name == remedy else "other") for name, db in worst.items()],
            axis="dB",
            lying=True,
            names={"chosen": CLIPPING, "other": INTEGER},
            reads="Signal over error of the worst channel, longer is better. Its two largest values alone would decide "
            "it, and are left out.",
            height=155,
            late=True,
        ),
    )
    numbers = {f"db_{name}": db for name, db in worst.items()}
    numbers |= {
        "gained": gained,
        "best": float([n for n, _ in _REMEDIES].index(best)),
        "median": float(np.median(each)),
    }
    return Shown(pictures, words, numbers)


ENTRIES = (
    LessonPlan(
        name="repair",
        title="Repair a model",
        place=140,
        idea="A layer whose error is large may have unequal channels, a value far out, or a range that is too "
        "narrow. Each **fault** looks different and has its own remedy; more bits help with the first two, and cost "
        "most.",
        subject="any",
        controls=(
            Choice("fault", "What is wrong", _FAULTS, "unequal", help="Put into channels with the values chosen above"),
            Choice(
                "remedy", "Remedy", _REMEDIES, "none", help="99.9 % of the magnitudes lie below the 99.9th percentile"
            ),
            Slider("bits", "Bits", 4, 8, 1, 6, help="Grids as integer kernels take them: codes -31 to 31 at 6 bits"),
        ),
        show=_show,
        prediction=Prediction(
            "These channels have very different ranges, and one scale. Which remedy fits?",
            ("a scale for each channel", "clipping at the 99.9th percentile", "calibrating on more data"),
            {"fault": "unequal", "remedy": "channel"},
            lambda before, after: max(  # noqa: ARG005 - all remedies are worked out at once
                range(3), key=lambda at: after[("db_channel", "db_percentile", "db_data")[at]]
            ),
            "With a scale of its own the worst channel keeps {db_channel:.1f} dB, with clipping {db_percentile:.1f}, "
            "with "
            "other data {db_data:.1f}.",
        ),
        closing=(
            Closing(
                "One channel reaches far beyond all others, and even a scale of its own leaves that one bad. "
                "What is wrong?",
                (
                    (
                        "one of its values lies far out",
                        "That value stretches the range of its channel, and its other values share a few levels.",
                    ),
                    (
                        "the channels have unequal ranges",
                        "Then a scale of its own would have made it good.",
                    ),
                    (
                        "calibration saw too little",
                        "Then the range would be too narrow, and values would be clipped; here it is too wide.",
                    ),
                ),
            ),
            Closing(
                "On new data a quarter of a layer's values lie beyond its range. What is wrong?",
                (
                    (
                        "calibration saw data unlike these",
                        "The range is right for what was seen: it must see what the model will meet.",
                    ),
                    (
                        "one value lies far out",
                        "One value far out makes a range too wide, and then nearly nothing is beyond it.",
                    ),
                    (
                        "the channels have unequal ranges",
                        "One scale reaches the widest of them, so that none of their values lies beyond.",
                    ),
                ),
            ),
            Closing(
                "What shows that a remedy made the model better?",
                (
                    (
                        "accuracy rises on data that were used for nothing else",
                        "Neither calibration nor the choice has seen them, so that they are like what comes later.",
                    ),
                    (
                        "the error of the layer falls",
                        "That is a hint: what counts is what comes out at the end of the model.",
                    ),
                    (
                        "accuracy rises on the data of calibration",
                        "The range was chosen by those, so that they flatter it.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "a value far out",
                "widens the steps of all values that share its scale, so that its channel stays bad even with a "
                "scale of its own.",
            ),
            (
                "calibrated on one class",
                "the range was chosen from samples of one kind alone, so that others reach beyond it.",
            ),
            (
                "dB",
                "how far the signal (the values) stands above the error: 10 * log10 of the ratio of mean squares; "
                "6 dB more is an error half as large, and near 0 dB nothing is left.",
            ),
            (
                "proof",
                "the error of a layer is a hint; that the model got better shows only on data which nothing was "
                "chosen by.",
            ),
        ),
        sources=(
            "Nagel et al. 2021, A White Paper on Neural Network Quantization, arXiv:2106.08295",
            "Nagel et al. 2019, Data-Free Quantization Through Weight Equalization and Bias Correction, "
            "arXiv:1906.04721",
        ),
        exercise=Exercise(
            "Find the fault of a layer from its channels.",
            (
                ExerciseStep(
                    "The channel that sets the scale of the whole tensor.",
                    "w = np.random.default_rng(2).standard_normal((6, 50)) * np.array([1, 1, 40, 1, 1, 1])[:, None]\n"
                    "spoils = ...",
                    "w = np.random.default_rng(2).standard_normal((6, 50)) * np.array([1, 1, 40, 1, 1, 1])[:, None]\n"
                    "spoils = int(np.abs(w).max(axis=1).argmax())",
                    "assert spoils == 2, 'the channel with the largest magnitude'",
                ),
                ExerciseStep(
                    "The squared error of all other channels with one scale, over that with scales of their own (codes "
                    "-7 to 7, as integer kernels take them).",
                    "def error(rows, scale):\n    return np.mean((np.round(rows / scale) * scale - rows) ** 2)\n\n\n"
                    "rest = np.delete(w, spoils, axis=0)\none = np.abs(w).max() / 7\nown = ...\nratio = ...",
                    "def error(rows, scale):\n    return np.mean((np.round(rows / scale) * scale - rows) ** 2)\n\n\n"
                    "rest = np.delete(w, spoils, axis=0)\none = np.abs(w).max() / 7\n"
                    "own = np.abs(rest).max(axis=1, keepdims=True) / 7\nratio = error(rest, one) / error(rest, own)",
                    "assert own.shape == (5, 1), 'a scale for each row'\n"
                    "assert ratio > 50, 'with one scale nearly nothing is left of the other channels'",
                ),
            ),
        ),
        pages=(
            ("distributions", "Find the channel that spoils a scale"),
            ("quantize", "Give a layer its own rule"),
            ("compare", "See what it is worth on data kept apart"),
        ),
    ),
)
