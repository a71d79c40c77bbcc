"""One colour for each thing, the same in the light and the dark theme, distinguishable when colour-blind.

The hues are those of Okabe and Ito (2008), some a little darker or lighter, so that each has a contrast of at least
3 : 1 against white and against the dark theme's background (a test checks it). Float is grey, a simulated value is an
outline, an integer one is filled with its backend's hue; measured is solid, predicted dashed, estimated hatched.
"""

from __future__ import annotations

from qexplorer.run.registry import BACKENDS

__all__ = [
    "CLIPPING",
    "CONVERTING",
    "FLOAT",
    "GRID",
    "INTEGER",
    "LAYOUT",
    "LIGHT",
    "MOVING",
    "NEUTRAL",
    "ROUNDING",
    "TENSOR",
    "backend_colour",
    "contrast",
    "ink_on",
    "lighter",
]

LIGHT = "#ffffff"

FLOAT = "#8a9099"
INTEGER = "#1f82c4"
ROUNDING = "#a974d6"
CLIPPING = "#d55e00"
TENSOR = "#5f8fb4"
CONVERTING = "#d1495b"
LAYOUT = "#4b9aa5"
MOVING = "#94745a"
GRID = "#6d747d"
NEUTRAL = "#808892"


def backend_colour(name: str) -> str:
    """The hue of a backend's integer results, which it brings itself; grey for one that a record of old names."""
    return BACKENDS.get(name).facts.hue if name in BACKENDS else NEUTRAL


def lighter(colour: str, share: float) -> str:
    """``colour`` with so much of it left, 0 to 1, and the rest white: shades that look the same in both themes."""
    mixed = (round(255 + share * (int(colour[i : i + 2], 16) - 255)) for i in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on ``colour``."""
    return max(("#000000", LIGHT), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
