"""What algorithms decide, and from it which of them go together and in which order.

An algorithm declares what it decides, and names no other. Two that decide the same exclude each other; where one
decision is taken on what another leaves, the table ``_ORDER`` says which goes first, and why. So a new algorithm that
chooses codes of weights stands behind all that find scales, and beside none that chooses codes, without a word
about any of them.
"""

from __future__ import annotations

from enum import Flag, auto

__all__ = ["Decides", "why_first", "why_not_both"]


class Decides(Flag):
    """What an algorithm decides, of the float graph or of the plan.

    NOTHING       none of these: it goes with every other, in any place.
    CHANNELS      how large the channels of one weight are against each other.
    ABSORBED      what is moved from activations into biases.
    FACTORS       what activations are divided and weights multiplied by.
    DIRECTIONS    how channels are turned into each other.
    SPLITS        which channels are taken apart.
    GRIDS         scales of weights, from the weights.
    SCALES        scales of weights and activations, by their gradient.
    BIASES        biases, from what errors add up to.
    CODES         the codes of weights.
    TRAINED       the weights and biases themselves.
    """

    NOTHING = 0
    CHANNELS = auto()
    ABSORBED = auto()
    FACTORS = auto()
    DIRECTIONS = auto()
    SPLITS = auto()
    GRIDS = auto()
    SCALES = auto()
    BIASES = auto()
    CODES = auto()
    TRAINED = auto()


_BOTH = {
    Decides.CHANNELS: "scale the channels of weights",
    Decides.ABSORBED: "move activations into biases",
    Decides.FACTORS: "choose the factors between the same layers",
    Decides.DIRECTIONS: "turn the same channels",
    Decides.SPLITS: "split the same channels",
    Decides.GRIDS: "choose the scales of weights",
    Decides.SCALES: "let scales learn",
    Decides.BIASES: "correct the same biases",
    Decides.CODES: "choose the codes of weights",
    Decides.TRAINED: "train the same weights",
}

_ORDER = (
    (Decides.CHANNELS, Decides.ABSORBED, "it makes the high biases that this absorbs"),
    (Decides.CHANNELS, Decides.FACTORS, "it scales weights by themselves"),
    (Decides.ABSORBED, Decides.FACTORS | Decides.DIRECTIONS | Decides.SPLITS, "it follows equalization"),
    (Decides.CHANNELS | Decides.FACTORS, Decides.DIRECTIONS, "behind a rotation channels are all alike"),
    (Decides.CHANNELS | Decides.FACTORS | Decides.DIRECTIONS, Decides.SPLITS, "it may leave no outliers to split"),
    (Decides.GRIDS, Decides.TRAINED, "training starts from its scales"),
    (Decides.BIASES, Decides.TRAINED, "training starts from its biases"),
    (Decides.GRIDS, Decides.SCALES, "scales learn from where it left them"),
    (Decides.GRIDS | Decides.SCALES, Decides.CODES, "it finds the scales that codes are chosen on"),
)
"""Who decides any of the first stands before who decides any of the second, because of the third; the first line that
fits is what is said."""


def why_not_both(one: Decides, other: Decides) -> str | None:
    """Why algorithms that decide this and that exclude each other; None if they do not."""
    return next((f"both {_BOTH[each]}" for each in one & other), None)


def why_first(one: Decides, other: Decides) -> str | None:
    """Why who decides ``one`` goes before who decides ``other``; None if it need not."""
    return next((why for first, then, why in _ORDER if one & first and other & then), None)
