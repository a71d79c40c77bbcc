"""What is told of a report, whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qexplorer.core.foreign.media import in_terminal
from qexplorer.core.words.columns import fact_lines, table_lines

__all__ = ["ReportTable", "ReportText"]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One table.

    Attributes:
        header: of its columns.
        rows: of as many cells each.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class ReportText:
    """A report in short.

    Attributes:
        facts: names and values; what is None is left out.
        tables: below.
        notes: a line each, at the end.
    """

    facts: Mapping[str, object]
    tables: tuple[ReportTable, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it, aligned for letters of one width."""
        parts = [fact_lines(self.facts), *(table_lines(each.header, each.rows) for each in self.tables)]
        parts.append([in_terminal(note) for note in self.notes])
        return "\n\n".join("\n".join(lines) for lines in parts if lines)
