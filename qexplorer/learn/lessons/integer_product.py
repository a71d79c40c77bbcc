"""Integer matrix multiplication: codes, an int32 accumulator, and the way back to 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qexplorer.learn.controls import Entries, Settings, Slider
from qexplorer.learn.lesson import BoxPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.scaled import WHICH_VALUES, int8_codes
from qexplorer.observe.stats import TensorStats

__all__ = ["ENTRIES"]

_SCALES = (0.02, 0.005, 0.05)
"""Of activations, weights and outputs."""
_ZERO_OUT = 0


def _wrapped(total: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """What is left of a sum in an accumulator of so many bits: it wraps round."""
    whole = np.int64(1) << bits
    return (total + whole // 2) % whole - whole // 2


def _rows(
    values: NDArray[np.int64], bad: NDArray[np.bool_] | None = None
) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    bad = np.zeros(values.shape, bool) if bad is None else bad
    return tuple(
        (f"row {i + 1}", tuple((str(v), "bad" if wrong else "") for v, wrong in zip(row, off, strict=True)))
        for i, (row, off) in enumerate(zip(values.tolist(), bad.tolist(), strict=True))
    )


def _weights(settings: Settings, tensor: TensorStats | None) -> tuple[NDArray[np.int64], float, str]:
    """Codes of three rows and two columns, their scale, and which values those of a tensor are."""
    if tensor is None:
        return np.array(settings["w"], np.int64), _SCALES[1], ""
    values, codes, scale = int8_codes(tensor, float(settings["at"]), 6)
    named = ", ".join(f"{value:.3g}" for value in values)
    return codes.astype(np.int64).reshape(3, 2), scale, f"The weights {named} are the codes below, at one scale. "


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    a, zero = np.array(settings["a"], np.int64), int(settings["zero"])
    w, scale, source = _weights(settings, tensor)
    bits, times = int(settings["accumulator"]), int(settings["times"])
    exact = (a - zero) @ w
    scales = (_SCALES[0], scale, _SCALES[2] if tensor is None else _out_scale(exact, _SCALES[0] * scale))
    exact = times * exact
    kept = _wrapped(exact, bits)
    lost = kept != exact
    multiplier = scales[0] * scales[1] / scales[2]
    out = np.clip(np.round(kept * multiplier) + _ZERO_OUT, -128, 127).astype(np.int64)
    right = np.clip(np.round(exact * multiplier) + _ZERO_OUT, -128, 127).astype(np.int64)
    factors = [f"({v})" if v < 0 else str(v) for v in w[:, 0].tolist()]
    sums = " + ".join(f"({v} - {zero}) * {factor}" for v, factor in zip(a[0].tolist(), factors, strict=True))
    framed = ", framed: wrong" if lost.any() else ""
    lines = [
        f"row 1, column 1: {sums}{f', {times} times' if times > 1 else ''} = {exact[0, 0]}",
        f"in {bits} bits: {kept[0, 0]}" + (f"  (wrapped round from {exact[0, 0]})" if lost[0, 0] else ""),
        f"times s_a * s_w / s_out = {scales[0]:g} * {scales[1]:.4g} / {scales[2]:.4g} = {multiplier:g}: "
        f"{kept[0, 0] * multiplier:.4g}",
        f"rounded and clipped to int8: {out[0, 0]}, which is {out[0, 0] * scales[2]:.4g} in float",
    ]
    pictures = (
        *(() if tensor is None else (BoxPicture("Codes of the weights", _rows(w)),)),
        BoxPicture(f"Sums in an accumulator of {bits} bits{framed}", _rows(kept, lost)),
        BoxPicture("The result, requantized to int8", _rows(out, out != right)),
    )
    words = (
        f"**{int(lost.sum())} of {lost.size}** sums do not fit into {bits} bits and wrap round: their results are "
        "wrong, "
        "not just imprecise."
        if lost.any()
        else f"All sums fit into {bits} bits: the largest needs {int(np.abs(exact).max()).bit_length() + 1}. The only "
        "rounding is at the end."
    )
    numbers = {
        "largest": float(np.abs(exact).max()),
        "needs": float(int(np.abs(exact).max()).bit_length() + 1),
        "lost": float(lost.sum()),
        "sums": float(lost.size),
        "first": float(out[0, 0]),
        "bits": float(bits),
    }
    return Shown(pictures, source + words, numbers, tuple(lines))


def _out_scale(sums: NDArray[np.int64], scale: float) -> float:
    """With which the largest of these sums is code 127, as min-max would have it."""
    return float(np.abs(sums).max()) * scale / 127 or 1.0


ENTRIES = (
    LessonPlan(
        name="integer_product",
        title="Integer matrix multiplication",
        place=120,
        idea="A layer multiplies and adds **codes**, integers, which is exact as long as the sum fits into "
        "its **accumulator**. Only then one multiplication by s_a * s_w / s_out and one rounding bring "
        "the sum back to 8 bits.",
        subject="weight",
        distribution="",
        alone=("w",),
        beside=("at",),
        controls=(
            Entries("a", "Activations (uint8 codes)", 0, 255, ((200, 17, 90), (3, 255, 128))),
            Entries("w", "Weights (int8 codes)", -127, 127, ((100, -20), (-7, 55), (64, 127))),
            WHICH_VALUES,
            Slider("zero", "Zero point of the activations", 0, 255, 1, 10),
            Slider("times", "Rows, times as long", 1, 400, 1, 1, help="As if the rows were so many times as long"),
            Slider("accumulator", "Bits of the accumulator", 12, 32, 1, 32),
        ),
        show=_show,
        prediction=Prediction(
            "The accumulator gets 16 bits, and the rows are four times as long. Do the sums still fit?",
            ("yes", "no, some wrap round", "no, all wrap round"),
            {"accumulator": 16, "times": 4},
            lambda before, after: 2 if after["lost"] == after["sums"] else int(after["lost"] > 0),  # noqa: ARG005 - only what comes after counts
            "A product of 8-bit codes needs up to 16 bits, and each doubling of their number one more: the largest sum "
            "here needs {needs:.0f}.",
        ),
        closing=(
            Closing(
                "Where in an int8 layer is something rounded?",
                (
                    (
                        "when the sum becomes an 8-bit code",
                        "Products and sums of integers are exact; rounding comes with the change of scale at the end.",
                    ),
                    ("in each product", "A product of two integers is an integer: nothing is to be rounded."),
                    ("each time something is added", "A sum of integers is an integer; it can only run over."),
                ),
            ),
            Closing(
                "What does it save if the zero point of the weights is 0?",
                (
                    (
                        "a sum over the activations",
                        "Each product has (w - z_w): what z_w adds depends on the activations, and is gone with 0.",
                    ),
                    ("bits of the accumulator", "The largest sum is about as large; it is a sum of its own that goes."),
                    (
                        "the rounding at the very end",
                        "The change of scale stays, and with it the rounding.",
                    ),
                ),
            ),
            Closing(
                "A product needs 16 bits at most, and the accumulator has 32. How many products fit for certain?",
                (
                    ("about 65,000", "16 bits are left, and each allows for twice as many: 2 to the power of 16."),
                    ("exactly 2", "Two times 16 bits are not a sum: adding two products needs only one bit more."),
                    (
                        "about 16",
                        "Each of the 16 bits that are left doubles the number of products, so that it is 2^16.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "accumulator",
                "where a sum of products is kept; a number that needs more bits than it has comes out at the "
                "other end (wraps round).",
            ),
            (
                "room for a sum",
                "twice as many products need one bit more: with 17 bits two products of 16 bits fit, with 18 four.",
            ),
            (
                "s_a, s_w, s_out",
                "the scales of activations, weights and results; to requantize is to multiply a sum by "
                "s_a * s_w / s_out and round it to a code of the result.",
            ),
            (
                "zero point of weights",
                "each product is (a - z_a) * (w - z_w), so that z_w needs a sum of the activations for each input; "
                "with 0 it falls away.",
            ),
        ),
        sources=(
            "QLinearMatMul, ONNX operator set 21",
            "Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only "
            "Inference, arXiv:1712.05877",
        ),
        exercise=Exercise(
            "One product of a row and a column.",
            (
                ExerciseStep(
                    "The sum in integers, with the activations' zero point 10.",
                    "a, w, zero = np.array([200, 17, 90]), np.array([100, -7, 64]), 10\ntotal = ...",
                    "a, w, zero = np.array([200, 17, 90]), np.array([100, -7, 64]), 10\ntotal = int((a - zero) @ w)",
                    "assert total == 24071, 'subtract the zero point from each activation, then multiply and add'",
                ),
                ExerciseStep(
                    "Requantize: scales 0.02 and 0.005 in, 0.05 out, zero point 0 out.",
                    "code = ...",
                    "code = int(np.clip(np.round(total * 0.02 * 0.005 / 0.05), -128, 127))",
                    "assert code == 48, 'total * s_a * s_w / s_out, rounded and clipped'",
                ),
            ),
        ),
        pages=(("compare", "See which layers of your model run on integer kernels"),),
    ),
)
