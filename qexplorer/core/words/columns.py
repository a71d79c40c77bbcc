"""Facts and tables as aligned lines of text, for a terminal and for ``print``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from qexplorer.core.foreign.media import in_terminal

__all__ = ["fact_lines", "table_lines"]

_MOST_OF_A_CELL = 300
_NUMBER = re.compile(r"(?:[+-]?[0-9.]+(?: ?[kMGB%]?B?)?|–|)")  # noqa: RUF001 - the dash of an empty cell


def fact_lines(facts: Mapping[str, object]) -> list[str]:
    """Names and values in two columns; what is None is left out."""
    shown = {name: in_terminal(str(value)) for name, value in facts.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown.items()]


def table_lines(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Aligned columns; those in which every cell is a number (with its unit) are aligned to the right."""
    cells = [["" if cell is None else in_terminal(str(cell), _MOST_OF_A_CELL) for cell in row] for row in rows]
    columns = list(zip(*cells, strict=True)) if cells else [()] * len(header)
    widths = [max(len(name), *(len(cell) for cell in column), 0) for name, column in zip(header, columns, strict=True)]
    right = [bool(column) and all(_is_number(cell) for cell in column) for column in columns]
    lines = []
    for row in (list(header), *cells):
        padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        lines.append("  ".join(padded).rstrip())
    return lines


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None
