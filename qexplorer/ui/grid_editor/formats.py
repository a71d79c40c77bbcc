"""A number format as the editor in the browser understands it: integers by their codes, others by their levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.formats.uniform import has_signs

__all__ = ["format_data"]

_TRIED = tuple((-a, b) for a in (0.0, 0.3, 1.0, 1.7, 40.0) for b in (0.0, 0.011, 1.0, 1.41, 27.0) if a or b)


def format_data(format: Format, *, symmetric: bool) -> dict[str, Any] | None:
    """What ``browser/numbers.js`` needs to lay the format over a range as ``Format.fit`` does.

    Args:
        format: a format with a scale.
        symmetric: zero point in the middle; formats without a zero point are so anyway.

    Returns:
        Codes or levels, and the rule of the scale; None for a format whose scale follows neither of the two rules
        that a browser knows (proportional to the range, or one of ``unit * 2**k``): it is drawn, and not dragged.
    """
    symmetric = symmetric or not format.has_zero_point
    data = _codes(format, symmetric) if format.is_uniform else _levels(format)
    if data is None or _agrees(format, data, symmetric):
        return data
    data["series"] = _series(format, data, symmetric)
    return data if _agrees(format, data, symmetric) else None


def _codes(format: Format, symmetric: bool) -> dict[str, Any]:
    whole = format.fit(np.asarray(-1.0), np.asarray(1.0), symmetric=symmetric)
    ends = [whole.lowest, whole.highest]
    middle = int(whole.zero_point) if symmetric else 0
    return {
        "kind": "uniform",
        "name": format.name,
        "qmin": ends[0],
        "qmax": ends[1],
        "mirrored": ends,
        "middle": middle,
        "symmetric": symmetric,
        "either_sign": symmetric and has_signs(format),
    }


def _levels(format: Format) -> dict[str, Any] | None:
    table = format.table
    if table is None:
        return None
    return {
        "kind": "levels",
        "name": format.name,
        "symmetric": True,
        "levels": table.levels.tolist(),
        "codes": table.codes.tolist(),
        "borders": table.borders.tolist(),
        "minus_zero": _minus_zero(format, table),
    }


def _minus_zero(format: Format, table: LevelTable) -> int | None:
    """The code of a negative value that becomes zero, where floats have one of their own."""
    one, zero = np.ones((), np.float32), np.zeros((), np.int32)
    tiny = np.asarray(-np.finfo(np.float32).tiny)
    code = int(format.encode(tiny, one, zero, int(table.codes[0]), int(table.codes[-1])))
    return None if code in table.codes else code


def _wanted(data: dict[str, Any], low: float, high: float) -> float:
    """The scale that is proportional to the range, as the browser finds it."""
    if data["kind"] == "levels":
        first, last = data["levels"][0], data["levels"][-1]
        return float(max(low / first if first < 0 else 0.0, high / last if last > 0 else 0.0))
    if data["symmetric"]:
        farthest = -data["qmin"] if data["either_sign"] else data["qmax"] - data["middle"]
        return float(max(-low, high) / farthest)
    return float((high - low) / (data["qmax"] - data["qmin"]))


def _fitted(format: Format, low: float, high: float, symmetric: bool) -> float:
    return float(format.fit(np.asarray(low), np.asarray(high), symmetric=symmetric).scale)


def _agrees(format: Format, data: dict[str, Any], symmetric: bool) -> bool:
    """Whether the browser's rule gives the format's own scale, on ranges of many kinds."""
    for low, high in _TRIED:
        wanted, series = _wanted(data, low, high), data.get("series")
        if wanted and series:
            octaves = np.log2(wanted / series["reach"])
            wanted = series["unit"] * 2.0 ** (np.floor(octaves) + 1 if series["open"] else np.ceil(octaves))
        if not np.isclose(wanted or 1.0, _fitted(format, low, high, symmetric), rtol=1e-6):
            return False
    return True


def _series(format: Format, data: dict[str, Any], symmetric: bool) -> dict[str, Any] | None:
    """The scale that a range of magnitude 1 gets, and the widest that gets it too, as the scale it asks for; ``open``
    where that range itself gets the next scale already."""
    low = -1.0 if symmetric else 0.0
    unit = _fitted(format, low, 1.0, symmetric)
    near, far = 1.0, 4.0
    if _fitted(format, far * low, far, symmetric) == unit:
        return None
    for _ in range(60):
        middle = (near + far) / 2
        same = _fitted(format, middle * low, middle, symmetric) == unit
        near, far = (middle, far) if same else (near, middle)
    is_open = far == float(np.float32(far))  # of the two neighbours the border is the short number
    reach = far if is_open else near
    return {"unit": unit, "reach": _wanted(data, reach * low, reach), "open": is_open}
