"""The documentation covers what is registered, and says of it what the program says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from qexplorer.core.formats import FORMATS, Format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.recipe import Recipe
from qexplorer.core.short_names import examples

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md")) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]


def named_in(folder: str) -> list[str]:
    """Names in the headings of a folder's pages, such as ``# int8, uint8``."""
    headings = [path.read_text(encoding="utf-8").splitlines()[0] for path in sorted((DOCS / folder).glob("*.md"))]
    return [name.strip() for heading in headings for name in heading.removeprefix("# ").split(",")]


def test_every_number_format_has_one_page() -> None:
    """The headings of docs/formats name every registered format once, and nothing else."""
    assert sorted(named_in("formats")) == sorted(FORMATS.names())


def test_every_backend_has_one_page() -> None:
    """The headings of docs/backends name every registered backend once, and nothing else."""
    from qexplorer.run.registry import BACKENDS

    assert sorted(named_in("backends")) == sorted(BACKENDS.names())


def test_every_calibrator_has_one_page() -> None:
    """The headings of docs/calibrators name every registered calibrator once, and nothing else."""
    from qexplorer.core.plugins import CALIBRATORS

    assert sorted(named_in("calibrators")) == sorted(CALIBRATORS.names())


def test_every_algorithm_has_one_page() -> None:
    """Each registered algorithm has the page of its name, with its source; the index leads there, and to no other."""
    from qexplorer.core.plugins import ALGORITHMS

    assert sorted(named_in("algorithms")) == sorted(ALGORITHMS.names())
    listed = re.findall(r"\(algorithms/(\w+)\.md\)", (DOCS / "index.md").read_text())
    assert sorted(listed) == sorted(ALGORITHMS.names())
    for algorithm in ALGORITHMS:
        assert f"Source: {algorithm.source}" in (DOCS / "algorithms" / f"{algorithm.name}.md").read_text()
        for option in algorithm.options.model_fields:
            assert f"| `{option}` |" in (DOCS / "algorithms" / f"{algorithm.name}.md").read_text()


def test_every_metric_has_one_page() -> None:
    """The headings of docs/metrics name every registered metric once, and nothing else."""
    from qexplorer.core.plugins import METRICS

    assert sorted(named_in("metrics")) == sorted(METRICS.names())


def test_every_task_has_one_section_with_its_labels_and_metrics() -> None:
    """docs/tasks.md has a section for each registered task: what it takes, and its metrics, the primary one first."""
    from qexplorer.core.plugins import TASKS

    sections = (DOCS / "tasks.md").read_text(encoding="utf-8").split("\n## ")[1:]
    texts = dict(section.split("\n", 1) for section in sections)
    assert list(texts) == list(TASKS.names())
    for task in TASKS:
        assert f"Takes {task.takes}." in texts[task.name].replace("\n", " ")
        assert re.findall(r"^- \[`(\w+)`\]", texts[task.name], re.M) == list(task.metrics)


def test_a_calibrator_page_names_the_registered_source() -> None:
    """Paper and section are those that the program gives."""
    from qexplorer.core.plugins import CALIBRATORS

    for calibrator in CALIBRATORS:
        assert f"Source: {calibrator.source}" in (DOCS / "calibrators" / f"{calibrator.name}.md").read_text()


@pytest.mark.parametrize("format", list(FORMATS), ids=FORMATS.names())
def test_a_format_page_states_the_registered_facts(format: Format) -> None:
    """Bits, codes, symmetric range and carrier in a page's table are those of the registry."""
    text = "\n".join(page.read_text() for page in (DOCS / "formats").glob("*.md"))
    rows = re.findall(rf"^\| {format.name} \|.*$", text, re.M)
    assert len(rows) == 1
    _, bits, codes, symmetric, carrier = (cell.strip() for cell in rows[0].strip("|").split("|"))
    assert (int(bits), carrier) == (format.bits, format.carrier)
    if isinstance(format, UniformFormat):
        low, high = format.symmetric_range
        assert codes == f"{format.qmin} to {format.qmax}"
        assert symmetric.startswith(f"{low} to {high}, ")


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there."""
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_short_names_in_the_documentation_decode() -> None:
    """The table of recipes names the examples of the program."""
    text = (DOCS / "recipes.md").read_text()
    for name in examples():
        assert f"`{name}`" in text
        Recipe.parse(name)


def test_the_yaml_in_the_documentation_is_a_recipe() -> None:
    """The example can be read, and its rules are two."""
    block = (DOCS / "recipes.md").read_text().split("## YAML")[1]
    lines = [line[4:] for line in block.splitlines() if line.startswith("    ")]
    recipe = Recipe.parse("\n".join(lines))
    assert recipe.name == "mine"
    assert [rule.match for rule in recipe.layers] == ["op:Conv", "classifier*"]


def test_every_command_is_documented() -> None:
    """Each command of the parser has a row in the table, and every row is a command."""
    from qexplorer.cli.parser import build_parser

    usage = build_parser().format_help()
    verbs = re.findall(r"^    (\w+)  ", usage, re.M)
    rows = re.findall(r"^\| `qexplorer (\w+)", (DOCS / "command_line.md").read_text(), re.M)
    assert verbs == rows


def test_constraints_pin_every_dependency() -> None:
    """Each package that pyproject.toml asks for has one exact version, at or above the lower bound."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line and line[0] != "#"]
    pinned = dict(line.split("==") for line in lines)
    for text in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(text)
        assert Version(pinned[wanted.name.lower()]) in wanted.specifier, text


def test_the_version_is_one() -> None:
    """pyproject.toml, the package and the change log speak of the same version."""
    from qexplorer import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_no_page_names_a_place_on_one_machine() -> None:
    """Pages hold no absolute path of a developer's machine."""
    for page in PAGES:
        assert not re.search(r"(?<![\w.~])/(?:home|tmp|work|root|Users)/", page.read_text()), page.name
