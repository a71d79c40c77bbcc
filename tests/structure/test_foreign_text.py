"""Text that strangers wrote is parsed in one place, within limits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qexplorer"

READERS = {
    *("yaml.load", "yaml.load_all", "yaml.safe_load", "yaml.safe_load_all", "yaml.full_load", "yaml.unsafe_load"),
    *("yaml.compose", "yaml.compose_all", "yaml.parse", "yaml.scan"),
    *("json.load", "json.loads", "ast.literal_eval", "ast.parse", "tomllib.load", "tomllib.loads", "csv.reader"),
    *("csv.DictReader", "ElementTree.parse", "ElementTree.fromstring", "pickle.load", "pickle.loads", "eval", "exec"),
}
METHODS = ("model_validate_json", "validate_json")

OWN_TEXT = {
    "core/foreign/texts.py": "the place",
    "core/disk/limit.py": "the workspace's settings, written on page System",
    "core/disk/marks.py": "the workspace's marks of running work",
    "load/handing.py": "written into the workspace for a task",
    "load/readers/csv.py": "a stranger's table, in the child with limits that reads data",
    "load/datasets/untrusted.py": "written by that child, in the workspace",
    "load/samples/manifest.py": "comes with the program",
    "load/store.py": "written by loading, in the workspace",
    "jobs/processes/guard.py": "lines of its own child",
    "process/child.py": "the order of the parent",
    "process/parent.py": "lines of its own child",
    "jobs/events.py": "lines of a job",
    "jobs/history.py": "columns of the record of runs",
    "jobs/live.py": "lines of a job",
    "jobs/records.py": "files of a job",
    "measure/compare.py": "a value of this process as plain data",
    "measure/fidelity/simulation.py": "kept in the workspace",
    "measure/judged_before.py": "kept in the workspace",
    "measure/kept.py": "kept in the workspace",
    "measure/live/stream_child.py": "what the page asks of its stream",
    "measure/why/explain.py": "kept in the workspace",
    "observe/collecting/magnitudes.py": "kept in the workspace",
    "observe/collecting/store.py": "kept in the workspace",
    "process/places/line.py": "files in the line for the machine, which this person alone can write",
    "scheduling/child.py": "the order of the parent",
    "scheduling/chosen.py": "the workspace's settings, written on page System",
    "scheduling/on_worker.py": "a task of whoever owns the cluster",
    "scheduling/known.py": "kept in the workspace",
    "quantize/changes/kept.py": "kept in the workspace",
    "quantize/constants.py": "the key of a cache",
    "quantize/training/diaries/diary.py": "kept in the workspace",
    "quantize/findings.py": "kept in the workspace",
    "run/litert/cache.py": "kept in the workspace",
    "run/onnxruntime/profile.py": "written by ONNX Runtime in a child with limits",
    "run/tensorrt/layers.py": "told by TensorRT in a child with limits",
    "run/torch_inductor/compiling.py": "kept in the workspace",
    "ui/page_list.py": "the pages of the program",
    "ui/session.py": "files of sessions in the workspace, and keys of caches",
}
"""Every other module that parses such forms: whose text it is. A stranger's goes through ``core.foreign.texts``."""


def _readers(tree: ast.Module) -> Iterator[str]:
    """What in a module reads text as values, also under another name and where it is only handed on."""
    called = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            called |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            called |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            head, _, rest = ast.unparse(node).partition(".")
            name = ".".join(part for part in (called.get(head, head), rest) if part)
            if any(
                name == reader or (name.endswith(f".{reader}") and "." in reader) for reader in READERS
            ) or rest.endswith(METHODS):
                yield name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import json\njson.loads(x)", ["json.loads"]),
        ("import yaml as y\nread = y.safe_load", ["yaml.safe_load"]),
        ("from json import loads as read\nread(x)", ["json.loads"]),
        ("Thing.model_validate_json(x)", ["Thing.model_validate_json"]),
        ("import json\njson.dumps(x)", []),
        ("eval(x)", ["eval"]),
        ("model.eval()", []),
    ],
)
def test_readers_are_found(text: str, found: list[str]) -> None:
    """By whatever name they are called."""
    assert list(_readers(ast.parse(text))) == found


def test_no_other_module_parses_what_a_stranger_may_have_written() -> None:
    """Readers of YAML, JSON, tables and Python stand in modules that are listed here with whose text it is."""
    paths = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    found = {name for name, path in paths.items() if any(_readers(ast.parse(path.read_text(encoding="utf-8"))))}
    assert len(found) > 15
    assert found - set(OWN_TEXT) == set(), "read it by core.foreign.texts, or say whose text it is in OWN_TEXT"
    assert set(OWN_TEXT) - set(paths) == set(), "these are gone"
