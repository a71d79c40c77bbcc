"""What a stranger's ``config.json`` may ask of a network, and what a package says against it, in words for people."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from qexplorer.core.errors import ModelError
from qexplorer.core.foreign.media import shortened
from qexplorer.core.foreign.texts import Bounds, read_json
from qexplorer.load.weights.spoken import spoken

__all__ = ["CONFIG_BOUNDS", "check_size", "read_settings", "said_against"]

CONFIG_BOUNDS = Bounds(size_bytes=2**21, depth=12, values=100_000)
"""Of a ``config.json``: names of classes are most of it."""
_MOST = {
    re.compile(r"(?!.*(size|dim|norm))(\w*layers?|\w*blocks?|\w*depths?|\w*stages?)"): 1000,
    re.compile(r"num_labels|num_classes"): 1_000_000,
}
"""Of what is made one after another: transformers stops at no number."""
_SPARE = 1_000_000
"""Weights that a network may have beside those of its file: tables that are computed, or tied to others."""


def read_settings(config: str | None) -> dict[str, Any]:
    """What a ``config.json`` says; nothing where there is none.

    Raises:
        ModelError: it is no table, or asks for layers or labels without end.
    """
    found = read_json(config, CONFIG_BOUNDS) if config else {}
    if not isinstance(found, dict):
        raise ModelError("the config.json beside the weights is no table of settings", do="get it again")
    _check_counts(found)
    return found


def check_size(build: Callable[[], Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ModelError if the network has far more weights than the file; counted without making any."""
    import torch

    held = sum(math.prod(shape) for shape in shapes.values())
    try:
        with torch.device("meta"):
            count = sum(each.numel() for each in build().parameters())
    except (NotImplementedError, RuntimeError):  # one that computes something while it is made
        return
    if count > 2 * held + _SPARE:
        what = f"this network has {count:,} weights, and the file {held:,}"
        raise ModelError(what, do="give the config.json that belongs to the weights")


def said_against(error: Exception, *, given: bool) -> str:
    """What a package says against a name or settings, where it says that to people; ``given``: there were settings."""
    said = spoken(error)
    if said is None and given:
        return "its settings do not go together, or one is of another kind than it takes"
    return said or "it does not say why"


def _check_counts(settings: Any) -> None:
    """Raises ModelError where settings, or settings inside them, ask for layers or labels without end."""
    for key, value in settings.items() if isinstance(settings, dict) else ():
        numbers = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, int | float)]
        most = next((most for pattern, most in _MOST.items() if pattern.fullmatch(key)), None)
        if most is not None and any(number > most for number in numbers):
            what = f"its '{shortened(str(key), 60)}' is too large"
            raise ModelError(what, allowed=f"at most {most:,}", do="check the config.json")
        _check_counts(value)
