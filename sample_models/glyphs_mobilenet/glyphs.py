"""Letters rendered from the fonts that matplotlib ships, moved, turned, scaled, faded and made noisy."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["HELD_OUT_FONTS", "LETTERS", "SIZE", "TRAINING_FONTS", "render", "render_one"]

SIZE = 32
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
"""Capitals, and the small letters that do not look like their capitals."""

TRAINING_FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralItalic", "STIXGeneralBol"),
    *("cmr10", "cmb10", "cmtt10", "cmmi10"),
)
HELD_OUT_FONTS = (
    *("DejaVuSans-BoldOblique", "DejaVuSansMono-Oblique", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneralBolIta", "cmss10", "cmti10"),
)
_BIG = 3
"""Letters are drawn this many times larger and then brought down, so that their edges are smooth."""


def render(fonts: tuple[str, ...], n: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """``n`` images of shape (32, 32) and their class numbers, every class and font as often as any other."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n) % len(LETTERS))
    chosen = random.permutation(np.arange(n) % len(fonts))
    images = np.stack([render_one(fonts[f], LETTERS[c], random) for f, c in zip(chosen, labels, strict=True)])
    return images, labels.astype(np.uint8)


def render_one(font: str, letter: str, random: np.random.Generator) -> NDArray[np.uint8]:
    """One letter at 17 to 24 pixels, turned by up to 12 degrees, 3 pixels off, with contrast and noise of its own."""
    big = SIZE * _BIG
    face = _face(font, int(random.integers(17, 25)) * _BIG)
    left, top, right, bottom = face.getbbox(letter)
    picture = Image.new("L", (big, big), 0)
    shift = random.uniform(-3, 3, 2) * _BIG
    at = (big - left - right) / 2 + shift[0], (big - top - bottom) / 2 + shift[1]
    ImageDraw.Draw(picture).text(at, letter, font=face, fill=255)
    picture = picture.rotate(math.degrees(random.uniform(-0.21, 0.21)), Image.Resampling.BILINEAR)
    small = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX), np.float64) / 255
    paper, ink = random.uniform(0.55, 1.0), random.uniform(0.0, 0.35)
    if random.random() < 0.25:  # light letters on dark paper
        paper, ink = ink, paper
    slope = random.uniform(-0.15, 0.15, 2) @ (np.indices((SIZE, SIZE)).reshape(2, -1) / SIZE - 0.5)
    shade = paper + (ink - paper) * small + slope.reshape(SIZE, SIZE)
    noisy = shade + random.normal(0, random.uniform(0.02, 0.12), shade.shape)
    return np.asarray(np.clip(np.rint(noisy * 255), 0, 255), np.uint8)


def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"), size)
