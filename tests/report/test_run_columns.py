"""The one list of columns, and that a described field needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from qexplorer.core.results import Accuracy, Memory, Run, Status, described
from qexplorer.report.run_columns import COLUMNS, described_columns


@dataclass(frozen=True, slots=True)
class _Memory(Memory):
    pages: int | None = field(default=None, metadata=described("pages", "Pages that were touched", "{:,} pages"))


@dataclass(frozen=True, slots=True)
class _Run(Run):
    warm_s: float | None = field(
        default=None, metadata=described("warm", "Seconds to warm up", "{:.1f} s", brief=False)
    )
    ram: _Memory | None = None


def test_a_described_field_is_a_column() -> None:
    """Of a run or of a part of it: heading, help, text with unit, number; an empty cell and None without a value."""
    found = {column.title: column for column in described_columns(_Run)}
    assert set(found) == {"warm", "pages"}
    there = _Run("w8a8", "0", "b", Status.OK, warm_s=1.25, ram=_Memory(None, pages=12_345))
    empty = _Run("w8a8", "0", "b", Status.OK)
    warm, pages = found["warm"], found["pages"]
    assert (warm.help, warm.brief) == ("Seconds to warm up", None)
    assert warm.cell is not None
    assert pages.brief is not None
    assert (warm.cell(there), pages.brief(there)) == ("1.2 s", "12,345 pages")
    assert (warm.values[0].name, warm.values[0].read(there), pages.values[0].read(there)) == ("warm_s", 1.25, 12_345)
    assert (warm.cell(empty), pages.values[0].read(empty)) == ("–", None)  # noqa: RUF001 - the dash of an empty cell


@dataclass(frozen=True, slots=True)
class _Accuracy(Accuracy):
    ties: int | None = field(default=None, metadata=described("ties", "Answers that were a draw"))


@dataclass(frozen=True, slots=True)
class _Judged(Run):
    accuracy: _Accuracy | None = None
    metrics: tuple[_Accuracy, ...] = ()
    by_batch: dict[int, _Accuracy] = field(default_factory=dict)


def test_a_part_that_a_run_has_several_of_is_a_column_where_it_stands_alone() -> None:
    """A described field of a metric is read from the primary one, whatever further metrics and mappings there are."""
    (ties,) = (column for column in described_columns(_Judged) if column.title == "ties")
    one, two = _Accuracy("accuracy", 0.5, ties=3), _Accuracy("top5_accuracy", 0.9, ties=7)
    run = _Judged("w8a8", "0", "b", Status.OK, accuracy=one, metrics=(two,), by_batch={1: two})
    assert ties.cell is not None
    assert (ties.cell(run), ties.values[0].read(run)) == ("3", 3)


def test_no_heading_and_no_name_occurs_twice() -> None:
    """Headings of the app, headings of the terminal, and names in the CSV are each different from another."""
    names = [value.name for column in COLUMNS for value in column.values]
    app = [column.title for column in COLUMNS if column.cell]
    brief = [column.brief_title or column.title for column in COLUMNS if column.brief]
    for each in (names, app, brief):
        assert len(set(each)) == len(each)


def test_every_column_is_shown_somewhere() -> None:
    """A column has a cell, a short text, or numbers."""
    assert all(column.cell or column.brief or column.values for column in COLUMNS)
