"""What keeps the house one in which things are found: no circles, no name twice, no crowded file or folder."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qexplorer"
CODE = ("qexplorer", "tests", "benchmarks", "pages", "sample_models", "examples")
MOST_LINES, MOST_MODULES = 350, 16
_QUOTED = re.compile(r"``(?:[\w/]+/)?(\w+\.py)``")


def _files() -> list[Path]:
    """Every Python file of the repository."""
    return [*ROOT.glob("*.py"), *(path for folder in CODE for path in (ROOT / folder).rglob("*.py"))]


def _modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; a package stands for its ``__init__``."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in _modules().items()}


def _imported(tree: ast.AST, names: Iterable[str]) -> Iterator[str]:
    """Those of ``names`` that are imported anywhere in ``tree``, in functions too, but not for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imported(ast.Module(node.orelse, []), names)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            whole = str(node.module)
            parts = (f"{whole}.{alias.name}" for alias in node.names)
            yield from (name for part in parts if (name := part if part in names else whole) in names)
        yield from _imported(node, names)


def _circles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or not (Tarjan 1972: strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        path.append(name)
        for other in imports[name]:
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in path:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            at = path.index(name)
            group, path[at:] = path[at:], []
            if len(group) > 1:
                found.append(sorted(group))

    for name in imports:
        if name not in order:
            visit(name)
    return sorted(found)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("import a.b", ["a.b"]),
        ("from a import b", ["a.b"]),
        ("from a import thing", ["a"]),
        ("def f():\n    from a.b import thing", ["a.b"]),
        ("if TYPE_CHECKING:\n    import a.b\nelse:\n    import a", ["a"]),
        ("if typing.TYPE_CHECKING:\n    import a.b", []),
        ("run('a.b:f')", []),
    ],
)
def test_imports_are_read_as_python_runs_them(text: str, wanted: list[str]) -> None:
    """Modules and names of modules are imports, in functions too; what type checkers alone see and texts are not."""
    assert list(_imported(ast.parse(text), {"a", "a.b"})) == wanted


def test_circles_are_found() -> None:
    """Of two circles that share no module both are found, and what only leads to them is left out."""
    imports = {"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": [], "e": ["f"], "f": ["g", "d"], "g": ["e"]}
    assert _circles(imports) == [["b", "c"], ["e", "f", "g"]]


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports go one way between single modules as well, those inside functions included."""
    trees = _trees()
    imports = {name: sorted({*_imported(tree, trees.keys())} - {name}) for name, tree in trees.items()}
    assert sum(map(len, imports.values())) > 1000
    assert _circles(imports) == []


def test_no_two_modules_define_a_class_of_one_name() -> None:
    """A class's name tells which one it is, without the name of its module."""
    classes = [node.name for tree in _trees().values() for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(classes) > 200
    assert [name for name, times in Counter(classes).items() if times > 1] == []


def test_modules_that_docstrings_name_are_there() -> None:
    """A file that a docstring or a comment of the package names in quotes is in the repository."""
    known = {path.name for path in _files()}
    texts = {name: path.read_text(encoding="utf-8") for name, path in _modules().items()}
    named = {(name, found) for name, text in texts.items() for found in _QUOTED.findall(text)}
    assert len(named) > 5
    assert sorted((name, found) for name, found in named if found not in known) == []


def test_no_file_is_longer_than_one_idea_needs() -> None:
    """No Python file has more than 350 lines."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in _files()}
    assert len(lines) > 500
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_folder_is_crowded() -> None:
    """No folder has more than 16 modules side by side, its ``__init__`` not counted."""
    counts = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    assert len(counts) > 40
    crowded = {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > MOST_MODULES}
    assert crowded == {}


def test_one_place_makes_folders_for_a_while() -> None:
    """Elsewhere than below the workspace, or without its owner's name, what a killed process leaves would stay for
    ever."""
    makers = [str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py") if "TemporaryDirectory(" in p.read_text()]
    assert makers == ["core/disk/passing.py"]
