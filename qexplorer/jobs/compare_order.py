"""The order of a comparison, which the history keeps beside what came of it; also as earlier versions wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from qexplorer.core.errors import InputError
from qexplorer.jobs.coding import RecipeText, decode
from qexplorer.jobs.orders import DataOrder

__all__ = ["CompareOrder", "compare_order_from"]


class CompareOrder(DataOrder):
    """What to compare.

    Attributes:
        recipes: beside the float model, at least one.
        backends: names of backends; none: the reference.
        effort: ``quick``, ``standard`` or ``report``.
        samples: evaluation samples, at most; None: all.
    """

    recipes: tuple[RecipeText, ...] = Field(min_length=1)
    backends: tuple[str, ...] = ()
    effort: str = "quick"
    samples: int | None = None


def compare_order_from(value: Any) -> CompareOrder | None:
    """The order that the history kept as ``value``; None if there is none, or none that can be read any more."""
    found = _read(value)
    return _read(_from_earlier(value)) if found is None else found


def _read(value: Any) -> CompareOrder | None:
    try:
        return None if value is None else decode(CompareOrder, value)
    except (ValueError, InputError):
        return None


def _from_earlier(value: Any) -> Any:
    """The order of today that asks for the same as one with names and paths in place of references.

    None if there is no such order: where the data lay at a path, nobody knows what was there.
    """
    from qexplorer.load.samples.shelf import list_samples

    known = list_samples()
    if not isinstance(value, dict) or value.get("data") not in [each.data for each in known]:
        return None
    source = str(value.get("model"))
    fields = ("recipes", "backends", "effort", "samples")
    return {
        "model": {"sample": source} if source in {each.name for each in known} else {"sha256": Path(source).stem},
        "data": {"sample": value["data"], **{key: value.get(key) for key in ("preprocessing", "task")}},
        **{key: value[key] for key in fields if value.get(key) is not None},
    }
