"""Reads .csv: one sample a row, every column a number, one column the label.

The label column is the one headed ``label``, ``y``, ``target`` or ``class`` (any case). Without a header it is the last
one, if that holds text or whole numbers 0, 1, 2, ... of at most a quarter as many kinds as rows. A column headed
``group`` or ``groups`` holds the groups for fairness. Comma, semicolon or tab separate cells.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, compress, islice
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
_MAX_COLUMNS = 100_000
_PIECE = 200_000  # cells
_LARGEST = float(np.finfo(np.float32).max)


def read_csv(path: Path) -> RawData:
    """The table in a .csv file; features as float32 of shape (n, columns).

    Raises:
        DataError: empty, not UTF-8, a row of another length, a cell that is not a number (with row and column), more
            columns or cells than are read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            return _table(csv.reader(file, delimiter=delimiter), path)
    except UnicodeDecodeError:
        raise DataError("this is not text in UTF-8", where=path.name, allowed="a .csv file", do="check it") from None
    except csv.Error as error:
        raise DataError(f"this is not a table ({error})", where=path.name, allowed="a .csv file") from None


def _table(reader: Iterator[list[str]], path: Path) -> RawData:
    number, first = next(((n, row) for n, row in enumerate(reader, 1) if _filled(row)), (0, []))
    if not first:
        raise DataError("the file is empty", where=path.name, allowed="at least one row of numbers")
    if len(first) > _MAX_COLUMNS:
        what, most = f"the table has {len(first):,} columns", f"at most {_MAX_COLUMNS:,}"
        raise DataError(what, where=path.name, allowed=most, do="give it as .npz")
    first = [cell.strip() for cell in first]
    header = tuple(first) if _is_header(first) else ()
    columns = _Columns(header, len(first), path.name)
    if header:
        columns.read(reader, number + 1)
    else:
        columns.read(chain([first], reader), number)
    if not columns.rows:
        raise DataError("there is a header, and no sample", where=path.name, allowed="at least one row of numbers")
    label = columns.label_column()
    chosen = [i for i in range(len(first)) if i not in (label, columns.group)]
    if not chosen:
        raise DataError("there is no column besides the labels", where=path.name, allowed="at least one feature")
    x = columns.features(label)
    labels, classes, made_up = (None, (), False) if label is None else _labels(columns.cells[label], path.name)
    groups = None if columns.group is None else np.array(columns.cells[columns.group])
    note = "No column was taken for labels." if label is None else f"The labels are in '{columns.names[label]}'."
    split = checked_split({"": x}, labels, groups, path.name)
    named = tuple(columns.names[i] for i in chosen)
    return RawData(path.stem, split, None, classes, named, (note,), None, made_up)


class _Columns:
    """A table taken in piece by piece: columns of features as numbers, others as cells.

    Without a header the last column is kept as cells until all are known, and what it is can be told.
    """

    def __init__(self, header: tuple[str, ...], width: int, where: str) -> None:
        self.names = header or tuple(f"column {i + 1}" for i in range(width))
        self.group = next((i for i, name in enumerate(header) if name.lower() in _GROUPS), None)
        self._label = next((i for i, name in enumerate(header) if name.lower() in _LABELS), None)
        self._open = None if header or width == 1 else width - 1
        self.cells: dict[int, list[str]] = {i: [] for i in (self.group, self._label, self._open) if i is not None}
        self.rows = 0
        self._numeric = [i for i in range(width) if i not in self.cells]
        self._width, self._where = width, where
        self._pieces: list[NDArray[np.float32]] = []
        self._numbers: list[int] = []  # the file's row number of each row, while it may be needed for a message

    def read(self, body: Iterator[list[str]], number: int) -> None:
        """Takes in all rows, of which the first has this number in the file."""
        most = max(_PIECE // self._width, 1)
        while piece := list(islice(body, most)):
            numbers: Sequence[int] = range(number, number + len(piece))
            number += len(piece)
            filled = list(map(_filled, piece))
            if not all(filled):
                numbers, piece = list(compress(numbers, filled)), list(compress(piece, filled))
            if any(length != self._width for length in map(len, piece)):
                wrong, row = next((n, row) for n, row in zip(numbers, piece, strict=True) if len(row) != self._width)
                what = f"row {wrong} has {len(row)} cells, the first row has {self._width}"
                raise DataError(what, where=self._where, allowed="rows of one length")
            self.rows += len(piece)
            if self.rows * self._width > _MAX_CELLS:
                raise DataError(f"there are more than {_MAX_CELLS} cells", where=self._where, do="give it as .npz")
            if piece:
                self._take(numbers, piece)

    def _take(self, numbers: Sequence[int], rows: list[list[str]]) -> None:
        columns = list(zip(*rows, strict=True))
        for i, cells in self.cells.items():
            cells.extend(cell.strip() for cell in columns[i])
        found = np.empty((len(rows), len(self._numeric)), np.float32)
        for place, i in enumerate(self._numeric):
            found[:, place] = _as_numbers(columns[i], numbers, self.names[i], self._where)
        self._pieces.append(found)
        if self._open is not None:
            self._numbers.extend(numbers)

    def label_column(self) -> int | None:
        """The column of labels; without a header the last one, if it looks like labels."""
        return self._label if self._open is None or not _looks_like_labels(self.cells[self._open]) else self._open

    def features(self, label: int | None) -> NDArray[np.float32]:
        """All columns but those of labels and groups, shape (rows, columns)."""
        if self._open is None or label is not None:
            return np.concatenate(self._pieces)
        last = _as_numbers(self.cells[self._open], self._numbers, self.names[self._open], self._where)
        return np.concatenate([np.concatenate(self._pieces), last[:, None]], axis=1)


def _filled(row: Sequence[str]) -> bool:
    return any(map(str.strip, row))


def _delimiter(line: str) -> str:
    """The separator that the first line has most of; the comma if it has none."""
    return max(",;\t", key=line.count)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if "_" not in cell else None


def _is_header(row: Sequence[str]) -> bool:
    """Whether no cell is a number, or one is a name known here."""
    known = {*_LABELS, *_GROUPS}
    return all(_number(cell) is None for cell in row) or any(cell.lower() in known for cell in row)


def _looks_like_labels(cells: Sequence[str]) -> bool:
    kinds = set(cells)
    if len(kinds) > max(2, len(cells) // 4):
        return False
    values = [_number(kind) for kind in kinds]
    if all(value is None for value in values):
        return True
    return all(value is not None and 0 <= value <= len(kinds) and value == int(value) for value in values)


def _as_numbers(cells: Sequence[str], numbers: Sequence[int], column: str, where: str) -> NDArray[np.float32]:
    """One column as float32; ``numbers`` are the file's row numbers, for the message about a cell that is none."""
    try:
        exact = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        exact = np.full(len(cells), np.nan)
    with np.errstate(over="ignore"):  # becomes infinite, and is refused
        found = exact.astype(np.float32)
    if not np.isfinite(found).all() or "_" in "".join(cells):
        for cell, number in zip(cells, numbers, strict=True):
            value = _number(cell)
            if value is None or not abs(value) <= _LARGEST:
                raise _not_a_number(cell.strip(), number, column, where)
    return found


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
