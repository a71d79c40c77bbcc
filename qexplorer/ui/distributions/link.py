"""The controls of page Distributions in its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.formats import Granularity, get_format, on_a_grid
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.ui.calibrator_controls import option_fields
from qexplorer.ui.distributions.beside import BESIDE, beside_choice
from qexplorer.ui.distributions.channel_charts import CHANNEL_VIEWS
from qexplorer.ui.distributions.controls import BLOCKS, BY_HAND, INTEGERS, clip_names, counts_scale, first_bits, widths
from qexplorer.ui.distributions.needed import HOW_MUCH
from qexplorer.ui.distributions.one_value import ONE_VALUE, value_choices
from qexplorer.ui.grid_editor.state import MOST_TIMES
from qexplorer.ui.view.choices import choice
from qexplorer.ui.view.link import Linked, number, one_of, switch

if TYPE_CHECKING:
    from qexplorer.core.formats import Role
    from qexplorer.observe.stats import TensorStats

__all__ = ["KIND", "PARTS", "of_closer", "of_grid", "of_options", "of_tensor", "of_tensors"]

PARTS = {
    "tensor": "Tensor",
    "numbers": "Numbers",
    "bits": "Bits",
    "granularity": "One scale for each",
    "symmetric": "Symmetric",
    "range": "Range",
    "axes": "Counts and values",
    "channel": "Channel",
    "recipe": "Use this in the recipe",
    "curve": "Curve of error",
    "outlier": "Outliers",
    "steps": "Value, step by step",
    "more": "All below the editor",
}
"""What a link can hide, by name."""

_SPACED = ("linear", "logarithmic")
_MOST = 3.4e38


def of_tensors(names: dict[str, list[str]]) -> list[Linked]:
    """Which tensor is shown.

    Args:
        names: of weights and of activations; any name is taken for a kind that is not known yet.
    """
    kind = str(choice("tensor_kind", "weight"))
    return [Linked("tensor", f"tensor_{kind}", one_of(names[kind]) if kind in names else str)]


KIND = Linked("kind", "tensor_kind", one_of(("weight", "activation")), "weight")
"""Weights or activations; read before the tensor."""


def of_closer(stats: TensorStats, beside: list[str]) -> list[Linked]:
    """What is looked at below the editor; ``beside`` are the names of what can stand beside the tensor."""
    closer = ("Nothing more", BESIDE, "Before and after", ONE_VALUE, HOW_MUCH)
    return [
        Linked("closer", "look_closer", one_of(closer), closer[0]),
        Linked("beside", beside_choice(stats.name), one_of(beside), stats.name),
        Linked("channels", "channel_order", one_of(CHANNEL_VIEWS), CHANNEL_VIEWS[0]),
        Linked("table", "channel_table", switch, False),
    ]


def of_grid(stats: TensorStats, place: str = "") -> list[Linked]:
    """The controls that decide the grid of this tensor, of those that stand at ``place``."""
    kind: Role = stats.kind
    own, short = f"{place}{kind}", _short(place)
    numbers = [INTEGERS, *(name for name in on_a_grid(kind) if not get_format(name).is_uniform)]
    low, high = clip_names(stats.name, place)
    ranges = [*CALIBRATORS.names(), BY_HAND]
    found = [
        Linked(f"{short}numbers", f"{own}_numbers", one_of(numbers), INTEGERS),
        Linked(f"{short}bits", f"{own}_bits", one_of(widths(kind)), first_bits(place)),
        Linked(f"{short}symmetric", f"{own}_symmetric", switch, kind == "weight"),
        Linked(f"{short}range", f"{own}_range", one_of(ranges), DEFAULT_CALIBRATOR),
        Linked(f"{short}low", low, number(-_MOST, 0.0)),
        Linked(f"{short}high", high, number(0.0, _MOST)),
    ]
    if kind == "activation":
        return [*found, Linked(f"{short}signed", f"{own}_signed", switch, False)]
    fineness = one_of([str(each) for each in Granularity])
    found.append(Linked(f"{short}scale", f"{own}_granularity", fineness, "tensor"))
    return [*found, Linked(f"{short}block", f"{own}_block", one_of(BLOCKS), 32)]


def of_tensor(stats: TensorStats) -> list[Linked]:
    """The controls of the first grid over this tensor, and how it is drawn."""
    counts, first = counts_scale(stats.kind)
    found = [
        *of_grid(stats),
        Linked("value", f"tensor_value:{stats.name}", number(-_MOST, _MOST)),
        Linked("outlier", f"tensor_outlier:{stats.name}", number(1.0, MOST_TIMES), 1.0),
        Linked("counts", counts, one_of(_SPACED), first),
        Linked("values", "values_scale", one_of(_SPACED), _SPACED[0]),
    ]
    if stats.channels is not None and stats.array is not None:
        last = len(stats.channels.count) - 1
        place, instead = value_choices(stats.name)
        found += [
            Linked("channel", f"tensor_channel:{stats.name}", number(0, last, whole=True)),
            Linked("place", place, number(0, stats.array.size - 1, whole=True)),
            Linked("instead", instead, number(-_MOST, _MOST)),
        ]
    return found


def of_options(kind: str, place: str = "") -> list[Linked]:
    """Numbers among the options of the calibrator in use, so taken after it; wrong ones give way where the options are
    drawn."""
    own, short = f"{place}{kind}", _short(place)
    calibrator = choice(f"{own}_range", DEFAULT_CALIBRATOR)
    if calibrator == BY_HAND or calibrator not in CALIBRATORS:
        return []
    found = []
    for name, field in option_fields(calibrator).items():
        if field.annotation in (int, float):
            whole = field.annotation is int
            read = number(-_MOST, _MOST, whole=whole)
            found.append(Linked(f"{short}{name}", f"{own}_option_{calibrator}_{name}", read, field.default))
    return found


def _short(place: str) -> str:
    """What the names of a place's controls begin with in the address."""
    return f"{place[0]}." if place else ""
