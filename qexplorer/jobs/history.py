"""The record of finished comparisons: one SQLite file in the workspace, safe for several processes at once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qexplorer.core.disk.private import create_private
from qexplorer.core.disk.room import disk_error
from qexplorer.core.errors import InputError, UnknownName
from qexplorer.core.recipe import Recipe
from qexplorer.core.speed import Change, Speedup
from qexplorer.core.workspace import workspace
from qexplorer.jobs.coding import encode
from qexplorer.jobs.compare_order import CompareOrder, compare_order_from

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Comparison

__all__ = ["FILE", "History", "Record", "RunLine"]

FILE = "runs.sqlite"
BUSY_S = 10.0

# Each step takes the schema from its place in this list to the next; ``PRAGMA user_version`` counts the steps taken.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE comparisons (id TEXT PRIMARY KEY, created TEXT NOT NULL, model TEXT NOT NULL, data TEXT NOT NULL,"
        " lines TEXT NOT NULL, job TEXT NOT NULL, body TEXT NOT NULL)",
        "CREATE INDEX comparisons_by_time ON comparisons (created)",
    ),
    (
        "ALTER TABLE comparisons ADD COLUMN sha256 TEXT NOT NULL DEFAULT ''",
        "UPDATE comparisons SET sha256 = coalesce(json_extract(body, '$.model.sha256'), '') WHERE json_valid(body)",
    ),
)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in the list of records: enough to recognize it by.

    ``accuracy`` is the value of its primary metric, written by ``unit`` and ``form`` (see ``core.results``).
    ``speedup`` is there where a difference in speed was seen. ``digest``
    is that of the run and ``asked`` that of its recipe; both are empty in records that did not keep them.
    """

    recipe: str
    backend: str
    status: str
    accuracy: float | None
    speedup: float | None
    unit: str = "%"
    form: str = ".1f"
    digest: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One comparison in the list.

    Attributes:
        id: its name.
        created: when it was finished, ISO 8601, UTC.
        model: the model's name.
        sha256: of the model; empty if its record did not keep it.
        data: the data set's name.
        lines: its runs.
        order: of the job that made it, to make it again; None if it was not made by a job, or cannot be read any more.
    """

    id: str
    created: str
    model: str
    data: str
    lines: tuple[RunLine, ...]
    order: CompareOrder | None
    sha256: str = ""

    @property
    def recipes(self) -> tuple[RunLine, ...]:
        """A line for each recipe compared, without float: that of the first backend."""
        found: dict[str, RunLine] = {}
        for line in self.lines:
            if line.recipe != "float":
                found.setdefault(line.digest or line.recipe, line)
        return tuple(found.values())

    def line_of(self, recipe: Recipe, backend: str) -> RunLine | None:
        """The run that did what ``recipe`` asks for on ``backend``, whatever it was called; None if there is none."""
        for line in self.lines:
            if line.backend == backend and line.asked == recipe.digest:
                return line
        return None


class History:
    """The comparisons kept in this workspace."""

    def __init__(self) -> None:
        self.path = workspace() / FILE

    def add(self, comparison: Comparison, order: CompareOrder | None = None) -> None:
        """Keeps a comparison; one with the same id is replaced.

        Args:
            comparison: what was found.
            order: of the job that made it.
        """
        body = comparison.to_json()
        asked = {digest: Recipe.parse(text).digest for digest, text in comparison.recipes.items()}
        lines = [_line(run, asked.get(run["digest"], "")) for run in body["runs"]]
        row = (
            comparison.id,
            comparison.created,
            str(comparison.model.get("name", "")),
            str(comparison.data.get("name", "")),
            json.dumps(lines),
            json.dumps(None if order is None else encode(CompareOrder, order)),
            json.dumps(body, default=str),
            str(comparison.model.get("sha256", "")),
        )
        with self._open() as base:
            base.execute("INSERT OR REPLACE INTO comparisons VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def list(self, sha256: str | None = None) -> list[Record]:
        """The comparisons, newest first; those of the model with this digest, if it is given."""
        where, values = ("WHERE sha256 = ?", (sha256,)) if sha256 is not None else ("", ())
        columns, order = "id, created, model, data, lines, job, sha256", "created DESC, rowid DESC"
        query = f"SELECT {columns} FROM comparisons {where} ORDER BY {order}"  # noqa: S608 - built of constants
        with self._open(writes=False) as base:
            rows = base.execute(query, values).fetchall()
        return [_record(*row) for row in rows]

    def holds(self, comparison_id: str) -> bool:
        """Whether the comparison is kept."""
        with self._open(writes=False) as base:
            found = base.execute("SELECT 1 FROM comparisons WHERE id = ?", (comparison_id,)).fetchone()
        return found is not None

    def get(self, comparison_id: str) -> Comparison:
        """The whole comparison. Raises UnknownName if it is not kept (any more)."""
        from qexplorer.measure.comparison import Comparison

        with self._open(writes=False) as base:
            row = base.execute("SELECT body FROM comparisons WHERE id = ?", (comparison_id,)).fetchone()
        if row is None:
            raise UnknownName(f"there is no kept comparison '{comparison_id}'", do="run it again")
        return Comparison.from_json(json.loads(row[0]))

    def delete(self, comparison_id: str) -> None:
        """Forgets a comparison; no error if it is not there."""
        with self._open() as base:
            base.execute("DELETE FROM comparisons WHERE id = ?", (comparison_id,))

    @contextlib.contextmanager
    def _open(self, *, writes: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction on the file, its schema brought up to date first; readers do not wait for each other."""
        try:
            create_private(self.path)  # its journal and its index get the same permissions
            with contextlib.closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as base:
                base.execute("PRAGMA journal_mode = WAL")
                _migrate(base, str(self.path))
                base.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                yield base
                base.execute("COMMIT")
        except (sqlite3.DatabaseError, OSError) as error:
            told = disk_error(error, self.path) if isinstance(error, OSError) else None
            do = "move the file away to start a new record, or free the disk if it is full"
            other = InputError(f"the record of runs cannot be used ({error})", where=str(self.path), do=do)
            raise told or other from None


def _migrate(base: sqlite3.Connection, where: str) -> None:
    """Takes the steps that this file has not taken yet; two processes cannot take one at the same time."""
    if _version(base) == len(MIGRATIONS):
        return
    base.execute("BEGIN IMMEDIATE")
    version = _version(base)  # another process may have been first
    if version > len(MIGRATIONS):
        base.execute("ROLLBACK")
        raise InputError("the record of runs is of a newer qexplorer", where=where, do="update qexplorer")
    for steps in MIGRATIONS[version:]:
        for statement in steps:
            base.execute(statement)
    base.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    base.execute("COMMIT")


def _version(base: sqlite3.Connection) -> int:
    return int(base.execute("PRAGMA user_version").fetchone()[0])


@lru_cache(maxsize=1024)
def _record(comparison_id: str, created: str, model: str, data: str, lines: str, job: str, sha256: str) -> Record:
    """The record in a row; a page asks for the whole list several times each time it is drawn."""
    order = compare_order_from(json.loads(job))
    named = {} if order is None else {recipe.name: recipe.digest for recipe in order.recipes}
    runs = [RunLine(**line) for line in json.loads(lines)]
    known = tuple(replace(run, asked=run.asked or named.get(run.recipe, "")) for run in runs)  # an order's names differ
    return Record(comparison_id, created, model, data, known, order, sha256)


def _line(run: dict[str, Any], asked: str) -> dict[str, Any]:
    took, judged = run.get("latency_ms") or {}, run.get("accuracy") or {}
    speed = Speedup(took.get("speedup"), took.get("speedup_ci95"))
    return {
        "recipe": run["recipe"],
        "backend": run["backend"],
        "status": str(run["status"]),
        "accuracy": judged.get("value"),
        **{key: judged[key] for key in ("unit", "form") if key in judged},
        "speedup": None if speed.change is Change.NONE else speed.shown,  # as the verdict says it
        "digest": run["digest"],
        "asked": asked,
    }
