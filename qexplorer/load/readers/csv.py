"""Reads .csv: one sample a row, every column a number, one column the label.

The label column is the one headed ``label``, ``y``, ``target`` or ``class`` (any case). Without a header it is the last
one, if that holds text or whole numbers 0, 1, 2, ... of at most a quarter as many kinds as rows. A column headed
``group`` or ``groups`` holds the groups for fairness. Comma, semicolon or tab separate cells.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Array
from qexplorer.core.errors import DataError
from qexplorer.load.datasets.raw import RawData, checked_split, numbered
from qexplorer.load.readers.protocol import ByEnding, Size

__all__ = ["ENTRIES", "CsvReader", "read_csv"]

_LABELS, _GROUPS = ("label", "y", "target", "class", "labels"), ("group", "groups")
_MAX_CELLS = 100_000_000


def read_csv(path: Path) -> RawData:
    """The table in a .csv file; features as float32 of shape (n, columns).

    Raises:
        DataError: empty, not UTF-8, a row of another length, a cell that is not a number (with row and column).
    """
    rows = _rows(path)
    header = _header(rows)
    if not rows:
        raise DataError("there is a header, and no sample", where=path.name, allowed="at least one row of numbers")
    names = header or tuple(f"column {i + 1}" for i in range(len(rows[0])))
    label = _label_column(header, rows)
    group = next((i for i, name in enumerate(header) if name.lower() in _GROUPS), None)
    chosen = [i for i in range(len(names)) if i not in (label, group)]
    if not chosen:
        raise DataError("there is no column besides the labels", where=path.name, allowed="at least one feature")
    first = 2 if header else 1
    x = _numbers(rows, chosen, names, first, path.name)
    labels, classes, made_up = (None, (), False) if label is None else _labels([row[label] for row in rows], path.name)
    groups = None if group is None else np.array([row[group] for row in rows])
    note = "No column was taken for labels." if label is None else f"The labels are in '{names[label]}'."
    split = checked_split({"": x}, labels, groups, path.name)
    return RawData(path.stem, split, None, classes, tuple(names[i] for i in chosen), (note,), None, made_up)


def _rows(path: Path) -> list[list[str]]:
    """All rows that are not empty, cells stripped; rows of one length."""
    rows: list[list[str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            for number, row in enumerate(csv.reader(file, delimiter=delimiter), 1):
                if not any(cell.strip() for cell in row):
                    continue
                if rows and len(row) != len(rows[0]):
                    raise DataError(
                        f"row {number} has {len(row)} cells, the first row has {len(rows[0])}",
                        where=path.name,
                        allowed="rows of one length",
                    )
                rows.append([cell.strip() for cell in row])
                if len(rows) * len(row) > _MAX_CELLS:
                    raise DataError(f"there are more than {_MAX_CELLS} cells", where=path.name, do="give it as .npz")
    except UnicodeDecodeError:
        raise DataError("this is not text in UTF-8", where=path.name, allowed="a .csv file", do="check it") from None
    except csv.Error as error:
        raise DataError(f"this is not a table ({error})", where=path.name, allowed="a .csv file") from None
    if not rows:
        raise DataError("the file is empty", where=path.name, allowed="at least one row of numbers")
    return rows


def _delimiter(line: str) -> str:
    """The separator that the first line has most of; the comma if it has none."""
    return max(",;\t", key=line.count)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if "_" not in cell else None


def _header(rows: list[list[str]]) -> tuple[str, ...]:
    """Takes the first row off ``rows`` if it is a header: no cell is a number, or one is a name known here."""
    known = {*_LABELS, *_GROUPS}
    if all(_number(cell) is None for cell in rows[0]) or any(cell.lower() in known for cell in rows[0]):
        return tuple(rows.pop(0))
    return ()


def _label_column(header: tuple[str, ...], rows: list[list[str]]) -> int | None:
    if header:
        return next((i for i, name in enumerate(header) if name.lower() in _LABELS), None)
    last = len(rows[0]) - 1
    cells = {row[last] for row in rows}
    if last == 0 or len(cells) > max(2, len(rows) // 4):
        return None
    values = [_number(cell) for cell in cells]
    if all(value is None for value in values):
        return last
    whole = all(value is not None and 0 <= value <= len(cells) and value == int(value) for value in values)
    return last if whole else None


def _numbers(
    rows: list[list[str]], chosen: list[int], names: tuple[str, ...], first: int, where: str
) -> NDArray[np.float32]:
    """The chosen columns as float32; ``first`` is the file's row number of the first row."""
    x = np.empty((len(rows), len(chosen)), np.float32)
    for number, row in enumerate(rows):
        cells = [row[i] for i in chosen]
        try:
            with np.errstate(over="ignore"):  # becomes infinite, and is refused below
                x[number] = np.array(cells, np.float64)
        except ValueError:
            x[number] = np.nan
        if not np.isfinite(x[number]).all():
            wrong = next((i for i, cell in enumerate(cells) if not math.isfinite(_number(cell) or 0.0)), None)
            wrong = next((i for i, cell in enumerate(cells) if _number(cell) is None), wrong)
            raise _not_a_number(cells[wrong or 0], number + first, names[chosen[wrong or 0]], where)
    return x


def _not_a_number(cell: str, row: int, column: str, where: str) -> DataError:
    given = f"'{cell[:40]}'" if cell else "empty"
    return DataError(
        f"row {row}, column '{column}' is {given}",
        where=where,
        allowed="a finite number that float32 can hold",
        do="correct the cell or remove the column",
    )


def _labels(cells: list[str], where: str) -> tuple[Array, tuple[str, ...], bool]:
    """Class numbers; if any cell is not a number, all are names (see :func:`numbered`)."""
    values = [_number(cell) for cell in cells]
    if all(value is not None for value in values):
        return np.array(values, np.float64), (), False
    return numbered(cells, (), where)


class CsvReader(ByEnding):
    """Tables."""

    name = "csv"
    help = "A .csv holds one sample a row."
    rank = 20

    def read(self, path: Path, size: Size | None) -> RawData:  # noqa: ARG002 - a table has no pictures
        """What :func:`read_csv` reads."""
        return read_csv(path)


ENTRIES = (CsvReader(),)
