"""Names that try to be more than text, outside the app: in a terminal, a notebook, saved files and pictures."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from qexplorer.cli import main
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.measure.comparison import Comparison
from qexplorer.report.chart_files.saved_charts import chart_csv, chart_png, chart_svg
from qexplorer.report.comparison_charts.bars import bars_spec, cost_info
from qexplorer.report.comparison_charts.tradeoff import trade_info, trade_spec
from qexplorer.report.export import comparison_csv, comparison_json
from qexplorer.report.layer_charts.ladder import ladder_csv, layer_spec, rung_spec, sqnr_spec
from qexplorer.report.layer_charts.layers import layer_chart_info, layer_chart_spec
from qexplorer.report.layer_charts.saturation import saturation_csv
from qexplorer.report.notebook import comparison_html, data_html, model_html, recipe_html, run_html
from qexplorer.report.present.cards import presentation
from qexplorer.report.present.page import page
from qexplorer.report.table import ComparisonTable
from tests.hostile.hostile_names import EVIL, hostile_data, hostile_model, poisoned
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.report.ladders import ladder, report

KEPT = frozenset(("id", "created", "digest", "sha256", "backend", "form", "yaml", "recipe", "recipes", "predictions"))
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def found() -> Comparison:
    """A comparison with such names and such texts in all that was found out."""
    facts = {"name": EVIL, "sha256": "0" * 64}
    about = {"name": EVIL, "digest": "d", "n_judged": 10, "classes": [EVIL, f"{EVIL}2"], "notes": [EVIL]}
    run = quantized_run(EVIL)
    recipes = {run.digest: f"name: {json.dumps(EVIL)}\nweights: {{format: int8}}\n"}
    return poisoned(replace(comparison(float_run(), run), model=facts, data=about, recipes=recipes), KEPT)


def obeyed(html: str) -> list[str]:
    """Tags and attributes that came of a name."""
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.extend(f"{tag} {name}" for name, value in attrs if name == "onerror" or "evil" in (value or ""))
            seen.extend([tag] if tag in ("img", "script", "a") else [])

    Reader().feed(html)
    assert "evil" in html
    return seen + [c for c in html if not c.isprintable() and c != "\n"]


@pytest.mark.parametrize("command", [["inspect"], ["quantize", "--recipe", "{recipe}", "--out", "{out}"]])
def test_a_terminal_reads_names(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line is printable, and there are as many as there are things to say."""
    (tmp_path / "r.yaml").write_text(f"name: {json.dumps(EVIL)}\nweights: {{format: int8}}\n")
    place = {"recipe": str(tmp_path / "r.yaml"), "out": str(tmp_path / "out.onnx")}
    model = hostile_model(tmp_path / "net.onnx")
    assert main([command[0], str(model), *(part.format(**place) for part in command[1:])]) == 0
    said = capsys.readouterr()
    assert "evil" in said.out
    lines = said.out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(lines) < 30


@pytest.mark.parametrize("command", [["inspect", "{}.onnx"], ["quantize", "digits_cnn", "--recipe", "{}"], ["{}"]])
def test_an_error_is_one_short_printable_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever stands in the name of a file, in a recipe or in a command."""
    assert main([part.format(EVIL + "x" * 1_000_000) for part in command]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.strip().isprintable()
    assert len(said) < 3000


def test_a_notebook_reads_names(tmp_path: Path) -> None:
    """Model, data, recipe, run and comparison as they show themselves."""
    whole = found()
    recipe = Recipe.parse(f"name: {json.dumps(EVIL)}\nweights: {{format: int8}}\n")
    model, data = load_model(hostile_model(tmp_path / "net.onnx")), load_data(hostile_data(tmp_path / "evil.npz"))
    assert obeyed(model_html(model)) == []
    assert obeyed(data_html(data)) == []
    assert obeyed(recipe_html(recipe)) == []
    assert obeyed(run_html(whole.runs[1])) == []
    assert obeyed(comparison_html(ComparisonTable(whole))) == []


def test_the_saved_page_reads_names() -> None:
    """The cards of Present, which open in a browser from wherever they were sent to."""
    whole = found()
    assert obeyed(page(presentation(whole, whole.runs[1:]))) == []


def specs() -> dict[str, dict[str, Any]]:
    """Charts whose names are such."""
    whole, climbed = found(), poisoned(ladder(), KEPT)
    return {
        "bars": bars_spec(cost_info(whole, "weight_bytes")),
        "trade-off": trade_spec(trade_info(whole, "weight_bytes")),
        "layers": layer_spec(climbed, EVIL),
        "rungs": rung_spec(climbed, EVIL),
        "sqnr": sqnr_spec(climbed, EVIL),
    }


@pytest.mark.parametrize("name", specs())
def test_saved_charts_read_names(name: str) -> None:
    """An SVG is whole, fetches nothing and runs nothing; a PNG can be drawn; no cell of the CSV is a formula."""
    spec = specs()[name]
    tree = ElementTree.fromstring(chart_svg(spec))  # noqa: S314 - our own
    assert "evil" in ElementTree.tostring(tree, "unicode")
    tags = {element.tag.rsplit("}", 1)[-1] for element in tree.iter()}
    assert not tags & {"image", "script", "a", "foreignObject", "style"}
    assert not [key for element in tree.iter() for key in element.attrib if "href" in key or key.startswith("on")]
    assert chart_png(spec).startswith(b"\x89PNG")
    check_cells(chart_csv(spec))


def test_a_chart_of_a_models_layers_reads_names(tmp_path: Path) -> None:
    """Names from a file that was really loaded."""
    spec = layer_chart_spec(layer_chart_info(load_model(hostile_model(tmp_path / "net.onnx")), "parameters"))
    ElementTree.fromstring(chart_svg(spec))  # noqa: S314
    check_cells(chart_csv(spec))


def test_tables_hold_no_formula() -> None:
    """Results, ladder and saturation as CSV; JSON holds names as they are."""
    check_cells(comparison_csv(found()))
    check_cells(ladder_csv(poisoned(ladder(), KEPT)))
    check_cells(saturation_csv(poisoned(report(), KEPT)))
    assert json.loads(comparison_json(found()))["model"]["name"] == found().model["name"]


def check_cells(text: str) -> None:
    """No cell that is no number begins as a formula does, and no row is broken by a name."""
    rows = list(csv.reader(io.StringIO(text)))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert text.count("\n") == len(rows)
    for cell in (cell for row in rows for cell in row if cell.lstrip().startswith(FORMULA)):
        float(cell)
