"""The controls of page Distributions: which grid, and how it is drawn. Each keeps its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st
from pydantic import ValidationError

from qexplorer.core.formats import Format, Role, get_format, on_a_grid
from qexplorer.core.formats.uniform import UniformFormat, has_signs, symmetric_ends
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR, options_among, starting_options
from qexplorer.core.recipe import ActivationSpec, WeightSpec
from qexplorer.ui import calibrator_controls
from qexplorer.ui.session import remembered
from qexplorer.ui.view.choices import chosen
from qexplorer.ui.view.link import part

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = [
    "BLOCKS",
    "BY_HAND",
    "INTEGERS",
    "Settings",
    "clip_names",
    "counts_scale",
    "draw_grid_controls",
    "draw_view_controls",
    "first_bits",
    "set_all",
    "set_by_hand",
    "widths",
]

INTEGERS = "integers"
"""The choice beside the formats with a name of their own: codes evenly spaced, of as many bits as the slider says."""
BLOCKS = (16, 32, 64, 128, 256)
BY_HAND = "hand"
"""The choice beside the calibrators: a range that is drawn."""
_SYMMETRIC = (
    "The zero point is fixed in the middle of the codes: cheaper arithmetic, but values of one sign waste half of them."
    " Weights of fewer than 8 bits beside activations in float use every code, with a scale of either sign."
)
_GRANULARITY = "How many values share one scale: the whole tensor, one output channel, or one block of values."
_BY_HAND = "\n- **By hand**: clip lines that are dragged or typed."
_NUMBERS = "Integers are evenly spaced; the others have levels of their own, and their layers compute in float."
_HAND = (
    "Narrower: more values are clipped, the others are rounded finer. With a grid for each channel it bounds them all."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the controls say.

    Attributes:
        kind: ``weight`` or ``activation``.
        numbers: ``INTEGERS``, or the name of a format that is no integer.
        bits: width of an integer code.
        signed: whether codes can be negative.
        granularity: ``tensor``, ``channel`` or ``block``.
        block: values per scale, for blocks.
        symmetric: zero point in the middle.
        calibrator: how the range is chosen; ``BY_HAND`` for lines that were dragged or typed.
        options: the calibrator's options by name.
        clip: the range chosen by hand, or None.
        decoded: whether codes are decoded before anything is computed, so that scales may have either sign.
    """

    kind: str
    numbers: str
    bits: int
    signed: bool
    granularity: str
    block: int
    symmetric: bool
    calibrator: str
    options: tuple[tuple[str, Any], ...]
    clip: tuple[float, float] | None
    decoded: bool = False

    @property
    def grid_format(self) -> Format:
        """The format of the grid, with scales of either sign where the file has them."""
        return _signed(self.format, self.decoded and self.symmetric)

    @property
    def format(self) -> str:
        """Name of the number format."""
        return f"{'' if self.signed else 'u'}int{self.bits}" if self.numbers == INTEGERS else self.numbers

    @property
    def weights(self) -> WeightSpec | None:
        """The settings as a recipe says them for weights; None where no recipe can (by hand)."""
        if self.clip is not None:
            return None
        return WeightSpec.model_validate(self._shared() | {"granularity": self.granularity, "block": self.block})

    @property
    def activations(self) -> ActivationSpec | None:
        """The same for activations."""
        return None if self.clip is not None else ActivationSpec.model_validate(self._shared())

    def _shared(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "symmetric": self.symmetric,
            "calibrator": self.calibrator,
            **dict(self.options),
        }

    @property
    def text(self) -> str:
        """The grid in a few words."""
        fineness = f"blocks of {self.block}" if self.granularity == "block" else f"per {self.granularity}"
        chosen = " ".join([_range_title(self.calibrator), *(str(value) for _, value in self.options)])
        mirrored = f", {'symmetric' if self.symmetric else 'asymmetric'}" if self.numbers == INTEGERS else ""
        mirrored += ", scales of either sign" if has_signs(self.grid_format) else ""
        return f"{self.format} {fineness}{mirrored}, range: {chosen}"


def _signed(name: str, either_sign: bool) -> Format:
    kind = get_format(name)
    return kind.of_either_sign() if either_sign and isinstance(kind, UniformFormat) else kind


def draw_grid_controls(stats: TensorStats, place: str = "", *, decoded: bool) -> Settings:
    """Draws what decides the grid of this tensor; weights and activations each keep their own values, and so does each
    ``place`` where the controls stand (``""``, or a word that begins the names of its choices). ``decoded`` is as
    :class:`Settings` has it."""
    kind, weight = stats.kind, stats.kind == "weight"
    own = f"{place}{kind}"
    bits, symmetric, signed = 8, True, True
    with part("numbers", place):
        numbers = _numbers(kind, own)
    if numbers == INTEGERS:
        allowed = widths(kind)
        with part("bits", place):
            bits = st.select_slider("Bits", allowed, **remembered(f"{own}_bits", first_bits(place), allowed))
    with part("granularity", place):
        granularity, block = _granularity(stats, numbers, place) if weight else ("tensor", 32)
    if numbers == INTEGERS:
        with part("symmetric", place):
            symmetric = st.toggle("Symmetric", help=_SYMMETRIC, **remembered(f"{own}_symmetric", weight))
            signed = weight or st.toggle("Signed codes", **remembered(f"{own}_signed", False))
    name = f"{'' if signed else 'u'}int{bits}" if numbers == INTEGERS else numbers
    with part("range", place):
        laid = _signed(name, decoded and symmetric)
        ranged, options, clip = _range(stats, laid, granularity, symmetric or numbers != INTEGERS, place)
    return Settings(kind, numbers, bits, bool(signed), granularity, block, symmetric, ranged, options, clip, decoded)


def _range(
    stats: TensorStats, format: Format, granularity: str, mirrored: bool, place: str
) -> tuple[str, tuple[tuple[str, Any], ...], tuple[float, float] | None]:
    """How the range is chosen, the options of that, and the range by hand."""
    grid = (format, Granularity(granularity), stats.kind)
    ranges = [*calibrator_controls.names_offered(*grid), BY_HAND]
    ranged = st.selectbox(
        "Range",
        ranges,
        format_func=_range_title,
        help=calibrator_controls.help_on_all(*grid) + _BY_HAND,
        **remembered(f"{place}{stats.kind}_range", DEFAULT_CALIBRATOR, ranges),
    )
    calibrator_controls.draw_refused(*grid)
    if ranged == BY_HAND:
        return ranged, (), _by_hand(stats, format, mirrored, place)
    return ranged, _options(f"{place}{stats.kind}", ranged), None


def widths(kind: Role) -> tuple[int, ...]:
    """Widths of the integer formats that tensors of this kind can have."""
    return tuple(sorted({get_format(name).bits for name in on_a_grid(kind) if get_format(name).is_uniform}))


def first_bits(place: str) -> int:
    """Bits before anything is chosen: fewer beside, so that there is something to compare."""
    return 4 if place else 8


def _numbers(kind: Role, own: str) -> str:
    """Integers or a format with levels of its own; no control where there are integers alone."""
    others = [name for name in on_a_grid(kind) if not get_format(name).is_uniform]
    if not others:
        return INTEGERS
    options = [INTEGERS, *others]
    return str(st.selectbox("Numbers", options, help=_NUMBERS, **remembered(f"{own}_numbers", INTEGERS, options)))


def _range_title(name: str) -> str:
    return "By hand" if name == BY_HAND else calibrator_controls.title_of(name)


def _options(own: str, calibrator: str) -> tuple[tuple[str, Any], ...]:
    """Draws the options of ``calibrator``; each tensor kind and place keeps its own, while they are still allowed."""
    first = options_among(calibrator, starting_options(calibrator))
    found = []
    for name, field in calibrator_controls.option_fields(calibrator).items():
        kept = remembered(f"{own}_option_{calibrator}_{name}", getattr(first, name))
        try:
            options_among(calibrator, {**first.model_dump(), name: st.session_state[kept["key"]]})
        except ValidationError:
            st.session_state[kept["key"]] = getattr(first, name)
        found.append((name, calibrator_controls.draw_option(name, field, **kept)))
    return tuple(found)


def _granularity(stats: TensorStats, numbers: str, place: str) -> tuple[str, int]:
    options = ["tensor"]
    if stats.axis is not None and len(stats.shape) > 1:
        options += ["channel", "block"]
    if numbers != INTEGERS:
        options = [name for name in options if name in get_format(numbers).granularities]
    kept = remembered(f"{place}weight_granularity", options[0], options)
    fineness = st.segmented_control("One scale for each", options, help=_GRANULARITY, required=True, **kept)
    block = 32
    if fineness == "block":
        block = st.select_slider("Values in a block", BLOCKS, **remembered(f"{place}weight_block", 32, BLOCKS))
    return fineness or options[0], block


def _by_hand(stats: TensorStats, format: Format, mirrored: bool, place: str) -> tuple[float, float]:
    """The clip lines as numbers, beside the handles that are dragged: one end for a mirrored grid, two for another. The
    lower one follows where a scale's sign, that of the tensor, puts it a step off."""
    low, high = min(stats.histogram.minimum, 0.0), max(stats.histogram.maximum, 0.0)
    reach = max(-low, high) or 1.0
    whole = symmetric_ends(format, low, high) if high > low else symmetric_ends(format, -1.0, 1.0)
    first = whole if mirrored else (low, high if high > low else low + 1)
    step = reach / 200
    names = clip_names(stats.name, place)
    upper = remembered(names[1], first[1])
    label = "Clip lines at ±" if mirrored and not has_signs(format) else "Upper clip line"
    end = float(st.number_input(label, 0.0, step=step, format="%.5g", help=_HAND, **upper))
    if mirrored:
        return whole[0] / whole[1] * (end or step), end or step
    lower = remembered(names[0], first[0])
    begin = float(st.number_input("Lower clip line", None, 0.0, step=step, format="%.5g", **lower))
    return begin, end if end > begin else begin + step


def clip_names(tensor: str, place: str = "") -> tuple[str, str]:
    """Names of the choices that hold a tensor's clip lines by hand, the lower one first."""
    return f"tensor_{place}clip_low:{tensor}", f"tensor_{place}clip_high:{tensor}"


def set_by_hand(kind: str, tensor: str, clip: tuple[float, float], place: str = "") -> None:
    """Makes ``clip`` the range of this tensor, in front of a run: as if it had been typed."""
    for name, value in zip(clip_names(tensor, place), clip, strict=True):
        chosen(name, value)
    chosen(f"{place}{kind}_range", BY_HAND)


def set_all(settings: Settings, tensor: str, place: str = "") -> None:
    """Gives the controls of a tensor at ``place`` what ``settings`` say, in front of a run."""
    own = f"{place}{settings.kind}"
    chosen(f"{own}_numbers", settings.numbers)
    if settings.numbers == INTEGERS:
        chosen(f"{own}_bits", settings.bits)
        chosen(f"{own}_symmetric", settings.symmetric)
    if settings.kind == "weight":
        chosen(f"{own}_granularity", settings.granularity)
        chosen(f"{own}_block", settings.block)
    else:
        chosen(f"{own}_signed", settings.signed)
    for name, value in settings.options:
        chosen(f"{own}_option_{settings.calibrator}_{name}", value)
    chosen(f"{own}_range", settings.calibrator)
    if settings.clip is not None:
        set_by_hand(settings.kind, tensor, settings.clip, place)


def counts_scale(kind: str) -> tuple[str, str]:
    """The choice's name for a ``weight`` or an ``activation``, and how its counts are spaced at first.

    The zeros of a ReLU are one bar a hundred times as high as the others: on a linear axis nothing else is seen.
    """
    return f"{kind}_counts_scale", "logarithmic" if kind == "activation" else "linear"


def draw_view_controls(kind: str) -> tuple[bool, bool]:
    """Draws how counts and values are spaced; returns whether each is logarithmic (counts, values)."""
    how = ("linear", "logarithmic")
    name, first = counts_scale(kind)
    with st.container(horizontal=True, gap="medium"):
        log = st.segmented_control("Counts", how, required=True, **remembered(name, first, how))
        bent = st.segmented_control("Values", how, required=True, **remembered("values_scale", how[0], how))
    return log == "logarithmic", bent == "logarithmic"
