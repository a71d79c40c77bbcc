"""A number format as the editor in the browser understands it: integers by their codes, others by their levels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from qexplorer.core.formats import Format
from qexplorer.core.formats.levels import LevelTable
from qexplorer.core.formats.uniform import has_signs
from qexplorer.observe.editing.scale_rule import scale_rule

__all__ = ["format_data"]


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
    rule = scale_rule(format, symmetric=symmetric)
    data = _codes(format, symmetric) if format.is_uniform else _levels(format)
    if data is None or rule is None:
        return None
    return data if rule.series is None else data | {"series": asdict(rule.series)}


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
