"""The page on the executor says what the executor has."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import onnx.defs

import qexplorer.torchgraph.operators  # noqa: F401  (registers the operators)
from qexplorer.torchgraph.registry import Entry, entries

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "torchgraph.md").read_text(encoding="utf-8")


def default_entries() -> list[Entry]:
    """Entries of the default operator set."""
    return [entry for entry in entries() if not entry.domain]


def test_every_operator_stands_on_the_page_with_its_versions() -> None:
    """The table has one row per file, and names every operator with the first version of each meaning."""
    files: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for entry in default_entries():
        until = f" to {entry.until}" if entry.until else ""
        version = f"{entry.since}{until}"
        files[entry.kernel.__module__.split(".")[-1]].setdefault(entry.op, []).append(version)
    for file, operators in files.items():
        names = ", ".join(f"`{op}` {', '.join(versions)}" for op, versions in operators.items())
        assert f"| `{file}` | {names} |" in PAGE


def test_versions_are_those_that_onnx_has() -> None:
    """Every kernel starts at a version at which ONNX defined or changed that operator."""
    versions = defaultdict(set)
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.domain:
            versions[schema.name].add(schema.since_version)
    assert {(entry.op, entry.since) for entry in default_entries() if entry.since not in versions[entry.op]} == set()


def test_there_are_more_than_80_operators() -> None:
    """The executor has the breadth that it was asked for."""
    assert len({entry.op for entry in default_entries()}) > 80
