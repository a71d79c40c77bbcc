"""The controls of page Distributions in its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.formats import Granularity, get_format, on_a_grid
from qexplorer.core.plugin_kinds.calibrator_choice import DEFAULT_CALIBRATOR
from qexplorer.core.plugins import CALIBRATORS
from qexplorer.ui.calibrator_controls import option_fields
from qexplorer.ui.distributions.beside import BESIDE, beside_choice
from qexplorer.ui.distributions.channel_charts import CHANNEL_VIEWS
from qexplorer.ui.distributions.controls import BLOCKS, BY_HAND, INTEGERS, clip_names, counts_scale, widths
from qexplorer.ui.distributions.needed import HOW_MUCH
from qexplorer.ui.grid_editor.state import MOST_TIMES
from qexplorer.ui.view.choices import choice
from qexplorer.ui.view.link import Linked, number, one_of, switch

if TYPE_CHECKING:
    from qexplorer.core.formats import Role
    from qexplorer.observe.stats import TensorStats

__all__ = ["KIND", "PARTS", "of_closer", "of_tensor", "of_tensors"]

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
    closer = ("Nothing more", BESIDE, "Before and after", HOW_MUCH)
    return [
        Linked("closer", "look_closer", one_of(closer), closer[0]),
        Linked("beside", beside_choice(stats.name), one_of(beside)),
        Linked("channels", "channel_order", one_of(CHANNEL_VIEWS), CHANNEL_VIEWS[0]),
        Linked("table", "channel_table", switch, False),
    ]


def of_tensor(stats: TensorStats) -> list[Linked]:
    """The controls of the grid over this tensor."""
    kind: Role = stats.kind
    numbers = [INTEGERS, *(name for name in on_a_grid(kind) if not get_format(name).is_uniform)]
    counts, first = counts_scale(kind)
    low, high = clip_names(stats.name)
    ranges = [*CALIBRATORS.names(), BY_HAND]
    found = [
        Linked("numbers", f"{kind}_numbers", one_of(numbers), INTEGERS),
        Linked("bits", f"{kind}_bits", one_of(widths(kind)), 8),
        Linked("symmetric", f"{kind}_symmetric", switch, kind == "weight"),
        Linked("range", f"{kind}_range", one_of(ranges), DEFAULT_CALIBRATOR),
        Linked("low", low, number(-_MOST, 0.0)),
        Linked("high", high, number(0.0, _MOST)),
        Linked("value", f"tensor_value:{stats.name}", number(-_MOST, _MOST)),
        Linked("outlier", f"tensor_outlier:{stats.name}", number(1.0, MOST_TIMES), 1.0),
        Linked("counts", counts, one_of(_SPACED), first),
        Linked("values", "values_scale", one_of(_SPACED), _SPACED[0]),
    ]
    if kind == "activation":
        found.append(Linked("signed", "activation_signed", switch, False))
    else:
        found.append(Linked("scale", "weight_granularity", one_of([str(each) for each in Granularity]), "tensor"))
        found.append(Linked("block", "weight_block", one_of(BLOCKS), 32))
    if stats.channels is not None and stats.array is not None:
        last = len(stats.channels.count) - 1
        found.append(Linked("channel", f"tensor_channel:{stats.name}", number(0, last, whole=True)))
    return [*found, *_options(kind)]


def _options(kind: str) -> list[Linked]:
    """Numbers among the options of the calibrator in use; wrong ones give way where the options are drawn."""
    calibrator = choice(f"{kind}_range", DEFAULT_CALIBRATOR)
    if calibrator == BY_HAND or calibrator not in CALIBRATORS:
        return []
    found = []
    for name, field in option_fields(calibrator).items():
        if field.annotation in (int, float):
            whole = field.annotation is int
            read = number(-_MOST, _MOST, whole=whole)
            found.append(Linked(name, f"{kind}_option_{calibrator}_{name}", read, field.default))
    return found
