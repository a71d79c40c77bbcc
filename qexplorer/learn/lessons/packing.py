"""Packing: two 4-bit codes in a byte, and what a quantized weight really takes."""

from __future__ import annotations

from qexplorer.learn.controls import Choice, Settings, Slider
from qexplorer.learn.lesson import BoxPicture, Closing, Exercise, ExerciseStep, LessonPlan, Prediction, Shown
from qexplorer.learn.pictures import bars
from qexplorer.learn.scaled import WHICH_TWO, codes_of_pair
from qexplorer.observe.stats import TensorStats
from qexplorer.report.palette import FLOAT, INTEGER

__all__ = ["ENTRIES"]

_WEIGHTS = 1_000_000


def _boxes(first: int, second: int) -> BoxPicture:
    low, high = first & 15, second & 15
    byte = high << 4 | low

    def bits(code: int, kind: str) -> tuple[tuple[str, str], ...]:
        return tuple((str(code >> at & 1), kind) for at in range(3, -1, -1))

    rows = (
        (f"first code {first:+d}", bits(low, "mantissa")),
        (f"second code {second:+d}", bits(high, "one")),
        (f"byte 0x{byte:02x} = {byte}", bits(high, "one") + bits(low, "mantissa")),
    )
    return BoxPicture("Two 4-bit codes in one byte: the first in the low half", rows)


def _codes(settings: Settings, tensor: TensorStats | None) -> tuple[int, int, str]:
    """The two codes, and what is said of them."""
    if tensor is None:
        first, second = int(settings["first"]), int(settings["second"])
        return first, second, f"{first} and {second} share"
    pair, codes, step = codes_of_pair(tensor, float(settings["at"]))
    first, second = (int(code) for code in codes)
    says = f"On one grid with scale {step:.3g}, {pair[0]:.3g} and {pair[1]:.3g} have the codes {first} and {second}, "
    return first, second, f"{says}which share"


def _show(settings: Settings, tensor: TensorStats | None) -> Shown:
    first, second, says = _codes(settings, tensor)
    bits = int(settings["bits"])
    block = 0 if settings["block"] == "channel" else int(settings["block"])
    codes = _WEIGHTS * bits / 8
    groups = _WEIGHTS / block if block else 1000.0
    scales = groups * 2.0
    stored_alone = _WEIGHTS * 1.0
    rows = [
        ("float32", 4.0 * _WEIGHTS / 1e6, "floats"),
        ("each in a byte", stored_alone / 1e6, "codes"),
        ("each in a byte", scales / 1e6, "floats"),
        ("packed", codes / 1e6, "codes"),
        ("packed", scales / 1e6, "floats"),
    ]
    each = 8 * (codes + scales) / _WEIGHTS
    names = {"codes": INTEGER, "floats": FLOAT}
    chart = bars(
        f"A million weights as {bits}-bit codes",
        rows,
        axis="megabytes",
        names=names,
        reads="Weights as float32, codes in a byte each, and packed codes; the small grey parts are their scales.",
        height=180,
        stacked=True,
    )
    byte = (second & 15) << 4 | first & 15
    words = (
        f"{says} the byte **0x{byte:02x}**. Packed, {bits}-bit codes with a 16-bit scale "
        f"{'for each channel of 1,000' if not block else f'for each {block}'} take **{each:.3g} bits** a weight: "
        f"{32 / each:.3g} times smaller than float32, where a whole byte for each code gives "
        f"{4e6 / (stored_alone + scales):.3g}."
    )
    numbers = {"byte": float(byte), "bits_each": each, "times": 32 / each, "scales_share": scales / (codes + scales)}
    numbers["scales_percent"] = 100 * numbers["scales_share"]
    return Shown((_boxes(first, second), chart), words, numbers)


ENTRIES = (
    LessonPlan(
        name="packing",
        title="Packing small codes",
        place=100,
        idea="Memory has no 4-bit cells: **two** codes share a byte, or the saving is only on paper. Scales are "
        "stored, "
        "too, so that 4-bit weights take more than 4 bits each.",
        subject="weight",
        distribution="",
        alone=("first", "second"),
        beside=("at",),
        controls=(
            Slider("first", "First code", -8, 7, 1, 3),
            Slider("second", "Second code", -8, 7, 1, -2),
            WHICH_TWO,
            Slider("bits", "Bits of a code in the file", 2, 4, 2, 4),
            Choice(
                "block",
                "One scale for",
                (("channel", "a channel"), ("128", "128"), ("32", "32"), ("16", "16")),
                "channel",
            ),
        ),
        show=_show,
        prediction=Prediction(
            "Each block of 16 weights now gets a 16-bit scale. How many bits does a 4-bit weight then take?",
            ("about 4", "5", "8"),
            {"block": "16", "bits": 4},
            lambda _, after: min(range(3), key=lambda at: abs((4.016, 5.0, 8.0)[at] - after["bits_each"])),
            "16 bits for 16 weights are one more bit for each: {bits_each:.3g} in all, and scales are "
            "{scales_percent:.2g} % of the file.",
        ),
        closing=(
            Closing(
                "A file holds 4-bit codes, each in a byte of its own. How large is it beside a file of 8-bit codes?",
                (
                    (
                        "just as large",
                        "Each code takes a whole byte: only packing two of them into one saves anything.",
                    ),
                    ("half as large", "So it is when two codes share a byte; here each has one of its own."),
                    ("a quarter as large", "4 bits are half of 8, and that only when they are packed."),
                ),
            ),
            Closing(
                "The codes 1 and then 2 are packed as ONNX does it. Which byte is that?",
                (
                    ("0x21", "The first code is in the low half, which is written last: 2 then 1."),
                    ("0x12", "That has the first code in the high half; the low half comes first."),
                    ("0x03", "Codes are put side by side, four bits each, and not added."),
                ),
            ),
            Closing(
                "Why can packed weights make a model faster although they must be unpacked?",
                (
                    (
                        "reading them from memory can take longer than unpacking",
                        "Where memory is the limit, as for text word by word, fewer bytes are less time.",
                    ),
                    (
                        "both codes of a byte are multiplied at once",
                        "They are unpacked first; what is saved is the way from memory.",
                    ),
                    (
                        "4-bit codes have less error",
                        "They have more: 16 levels instead of 256. Speed comes from fewer bytes.",
                    ),
                ),
            ),
        ),
        words=(
            ("byte", "8 bits, the smallest piece of memory that a computer reads."),
            (
                "0x",
                "stands in front of a byte written as two digits, its high half and its low half; each goes from 0 to "
                "9 and a to f (15).",
            ),
            (
                "speed",
                "where reading weights takes longer than computing, as for text word by word, fewer bytes save "
                "time although they are unpacked.",
            ),
        ),
        sources=(
            "ONNX 1.16 (IR version 10), TensorProto.raw_data: of two int4 values the first is in the low four bits",
        ),
        exercise=Exercise(
            "Codes from -8 to 7 in pairs.",
            (
                ExerciseStep(
                    "Pack pairs of codes: the first of each in the low half of the byte.",
                    "def pack(codes):\n    codes = np.asarray(codes, np.int8).reshape(-1, 2)\n    return ...",
                    "def pack(codes):\n    codes = np.asarray(codes, np.int8).reshape(-1, 2)\n"
                    "    return ((codes[:, 1].astype(np.uint8) & 15) << 4 | codes[:, 0].astype(np.uint8) & 15)",
                    "assert list(pack([3, -2, -8, 7])) == [0xE3, 0x78], 'the first code is in the low four bits'",
                ),
                ExerciseStep(
                    "And back, with their signs.",
                    "def unpack(data):\n    low, high = data & 15, data >> 4\n    both = np.stack([low, high], "
                    "1).reshape(-1)\n"
                    "    return ...",
                    "def unpack(data):\n    low, high = data & 15, data >> 4\n    both = np.stack([low, high], "
                    "1).reshape(-1)\n"
                    "    return np.where(both > 7, both.astype(int) - 16, both.astype(int))",
                    "codes = np.arange(-8, 8)\nassert np.array_equal(unpack(pack(codes)), codes), "
                    "'a half above 7 stands for a negative code: subtract 16'",
                ),
            ),
        ),
        pages=(("compare", "See packed and stored size of your model"),),
    ),
)
