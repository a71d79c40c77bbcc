"""Numbers as bits: what the same eight or sixteen bits stand for as an integer, a half and an 8-bit float."""

from __future__ import annotations

import numpy as np

from qexplorer.learn.controls import Bits, Choice, Settings
from qexplorer.learn.lesson import (
    BoxPicture,
    ChartPicture,
    Closing,
    Exercise,
    ExerciseStep,
    LessonPlan,
    Numbers,
    Prediction,
    Shown,
)
from qexplorer.learn.scaled import WHICH_VALUES, int8_codes
from qexplorer.observe.stats import TensorStats
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import CLIPPING, GRID

__all__ = ["ENTRIES"]

_FLOATS = {"half": (5, 10, 15), "e4m3": (4, 3, 7), "e5m2": (5, 2, 15)}
"""Bits of exponent and mantissa, and the bias, of each float."""
_LARGEST = {"integer": 127.0, "half": 65504.0, "e4m3": 448.0, "e5m2": 57344.0}
_NEAR = 20
"""How many integers are drawn on each side."""
_TITLES = {"integer": "int8", "half": "FP16 (half)", "e4m3": "FP8 E4M3", "e5m2": "FP8 E5M2"}


def _value(kind: str, code: int) -> float:
    """What a code stands for; NaN and infinities as they are."""
    if kind == "integer":
        return float(np.int8(np.uint8(code).view(np.int8)))
    if kind == "half":
        return float(np.uint16(code).view(np.float16))
    exponent_bits, mantissa_bits, bias = _FLOATS[kind]
    sign = -1.0 if code >> (exponent_bits + mantissa_bits) else 1.0
    exponent = code >> mantissa_bits & ((1 << exponent_bits) - 1)
    mantissa = code & ((1 << mantissa_bits) - 1)
    top = (1 << exponent_bits) - 1
    if exponent == top and (kind == "e5m2" or mantissa == (1 << mantissa_bits) - 1):
        return sign * np.inf if kind == "e5m2" and mantissa == 0 else np.nan
    if exponent == 0:
        return sign * mantissa * 2.0 ** (1 - bias - mantissa_bits)
    return sign * (1 + mantissa / (1 << mantissa_bits)) * 2.0 ** (exponent - bias)


def _code(settings: Settings, tensor: TensorStats | None) -> tuple[int, str]:
    """The bits, and where those of a tensor's value are from."""
    half = settings["as"] == "half"
    if tensor is None:
        return int(settings["code16" if half else "code8"]), ""
    (value,), (code,), scale = int8_codes(tensor, float(settings["at"]), 1)
    if half:
        with np.errstate(over="ignore"):
            return int(np.float16(value).view(np.uint16)), f"The value {value:.4g}, cast to FP16. "
    bits = int(code) & 0xFF
    return bits, f"The value {value:.4g} has the int8 code {code} at scale {scale:.3g}: {bits:08b}. "


def _explained(kind: str, code: int) -> tuple[str, ...]:
    """How the parts of a code give its value."""
    value = _value(kind, code)
    if kind == "integer":
        bits = [(-(1 << at) if at == 7 else 1 << at) for at in range(7, -1, -1) if code >> at & 1]
        return (f"{' + '.join(f'({b})' if b < 0 else str(b) for b in bits) or '0'} = {value:g}",)
    exponent_bits, mantissa_bits, bias = _FLOATS[kind]
    sign, exponent = code >> (exponent_bits + mantissa_bits), code >> mantissa_bits & ((1 << exponent_bits) - 1)
    mantissa, whole = code & ((1 << mantissa_bits) - 1), 1 << mantissa_bits
    lines = [
        f"sign {sign}: {'-' if sign else '+'}",
        f"exponent {exponent}, bias {bias}",
        f"mantissa {mantissa} / {whole}",
    ]
    if np.isnan(value) or np.isinf(value):
        return (*lines, f"the highest exponent: {'not a number' if np.isnan(value) else 'infinity'}")
    front = "-" if sign else ""
    if exponent == 0:
        return (*lines, f"exponent 0, subnormal: {front}{mantissa}/{whole} * 2^{1 - bias} = {value:.6g}")
    return (*lines, f"{front}(1 + {mantissa}/{whole}) * 2^({exponent} - {bias}) = {value:.6g}")


def _parts(kind: str) -> tuple[tuple[str, int], ...]:
    if kind == "integer":
        return (("counts -128", 1), ("count 64 to 1", 7))
    exponent, mantissa, _ = _FLOATS[kind]
    return (("sign", 1), ("exponent", exponent), ("mantissa", mantissa))


def _boxes(kind: str, code: int) -> BoxPicture:
    parts = _parts(kind)
    colours = ("sign", "mantissa") if kind == "integer" else ("sign", "exponent", "mantissa")
    at, rows = sum(bits for _, bits in parts), []
    for (name, bits), colour in zip(parts, colours, strict=True):
        at -= bits
        rows.append((name, tuple((str(code >> at + bit & 1), colour) for bit in reversed(range(bits)))))
    return BoxPicture(f"The code {code} as {_TITLES[kind]}", tuple(rows))


def _line(kind: str, value: float) -> ChartPicture:
    """All finite values of 8-bit codes near this one's size, and this one."""
    if kind == "half":
        near = np.float16(value) if np.isfinite(value) else np.float16(0)
        codes = int(near.view(np.uint16)) + np.arange(-12, 13)
        found = np.clip(codes, 0, 0xFFFF).astype(np.uint16).view(np.float16).astype(np.float64)
    else:
        found = np.array([_value(kind, code) for code in range(256)])
    levels = np.unique(found[np.isfinite(found)])
    if kind in ("e4m3", "e5m2"):
        reach = max(4 * abs(value) if np.isfinite(value) else 8.0, 0.05)
        levels = levels[np.abs(levels) <= reach]
    if kind == "integer":
        levels = levels[np.abs(levels - value) <= _NEAR]
    x = {"field": "x", "type": "quantitative", "title": "value", "scale": {"nice": False, "zero": False}}
    x["axis"] = {"grid": False, "format": ".4~g", "labelOverlap": True}
    return ChartPicture(
        {
            **chart_frame("Values around it", "", 60),
            "datasets": {
                "levels": [{"x": float(v)} for v in levels],
                "now": [{"x": value}] if np.isfinite(value) else [],
            },
            "layer": [
                {
                    "data": {"name": "levels"},
                    "mark": {"type": "rule", "color": GRID, "strokeWidth": 1},
                    "encoding": {"x": x, "tooltip": [{"field": "x", "format": ".6g"}]},
                },
                {
                    "data": {"name": "now"},
                    "mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 3},
                    "encoding": {"x": x},
                },
            ],
        },
        "Each thin line is a value that some code stands for; the thick one is this code's.",
    )


def _gap(kind: str, code: int) -> float:
    """From this value to the next larger magnitude; 0 where there is none."""
    if kind == "integer":
        return 0.0 if code == 0x7F else 1.0
    here = _value(kind, code)
    there = np.nan if code == (0xFFFF if kind == "half" else 0xFF) else _value(kind, code + 1)
    return abs(there - here) if np.isfinite(here) and np.isfinite(there) else 0.0


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    kind, (code, source) = str(settings["as"]), _code(settings, tensor)
    value, gap = _value(kind, code), _gap(kind, code)
    finite = bool(np.isfinite(value))
    said = f"{value:.6g}" if finite else "not a number" if np.isnan(value) else "infinity"
    said = "minus zero" if value == 0 and np.signbit(value) else said
    words = f"As {_TITLES[kind]} these bits are **{said}**"
    if finite and gap:
        words += f"; the next value is {gap:.3g} away"
        if kind != "integer" and value:
            words += f", {100 * gap / abs(value):.2g} % of the value"
    words += f". {_TITLES[kind]} reaches {_LARGEST[kind]:,.0f} at most"
    numbers = {"value": value if finite else 0.0, "gap": gap, "finite": float(finite), "code": float(code)}
    return Shown((_boxes(kind, code), _line(kind, value)), f"{source}{words}.", numbers, _explained(kind, code))


def _became(before: Numbers, after: Numbers) -> int:
    if not after["finite"]:
        return 3
    return 0 if after["value"] == before["value"] else 1 if after["value"] < before["value"] else 2


def _because(after: Numbers) -> str:
    if not after["finite"]:
        return (
            "Four of the bits are an exponent now. Where these and the three of the mantissa are all ones, E4M3 has no "
            "value: the code means “not a number”."
        )
    there = (
        "The next value is {gap:g} away" if after["gap"] else "No value lies beyond it, the one before it is 32 away"
    )
    return (
        "Four of the bits are an exponent now, and the value is {value:g}. " + there + ": integers are 1 apart "
        "everywhere, but this float's steps grow with its values."
    )


ENTRIES = (
    LessonPlan(
        name="numbers_as_bits",
        title="Numbers as bits",
        place=10,
        idea="Bits are only bits: a format says what they stand for. Integers are **evenly** spaced; floats spend "
        "bits on "
        "an exponent, so that their steps grow with the value.",
        subject="weight",
        distribution="",
        alone=("code8", "code16"),
        beside=("at",),
        controls=(
            Choice("as", "Read the bits as", tuple(_TITLES.items()), "integer"),
            Bits(
                "code8",
                "Bits of the code",
                (("high", 4), ("low", 4)),
                0b01010010,
                only=("as", ("integer", "e4m3", "e5m2")),
            ),
            Bits("code16", "Bits of the code", (("high", 8), ("low", 8)), 0x4A80, only=("as", ("half",))),
            WHICH_VALUES,
        ),
        show=_show,
        prediction=Prediction(
            "These eight bits are an 8-bit integer. What are they as an 8-bit float (E4M3)?",
            ("the same number", "a smaller number", "a larger number", "no number at all"),
            {"as": "e4m3", "code8": 0b01010010},
            _became,
            _because,
        ),
        closing=(
            Closing(
                "In FP8 E4M3 the values near 10 are 1 apart. How far apart are those near 100?",
                (
                    ("8", "A float's steps grow with its values: from 64 to 128 there are eight of them, each 8 wide."),
                    ("1", "So it would be for integers; a float's step is a share of the value, so that it grows."),
                    ("1/8", "It is the other way round: the larger a float, the wider its steps."),
                ),
            ),
            Closing(
                "A format of 8 bits gives one bit of its mantissa to the exponent (E4M3 becomes E5M2). It then has",
                (
                    (
                        "a larger range and coarser steps.",
                        "The number of codes stays 256: what the range wins, the steps lose.",
                    ),
                    (
                        "a larger range and finer steps.",
                        "The range does grow; but with one bit less of mantissa, steps get twice as wide.",
                    ),
                    (
                        "a smaller range and finer steps.",
                        "That is the way back: an exponent with more bits reaches further, and the steps get coarser.",
                    ),
                ),
            ),
            Closing(
                "How many different codes do 8 bits have?",
                (
                    ("256", "Each bit doubles their number: 2 to the power of 8, whatever the codes stand for."),
                    ("128", "That many there are of each sign; the bit of the sign is one of the eight, too."),
                    (
                        "448",
                        "That is the largest value of E4M3; between it and zero lie far fewer values than integers.",
                    ),
                ),
            ),
        ),
        words=(
            (
                "code",
                "the bits of one number, read as a plain integer; each bit more doubles how many codes there are.",
            ),
            (
                "exponent, bias",
                "which power of two a float is multiplied by, 2^(exponent - bias); one bit more of "
                "it squares the range.",
            ),
            (
                "mantissa",
                "how far a float lies between two powers of two; one bit less of it makes all steps twice as wide.",
            ),
            ("E4M3, E5M2", "floats of 8 bits with 4 or 5 bits of exponent and 3 or 2 of mantissa."),
        ),
        sources=(
            "IEEE 754-2019, binary16",
            "Micikevicius et al. 2022, FP8 Formats for Deep Learning, arXiv:2209.05433",
        ),
        exercise=Exercise(
            "The FP8 format E4M3: one bit of sign, four of exponent (bias 7), three of mantissa.",
            (
                ExerciseStep(
                    "Take the parts of a code out of it, with `>>` (shift to the right) and `&` (bitwise and).",
                    "def parts(code):\n    sign = code >> 7\n    exponent = ...\n    mantissa = ...\n"
                    "    return sign, exponent, mantissa",
                    "def parts(code):\n    sign = code >> 7\n    exponent = code >> 3 & 15\n    mantissa = code & 7\n"
                    "    return sign, exponent, mantissa",
                    "assert parts(0b11010010) == (1, 10, 2), 'exponent: the four bits below the sign; mantissa: the "
                    "last three'",
                ),
                ExerciseStep(
                    "The value of a code whose exponent is not 0.",
                    "def value(code):\n    sign, exponent, mantissa = parts(code)\n    return ...",
                    "def value(code):\n    sign, exponent, mantissa = parts(code)\n"
                    "    return (-1) ** sign * (1 + mantissa / 8) * 2.0 ** (exponent - 7)",
                    "assert value(0b01010010) == 10.0, '(1 + 2/8) * 2^(10 - 7)'\n"
                    "assert value(0b10111000) == -1.0, 'the sign bit makes it negative'",
                ),
            ),
        ),
        pages=(("distributions", "Lay FP8 over a tensor of your model"),),
    ),
)
