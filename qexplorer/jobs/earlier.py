"""Orders of comparisons as earlier versions kept them: with a name or a path where there is a reference now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qexplorer.core.errors import InputError
from qexplorer.jobs.coding import decode
from qexplorer.jobs.kinds.compare import CompareOrder

__all__ = ["compare_order_from"]


def compare_order_from(value: Any) -> CompareOrder | None:
    """The order of today that asks for the same; None if there is none, such as for data that lay at some path."""
    from qexplorer.load.samples.shelf import list_samples

    if not isinstance(value, dict):
        return None
    known = list_samples()
    source, data = str(value.get("model")), value.get("data")
    model = {"sample": source} if source in {each.name for each in known} else {"sha256": Path(source).stem}
    if data not in {each.data for each in known}:
        return None
    own = {"sample": data, "preprocessing": value.get("preprocessing")}
    rest = {key: value[key] for key in ("recipes", "backends", "effort", "samples") if value.get(key) is not None}
    try:
        return decode(CompareOrder, {"model": model, "data": own, **rest})
    except (ValueError, InputError):
        return None
