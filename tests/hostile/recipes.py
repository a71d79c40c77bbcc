"""Recipes that are YAML as it should be, with a value in each place that its reader might believe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from tests.hostile.models import ODD_NAMES

__all__ = ["texts"]

_NUMBERS: dict[str, Any] = {
    "below 0": -1, "0": 0, "2**70": 2**70, "half": 0.5, "NaN": float("nan"), "infinity": float("inf"), "text": "8",
    "true": True, "nothing": None, "a list": [8], "a mapping": {"a": 8},
}  # fmt: skip


def texts() -> Iterator[tuple[str, str]]:
    """What each tries, and the recipe."""
    for told, name in ODD_NAMES.items():
        short = name[:2000].replace("\0", "\x07")
        yield f"a name: {told}", _yaml({"name": short, "weights": {"format": "int8"}})
        yield f"a format: {told}", _yaml({"weights": {"format": short}})
        yield f"a rule: {told}", _yaml({"weights": {"format": "int8"}, "layers": [{"match": short, "float": True}]})
        yield f"a field: {told}", _yaml({"weights": {"format": "int8", short: 1}})
    for told, number in _NUMBERS.items():
        yield f"a block: {told}", _yaml({"weights": {"format": "int4", "granularity": "block", "block": number}})
        clipped = {"format": "int8", "calibrator": "percentile", "percentile": number}
        yield f"a percentile: {told}", _yaml({"weights": clipped, "activations": {"format": "uint8"}})
        yield f"weights: {told}", _yaml({"weights": number})
        yield f"algorithms: {told}", _yaml({"weights": {"format": "int8"}, "algorithms": number})


def _yaml(value: dict[str, Any]) -> str:
    return str(yaml.safe_dump(value, allow_unicode=False))
