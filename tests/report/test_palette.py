from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from qexplorer.report import palette
from qexplorer.run.registry import BACKENDS, reference


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (_linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return red, green, blue


_THEME = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
BACKGROUNDS = [_THEME[name]["backgroundColor"] for name in ("light", "dark")]
_NAMES = ("ROUNDING", "CLIPPING", "TENSOR", "FLOAT", "INTEGER", "GRID", "NEUTRAL", "CONVERTING", "LAYOUT", "MOVING")
_NAMED = {name: getattr(palette, name) for name in _NAMES}
_HUES = {backend.name: backend.facts.hue for backend in BACKENDS}
_ALL = {**_NAMED, **_HUES}


@pytest.mark.parametrize("name", sorted(_ALL))
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_contrast(name: str, background: str) -> None:
    """Every colour can be told from the background of both themes (3 : 1, as WCAG 2.1 asks of graphics)."""
    assert palette.contrast(_ALL[name], background) >= 3.0


@pytest.mark.parametrize("name", sorted(_HUES))
def test_text_on_a_shade_can_be_read(name: str) -> None:
    """On every shade of a backend's hue its ink has the 4.5 : 1 that WCAG 2.1 asks of text; black on white has 21."""
    shades = [palette.lighter(_HUES[name], share / 20) for share in range(21)]
    assert (shades[0], shades[-1]) == ("#ffffff", _HUES[name])
    assert all(palette.contrast(palette.ink_on(shade), shade) >= 4.5 for shade in shades)
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)


def test_distinct() -> None:
    """No two backends share a colour, and neither kind of error has a backend's."""
    colours = [*_HUES.values(), palette.FLOAT, palette.ROUNDING, palette.CLIPPING]
    assert len(set(colours)) == len(colours)


# Viénot, Brettel and Mollon (1999): what a person without the long-wave or the middle-wave cones sees, in linear RGB.
_DICHROMATS = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


@pytest.mark.parametrize("kind", sorted(_DICHROMATS))
def test_colour_blind(kind: str) -> None:
    """A colour-blind person can tell rounding from clipping, values inside from outside, and integer from float."""
    pairs = [
        (palette.ROUNDING, palette.CLIPPING),
        (palette.TENSOR, palette.CLIPPING),
        (_HUES[reference().name], palette.FLOAT),
    ]
    for one, other in pairs:
        seen = []
        for colour in (one, other):
            channels = _channels(colour)
            seen.append([sum(w * c for w, c in zip(row, channels, strict=True)) for row in _DICHROMATS[kind]])
        distance = sum((max(a, 0) ** 0.45 - max(b, 0) ** 0.45) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5
        assert distance > 0.15, (one, other)


def test_backend_without_a_hue() -> None:
    """A backend that only a record of old names is drawn in neutral grey, not in another one's colour."""
    assert palette.backend_colour("no such backend") == palette.NEUTRAL
    assert palette.NEUTRAL not in _HUES.values()
    assert all(palette.backend_colour(name) == hue for name, hue in _HUES.items())
