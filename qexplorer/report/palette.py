"""One colour for each thing, the same in the light and the dark theme, distinguishable when colour-blind.

The hues are those of Okabe and Ito (2008), some a little darker or lighter, so that each has a contrast of at least
3 : 1 against white and against the dark theme's background (a test checks it). Float is grey, a simulated value is an
outline, an integer one is filled with its backend's hue; measured is solid, predicted dashed, estimated hatched.
"""

from __future__ import annotations

__all__ = [
    "BACKENDS",
    "CLIPPING",
    "CONVERTING",
    "DARK",
    "FLOAT",
    "GRID",
    "LAYOUT",
    "LIGHT",
    "MOVING",
    "NEUTRAL",
    "ROUNDING",
    "TENSOR",
    "backend_colour",
]

LIGHT = "#ffffff"
DARK = "#14171c"

FLOAT = "#8a9099"
ROUNDING = "#a974d6"
CLIPPING = "#d55e00"
TENSOR = "#5f8fb4"
CONVERTING = "#d1495b"
LAYOUT = "#4b9aa5"
MOVING = "#94745a"
GRID = "#6d747d"
NEUTRAL = "#808892"

BACKENDS: dict[str, str] = {
    "float": FLOAT,
    "onnxruntime": "#1f82c4",
    "openvino": "#00936b",
    "torch": "#c07a00",
    "litert": "#c4609a",
    "tensorrt": "#6f8f00",
    "onnxruntime-cuda": "#7b7fe0",
    "onnxruntime-tensorrt": "#a8862e",
    "openvino-gpu": "#4d9a3c",
    "torch-cuda": "#c4694a",
    "torch-inductor": "#a97c50",
}


def backend_colour(name: str) -> str:
    """The hue of a backend's integer results; neutral grey for one without a hue of its own."""
    return BACKENDS.get(name, NEUTRAL)
