"""Static, dynamic, weights only: when the range of an activation is chosen."""

from __future__ import annotations

import numpy as np

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import grid_from_range
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import values_under
from qexplorer.learn.scaled import times
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.stats import TensorStats

__all__ = ["ENTRIES"]

_MODES = (("static", "Static"), ("dynamic", "Dynamic"), ("weights", "Weights only"))
_MOST_DB = 150.0


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    mode, bits, factor = str(settings["mode"]), int(settings["bits"]), float(settings["factor"])
    today = times(tensor, factor)
    seen = tensor if mode == "static" else today
    chosen = FORMATS.get(f"uint{bits}")
    grid = grid_from_range(seen.histogram.minimum, seen.histogram.maximum, chosen, symmetric=False)
    error = error_from_histogram(today.histogram, grid)
    float_kept = mode == "weights"
    sqnr = _MOST_DB if float_kept or not np.isfinite(error.sqnr_db) else error.sqnr_db
    title = {
        "static": "Today's values on the range of calibration",
        "dynamic": "Today's values on their own range",
        "weights": "Today's values stay in float: the grid is not used",
    }[mode]
    doing = {
        "static": "the range was fixed when the model was calibrated: nothing is computed for it now",
        "dynamic": "each input is looked through for its range first, which costs a pass over it",
        "weights": "activations stay float, so that weights are multiplied in float: smaller, not faster in arithmetic",
    }[mode]
    clipped = 0.0 if float_kept else error.clipped_fraction
    words = f"**{dict(_MODES)[mode]}**: {doing}."
    if float_kept:
        words += " These values carry no error."
    else:
        words += f" {100 * clipped:.3g} % of today's values are clipped; the signal is {sqnr:.1f} dB above the error."
    numbers = {"sqnr": sqnr, "clipped": clipped, "factor": factor, "percent": 100 * clipped}
    return Shown((values_under(today, grid, title, height=230),), words, numbers)


ENTRIES = (
    LessonPlan(
        name="static_or_dynamic",
        title="Static, dynamic, weights only",
        place=60,
        idea="The range of an **activation** is fixed from calibration data (static), measured for each "
        "input (dynamic), or not needed, because only weights are quantized.",
        subject="activation",
        distribution="relu",
        controls=(
            Choice("mode", "Activations", _MODES, "static"),
            Slider("factor", "Today's inputs, times as large", 0.25, 4.0, 0.25, 1.0, help="As those of calibration"),
            Slider("bits", "Bits", 4, 8, 1, 8),
        ),
        show=_show,
        prediction=Prediction(
            "Today's pictures are three times as bright as those of calibration. What happens to a static range?",
            ("values are clipped", "nothing", "steps get finer"),
            {"factor": 3.0, "mode": "static"},
            lambda before, after: 0 if after["clipped"] > before["clipped"] + 1e-4 else 1,
            "The range stays what calibration found, so that {percent:.3g} % of the values now lie beyond it and are "
            "cut.",
        ),
        closing=(
            Closing(
                "Where is dynamic quantization worth its pass over the input?",
                (
                    (
                        "where ranges change much from input to input, as in text",
                        "Each input gets a range that fits it, so that none is clipped and none has too wide steps.",
                    ),
                    (
                        "where all inputs look alike, as pictures of one camera",
                        "There the range of calibration fits all of them: a static one is as good and costs nothing.",
                    ),
                    (
                        "where there are many weights",
                        "Weights do not change from input to input; it is the activations whose range is measured.",
                    ),
                ),
            ),
            Closing(
                "A model is quantized in its weights alone. What does it save?",
                (
                    (
                        "the size of the file, and reading weights from memory",
                        "Products are still made in float; where memory is the limit, it is faster all the same.",
                    ),
                    (
                        "float arithmetic, as products are made of integers",
                        "Activations stay float, so that weights are made float again before they are multiplied.",
                    ),
                    (
                        "the memory of its activations",
                        "They stay float, as large as they were.",
                    ),
                ),
            ),
            Closing(
                "Which of the three needs sample data before the model can be used?",
                (
                    ("static", "Its range must be known before the model runs, and samples show it."),
                    ("dynamic", "It measures the range of each input as that comes; nothing must be known before."),
                    ("weights only", "The weights are in the file: nothing has to run to see their range."),
                ),
            ),
        ),
        words=(
            ("activation", "a value that flows from layer to layer; it differs with each input, a weight does not."),
            ("calibration", "running the model on sample data to see which values occur."),
            (
                "when which",
                "static is enough where inputs look alike; dynamic, for text that changes much from input to input, "
                "first looks at all values of each; weights only makes the file smaller, and computes in float.",
            ),
            (
                "dB",
                "how far the signal (the values) stands above the error: 10 * log10 of the ratio of mean squares; "
                "6 dB more is an error half as large.",
            ),
        ),
        sources=(
            "DynamicQuantizeLinear, ONNX operator set 11",
            "Gholami et al. 2021, A Survey of Quantization Methods for Efficient Neural Network Inference, "
            "arXiv:2103.13630",
        ),
        exercise=Exercise(
            "A layer that saw values up to 2 when it was calibrated.",
            (
                ExerciseStep(
                    "The static scale for codes 0 to 255, and the dynamic one for today's values.",
                    "today = np.array([0.5, 1.5, 4.0])\nstatic = ...\ndynamic = ...",
                    "today = np.array([0.5, 1.5, 4.0])\nstatic = 2 / 255\ndynamic = today.max() / 255",
                    "assert np.isclose(static, 2 / 255), 'from calibration'\n"
                    "assert np.isclose(dynamic, 4 / 255), 'from the values of today'",
                ),
                ExerciseStep(
                    "What comes back of today's values with each?",
                    "from_static = ...\nfrom_dynamic = ...",
                    "from_static = np.clip(np.round(today / static), 0, 255) * static\n"
                    "from_dynamic = np.clip(np.round(today / dynamic), 0, 255) * dynamic",
                    "assert np.isclose(from_static[2], 2.0), 'the largest value is clipped to the end of the range'\n"
                    "assert np.isclose(from_dynamic[2], 4.0), 'its own range holds it'",
                ),
            ),
        ),
        pages=(("quantize", "Choose static or dynamic for your model"),),
    ),
)
