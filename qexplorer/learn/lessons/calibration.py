"""Calibration: how a range is chosen from the values that were seen."""

from __future__ import annotations

from qexplorer.core.formats import FORMATS
from qexplorer.core.grid import grid_from_range
from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import bars, values_under
from qexplorer.observe.calibrate import calibrate
from qexplorer.observe.error import error_from_histogram
from qexplorer.observe.stats import TensorStats
from qexplorer.report.palette import CLIPPING, ROUNDING

__all__ = ["ENTRIES"]

_MOST = 50.0  # percent
_METHODS = (("minmax", "Min-max"), ("percentile", "Percentile"), ("mse", "Least squares"), ("kl", "KL divergence"))


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    assert tensor is not None
    bits, method = int(settings["bits"]), str(settings["method"])
    chosen = FORMATS.get(f"uint{bits}")
    grids = {}
    for name, _ in _METHODS:
        low, high = calibrate(tensor, name, format=chosen, symmetric=False)
        grids[name] = grid_from_range(low, max(low, high), chosen, symmetric=False)
    errors = {name: error_from_histogram(tensor.histogram, grid) for name, grid in grids.items()}
    grid, error = grids[method], errors[method]
    best = min(errors, key=lambda name: errors[name].mse)
    titles = dict(_METHODS)
    power = error.signal_power or 1.0
    rows = [
        (titles[name], 100 * part / power, kind)
        for name, e in errors.items()
        for kind, part in (("rounding", e.rounding_mse), ("clipping", e.clipping_mse))
    ]
    chart = bars(
        "Squared error of each calibrator",
        rows,
        axis="% of the signal",
        names={"rounding": ROUNDING, "clipping": CLIPPING},
        reads="Each bar: first the error of rounding, then that of clipping; shorter is better.",
        height=150,
        lying=True,
        stacked=True,
        late=True,
    )
    whole = tensor.histogram.maximum - min(tensor.histogram.minimum, 0.0)
    share = float(grid.high - grid.low) / whole if whole else 1.0
    words = (
        f"**{titles[method]}** takes {float(grid.low):.3g} to {float(grid.high):.3g}, {100 * share:.3g} % of the whole "
        f"range, and clips {100 * error.clipped_fraction:.2g} % of the values: an error of "
        f"{100 * error.mse / power:.3g} % "
        f"of the signal."
    )
    words += (
        " No other one has less."
        if best == method
        else f" The least here has **{titles[best]}**, {100 * errors[best].mse / power:.3g} %."
    )
    numbers = {
        "error": 100 * error.mse / power,
        "share": 100 * share,
        "minmax": 100 * errors["minmax"].mse / power,
        "clipped": 100 * error.clipped_fraction,
    }
    picture = values_under(tensor, grid, f"Values, and the range by {titles[method]}", height=215)
    return Shown((picture, chart), words, numbers)


ENTRIES = (
    LessonPlan(
        name="calibration",
        title="Calibration",
        place=70,
        idea="A **calibrator** looks at the values that sample data brought and chooses the range. **Min-max** keeps "
        "all of them; others weigh finer steps against values that are cut. No one of them is best for all tensors.",
        subject="any",
        distribution="outliers",
        controls=(
            Choice("method", "Calibrator", _METHODS, "minmax"),
            Slider("bits", "Bits", 3, 8, 1, 8),
        ),
        show=_show,
        prediction=Prediction(
            "At 4 bits, the calibrator that looks for the least squared error takes over from min-max. What does it do "
            "to the values farthest out?",
            ("it clips some of them", "it keeps all of them", "it clips most of all values"),
            {"method": "mse", "bits": 4},
            lambda before, after: 2 if after["clipped"] > _MOST else 0 if after["clipped"] > 0 else 1,  # noqa: ARG005 - only what comes after counts
            "It takes {share:.3g} % of the whole range and clips {clipped:.2g} % of the values: an error of "
            "{error:.3g} % "
            "of the signal, where min-max has {minmax:.3g} %.",
        ),
        closing=(
            Closing(
                "Calibration saw pictures of one class alone. What is likely with the others?",
                (
                    (
                        "their values lie beyond the ranges and are clipped",
                        "Other classes drive other channels: what no sample showed is not in the range.",
                    ),
                    (
                        "the ranges are wider than they need to be",
                        "A range reaches only as far as what was seen; the fewer kinds of samples, the narrower it is.",
                    ),
                    (
                        "nothing, as the ranges follow the new values",
                        "They were chosen once and stay; ranges that follow each input are called dynamic.",
                    ),
                ),
            ),
            Closing(
                "Which calibrator never clips a value that it saw?",
                (
                    ("min-max", "Its range goes from the smallest to the largest value seen."),
                    ("percentile", "It leaves out a share of the values, here 0.01 %: those lie beyond its range."),
                    (
                        "least squares",
                        "It clips where finer steps win more than that costs, as the bar of this one shows.",
                    ),
                ),
            ),
            Closing(
                "What does a calibrator change in a model?",
                (
                    ("nothing but the ranges of its grids", "It looks at values; the weights stay what they were."),
                    (
                        "its weights, which it trains a little",
                        "Calibration only looks; learned rounding and training change weights or their codes.",
                    ),
                    (
                        "the number of bits of each layer",
                        "Bits are what one asks for; it chooses the range on which so many bits are spread.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "calibration",
                "running a model on samples to see which values occur; it changes no weight, and what no sample "
                "showed is not in the range.",
            ),
            ("percentile", "the range that holds a given share of the values, here 99.99 %."),
            (
                "KL divergence",
                "a measure of how much two histograms differ; this calibrator takes the range at which that of the "
                "quantized values differs least from that of the values.",
            ),
            (
                "% of the signal",
                "the squared error over the mean square of the values; 100 % is what setting all of them to 0 gives.",
            ),
        ),
        sources=(
            "KL divergence: Migacz 2017, 8-bit Inference with TensorRT",
            "Wu et al. 2020, Integer Quantization for Deep Learning Inference: Principles and Empirical Evaluation, "
            "arXiv:2004.09602",
        ),
        exercise=Exercise(
            "A thousand values of which one is far out.",
            (
                ExerciseStep(
                    "The range of min-max, and that of the 99.5th percentile of magnitudes.",
                    "x = np.append(np.random.default_rng(1).standard_normal(999), 30.0)\nminmax = ...\npercentile = "
                    "...",
                    "x = np.append(np.random.default_rng(1).standard_normal(999), 30.0)\nminmax = np.abs(x).max()\n"
                    "percentile = np.percentile(np.abs(x), 99.5)",
                    "assert minmax == 30.0, 'the largest magnitude'\n"
                    "assert 2.5 < percentile < 3.5, 'np.percentile of the magnitudes'",
                ),
                ExerciseStep(
                    "The median error of a value, with codes -7 to 7, for a range c.",
                    "def median_error(c):\n    scale = c / 7\n    return ...",
                    "def median_error(c):\n    scale = c / 7\n"
                    "    return np.median(np.abs(np.clip(np.round(x / scale), -7, 7) * scale - x))",
                    "assert median_error(percentile) < median_error(minmax) / 3, 'most values are far better off'",
                ),
            ),
        ),
        pages=(("distributions", "Try the calibrators on a tensor of your model"),),
    ),
)
