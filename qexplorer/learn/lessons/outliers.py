"""Outliers: what a few values far out do to all others, and what can be done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import ChartPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.scaled import drawn
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, TENSOR

__all__ = ["ENTRIES"]

_CHANNELS, _EACH, _OUT = 24, 256, 7
_REMEDIES = (
    ("none", "Nothing"),
    ("clip", "Clip it"),
    ("move", "Move its scale into the weights"),
    ("rotate", "Rotate all channels"),
    ("split", "Keep that channel in float"),
)
_READS = "In each channel, left: its values (ticks); right: the levels that they become (dots)."


def _rows(tensor: TensorStats, times: float) -> NDArray[np.float32]:
    """Channels with the tensor's distribution, one of them ``times`` as large."""
    rows = drawn(tensor, _CHANNELS * _EACH, 3).reshape(_CHANNELS, _EACH).astype(np.float32)
    rows[_OUT] *= times
    return rows


def _rotation() -> NDArray[np.float64]:
    """An orthogonal matrix that mixes all channels."""
    return np.asarray(np.linalg.qr(np.random.default_rng(6).standard_normal((_CHANNELS, _CHANNELS)))[0], np.float64)


def _quantized(
    rows: NDArray[np.float32], bits: int, remedy: str, times: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What comes back of the channels, and the levels that were used for them: of the channels that were rotated."""
    chosen = FORMATS.get(f"int{bits}")
    if remedy == "rotate":
        turned = (_rotation() @ rows).astype(np.float32)
        high = float(np.abs(turned).max())
        levels = fake_quantize(turned, grid_from_range(-high, high, chosen, symmetric=True))
        return np.asarray(_rotation().T @ levels, np.float32), np.asarray(levels, np.float32)
    others = float(np.abs(np.delete(rows, _OUT, 0)).max())
    moved = np.ones((_CHANNELS, 1), np.float32)
    if remedy == "move":
        moved[_OUT] = np.sqrt(times)  # half way, as SmoothQuant does with alpha = 0.5 and weights of equal size
    high = others if remedy in ("clip", "split") else float(np.abs(rows / moved).max())
    out = fake_quantize(rows / moved, grid_from_range(-high, high, chosen, symmetric=True)) * moved
    if remedy == "split":
        out[_OUT] = rows[_OUT]
    return np.asarray(out, np.float32), np.asarray(out, np.float32)


def _db(signal: NDArray[np.float32], error: NDArray[np.float32]) -> float:
    power = float(np.mean(np.square(error, dtype=np.float64)))
    return 99.0 if power == 0 else float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) / power))


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    bits, times, remedy = int(settings["bits"]), float(settings["times"]), str(settings["remedy"])
    rows = _rows(tensor, times)
    out, used = _quantized(rows, bits, remedy, times)
    others = np.delete(np.arange(_CHANNELS), _OUT)
    rest, own = _db(rows[others], out[others] - rows[others]), _db(rows[[_OUT]], out[[_OUT]] - rows[[_OUT]])
    levels = len(np.unique(used[others]))
    words = (
        f"With one channel {times:g} times as large, the **other {_CHANNELS - 1}** use {levels} of "
        f"{2**bits - 1} levels and keep {rest:.1f} dB; the large one keeps {own:.1f} dB. "
    )
    words += {
        "none": "One scale for all has to reach the largest value.",
        "clip": "The large channel is cut to the reach of the others, and with it what it said.",
        "move": "Dividing that channel by a factor and multiplying its weights by it changes nothing in float.",
        "rotate": "Mixed into all channels, it makes none of them large; the weights turn everything back.",
        "split": "Its few products are made in float and added: exact, for some float arithmetic.",
    }[remedy]
    numbers = {"rest": rest, "own": own, "levels": float(levels), "bits": float(bits), "times": times}
    numbers["all"] = float(2**bits - 1)
    return Shown((ChartPicture(_spec(rows, out), _READS),), words, numbers)


def _spec(rows: NDArray[np.float32], out: NDArray[np.float32]) -> dict[str, object]:
    """Each channel's values and, beside them, its levels."""
    picked = np.linspace(0, _EACH - 1, 24).astype(int)
    before = [
        {"channel": c, "value": float(v), "kind": "values"} for c in range(_CHANNELS) for v in np.sort(rows[c])[picked]
    ]
    levels = [np.unique(out[c]) for c in range(_CHANNELS)]
    few = [found if len(found) < _EACH / 2 else np.sort(out[c])[picked] for c, found in enumerate(levels)]
    after = [{"channel": c, "value": float(v), "kind": "levels"} for c in range(_CHANNELS) for v in few[c]]
    x = {"field": "channel", "type": "quantitative", "title": "channel", "axis": {"grid": False, "tickMinStep": 1}}
    x["scale"] = {"domain": [-0.7, _CHANNELS - 0.3], "nice": False}
    y = {
        "field": "value",
        "type": "quantitative",
        "title": "value, logarithmic beyond 1",
        "axis": {"values": [-1000, -100, -10, -1, 0, 1, 10, 100, 1000]},
        "scale": {"type": "symlog", "constant": 1},
    }
    tips = [{"field": "channel"}, {"field": "kind"}, {"field": "value", "format": ".4g"}]
    return {
        **chart_frame("Channels and their levels", "", 240),
        "datasets": {"values": before, "levels": after},
        "layer": [
            {
                "data": {"name": "values"},
                "mark": {
                    "type": "tick",
                    "color": TENSOR,
                    "thickness": 1.5,
                    "width": 8,
                    "xOffset": -4,
                    "orient": "horizontal",
                },
                "encoding": {"x": x, "y": y, "tooltip": tips},
            },
            {
                "data": {"name": "levels"},
                "mark": {"type": "point", "filled": True, "color": CLIPPING, "size": 14, "opacity": 0.9, "xOffset": 5},
                "encoding": {"x": x, "y": y, "tooltip": tips},
            },
        ],
    }


ENTRIES = (
    LessonPlan(
        name="outliers",
        title="Outliers",
        place=80,
        idea="One scale for all has to reach the largest value. Each word of a text brings one value to each "
        "**channel** of a layer's activations; in large language models a few channels are far larger, here one.",
        subject="activation",
        controls=(
            Slider("times", "Channel 7, times as large", 1, 100, 1, 1),
            Choice("remedy", "What is done", _REMEDIES, "none"),
            Slider("bits", "Bits", 4, 8, 1, 8, help="Symmetric, as integer kernels take it: codes -127 to 127 at 8"),
        ),
        show=_show,
        prediction=Prediction(
            "Channel 7 becomes a hundred times as large. How many of the levels are left for the other 23 channels?",
            ("fewer than 10", "about half", "all of them"),
            {"times": 100},
            lambda before, after: (  # noqa: ARG005 - only what comes after counts
                0 if after["levels"] < 10 else 1 if after["levels"] < 0.8 * 2 ** after["bits"] else 2
            ),
            "A step is now a hundred times as wide: {levels:.0f} of {all:.0f} levels are left for all of the "
            "others, which keep "
            "{rest:.1f} dB.",
        ),
        closing=(
            Closing(
                "Why are the outliers of a language model not simply clipped?",
                (
                    (
                        "they carry much of what the model knows",
                        "They are few and always in the same channels: without them such models fall apart.",
                    ),
                    (
                        "they are too many",
                        "They are a few channels of thousands; but those few are needed.",
                    ),
                    (
                        "clipping does not help the other channels",
                        "It does, as the picture shows: all levels are theirs again. The clipped "
                        "channel is what is lost.",
                    ),
                ),
            ),
            Closing(
                "SmoothQuant divides a channel of the activations by a factor. What keeps the result the same?",
                (
                    (
                        "the weights that read it are multiplied",
                        "(x / f) * (f * w) = x * w: the difficulty moves from the activations into the weights.",
                    ),
                    (
                        "the bias of the layer grows by as much",
                        "A bias adds the same number whatever x is, and cannot make up for a factor.",
                    ),
                    (
                        "the model is trained again for a while",
                        "No training is needed: the weights take the factor back, exactly.",
                    ),
                ),
            ),
            Closing(
                "A rotation helps against a large channel, because it",
                (
                    (
                        "spreads it over all channels.",
                        "Each channel becomes a mixture of all, so that none is far out, and the weights undo it.",
                    ),
                    (
                        "sets it to zero.",
                        "Nothing is thrown away: the weights turn everything back.",
                    ),
                    (
                        "gives it a scale of its own.",
                        "There is still one scale for all; after the rotation all channels are about equally large.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "why not clip",
                "the large channels of language models are few and always the same, and carry much of what the model "
                "knows; without them it falls apart.",
            ),
            (
                "SmoothQuant",
                "divides a channel by a factor and multiplies the weights that read it by the same one, so that "
                "products stay.",
            ),
            ("rotation", "mixes all channels, so that a large one is spread over all; the weights undo it."),
            (
                "dB",
                "how far the signal (the values) stands above the error: 10 * log10 of the ratio of mean squares; "
                "6 dB more is an error half as large.",
            ),
        ),
        sources=(
            "Dettmers et al. 2022, LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale, arXiv:2208.07339",
            "Xiao et al. 2023, SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language "
            "Models, arXiv:2211.10438",
            "Rotation: Ashkboos et al. 2024, QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs, arXiv:2404.00456",
        ),
        exercise=Exercise(
            "Two channels, the second a hundred times larger.",
            (
                ExerciseStep(
                    "What is left of the first channel with one symmetric scale for codes -127 to 127?",
                    "x = np.array([[0.1, -0.3, 0.2], [40.0, -100.0, 70.0]])\nscale = ...\nfirst = ...",
                    "x = np.array([[0.1, -0.3, 0.2], [40.0, -100.0, 70.0]])\nscale = np.abs(x).max() / 127\n"
                    "first = np.round(x[0] / scale) * scale",
                    "assert np.isclose(scale, 100 / 127), 'it must reach the largest value'\n"
                    "assert np.all(first == 0), 'all of it is below half a step'",
                ),
                ExerciseStep(
                    "Divide each channel by the root of its largest magnitude, and multiply the weights.",
                    "w = np.array([2.0, 0.5])\nfactor = np.sqrt(np.abs(x).max(axis=1))\nsmooth, weights = ..., ...",
                    "w = np.array([2.0, 0.5])\nfactor = np.sqrt(np.abs(x).max(axis=1))\n"
                    "smooth, weights = x / factor[:, None], w * factor",
                    "assert np.allclose(weights @ smooth, w @ x), 'the product must stay what it was'\n"
                    "assert np.abs(smooth[1]).max() < 20 * np.abs(smooth[0]).max(), 'and the channels come closer'",
                ),
            ),
        ),
        pages=(("algorithms", "See what SmoothQuant, a rotation or splitting does to your model"),),
    ),
)
