"""The record of comparisons: kept whole, listed newest first, safe for two processes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from qexplorer.core.errors import InputError, UnknownName
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.jobs import history
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.references import ModelRef
from qexplorer.report.metric_words import stated
from tests.jobs.orders import DATA, MODEL
from tests.report.comparisons import comparison, float_run, quantized_run

ORDER = CompareOrder(model=MODEL, data=DATA, recipes=("w8a8",))


def test_what_is_added_comes_back_whole() -> None:
    """A comparison from the record equals the one that was added."""
    given = comparison(float_run(), quantized_run())
    History().add(given)
    assert History().get(given.id) == given


def test_the_list_is_newest_first_and_by_model() -> None:
    """The list has the newest first, with recipes and accuracies to recognize them by; a name is not a model."""
    History().add(comparison(comparison_id="old", created="2026-01-01T00:00:00+00:00"))
    History().add(comparison(comparison_id="new", created="2026-01-03T00:00:00+00:00"), order=ORDER)
    History().add(comparison(comparison_id="other", model={"name": "net", "sha256": "1" * 64}))
    assert [r.id for r in History().list()] == ["new", "other", "old"]
    assert [r.id for r in History().list("0" * 64)] == ["new", "old"]
    newest = History().list()[0]
    assert [line.recipe for line in newest.recipes] == ["w8a8"]
    assert [(line.recipe, line.accuracy, line.speedup) for line in newest.lines] == [
        ("float", 0.99, None),
        ("w8a8", 0.98, 2.0),
    ]
    assert newest.order == ORDER


def test_reading_waits_for_nobody() -> None:
    """While another process writes, the list and a look for one comparison come from what was there before."""
    History().add(comparison(comparison_id="old"))
    with History()._open() as base:
        base.execute("DELETE FROM comparisons")
        assert [record.id for record in History().list()] == ["old"]
        assert History().holds("old")
    assert not History().holds("old")


def test_a_record_that_was_read_is_given_again() -> None:
    """The list asked for twice holds the same records, and a changed one is read anew."""
    History().add(comparison(comparison_id="one"), order=ORDER)
    first = History().list()[0]
    assert History().list()[0] is first
    History().add(comparison(float_run(), comparison_id="one"), order=ORDER)
    assert [line.recipe for line in History().list()[0].lines] == ["float"]


def test_a_speed_up_that_says_nothing_is_not_listed() -> None:
    """The list gives no speed-up whose interval holds much slower and much faster alike."""
    took = replace(quantized_run().latency_ms, speedup_ci95=(0.5, 4.0))
    History().add(comparison(float_run(), quantized_run(latency_ms=took)))
    assert History().list()[0].lines[1].speedup is None


def test_a_difference_in_speed_that_was_not_seen_is_not_listed() -> None:
    """Where the verdict sees no difference in speed, the list gives no ratio either."""
    took = replace(quantized_run().latency_ms, speedup=0.73, speedup_ci95=(0.47, 1.07))
    History().add(comparison(float_run(), quantized_run(latency_ms=took)))
    assert History().list()[0].lines[1].speedup is None


def test_delete() -> None:
    """What is deleted is gone, the rest stays, and deleting it again is no error."""
    for name in ("a", "b"):
        History().add(comparison(comparison_id=name))
    History().delete("a")
    History().delete("a")
    assert [r.id for r in History().list()] == ["b"]
    with pytest.raises(UnknownName, match="no kept comparison 'a'"):
        History().get("a")


def test_the_same_id_replaces() -> None:
    """Adding a comparison again does not double it."""
    for _ in range(2):
        History().add(comparison())
    assert len(History().list()) == 1


def test_two_processes_at_once() -> None:
    """Two processes that create the file and add to it at once lose nothing."""
    code = """
import sys
from qexplorer.jobs.history import History
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.references import ModelRef
from tests.jobs.orders import DATA, MODEL
from tests.report.comparisons import comparison
for i in range(15):
    History().add(comparison(comparison_id=f"{sys.argv[1]}{i}"))
"""
    children = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    assert {r.id for r in History().list()} == {f"{name}{i}" for name in "ab" for i in range(15)}


def test_an_older_file_is_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of an older schema takes the new steps and keeps its rows."""
    History().add(comparison())
    steps = (*history.MIGRATIONS, ("ALTER TABLE comparisons ADD COLUMN remark TEXT",))
    monkeypatch.setattr(history, "MIGRATIONS", steps)
    assert [r.id for r in History().list()] == ["c1"]
    with sqlite3.connect(History().path) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (len(steps),)
        assert "remark" in [row[1] for row in base.execute("PRAGMA table_info(comparisons)")]


def test_a_file_of_the_first_schema_learns_what_it_did_not_keep() -> None:
    """Its rows get the model's digest from the comparison itself, and what each run was asked from the order."""
    kept, path = comparison(), History().path
    line = {"recipe": "w8a8", "backend": "onnxruntime", "status": "ok", "accuracy": 0.98, "speedup": None}
    order = ORDER.model_dump(mode="json")
    row = (kept.id, kept.created, "net", "points", json.dumps([line]), json.dumps(order), json.dumps(kept.to_json()))
    with sqlite3.connect(path) as base:
        for statement in history.MIGRATIONS[0]:
            base.execute(statement)
        base.execute("INSERT INTO comparisons VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        base.execute("PRAGMA user_version = 1")
    (record,) = History().list("0" * 64)
    found = record.line_of(Recipe.parse("w8a8").model_copy(update={"name": "renamed"}), "onnxruntime")
    assert found == record.lines[0]
    assert record.line_of(Recipe.parse("w4a8"), "onnxruntime") is None
    assert record.line_of(Recipe.parse("w8a8"), "openvino") is None


def test_a_line_says_what_is_known_of_a_run() -> None:
    """A run that failed has no numbers, a metric brings its unit and form, a recipe is found by what it asks."""
    judged = replace(stated("rmse", 0.25, 100))
    failed = quantized_run("w2", status=Status.FAILED, accuracy=None, latency_ms=None)
    other = quantized_run("w4", "openvino", accuracy=judged)
    texts = {"w2": "w2", "w4": "w4"}
    recipes = {run.digest: Recipe.parse(texts[run.recipe]).to_yaml() for run in (failed, other)}
    History().add(comparison(float_run(), failed, other, recipes=recipes))
    (record,) = History().list()
    plain, bad, good = record.lines
    assert (plain.recipe, plain.asked, plain.unit, plain.form) == ("float", "", "%", ".1f")
    assert (bad.status, bad.accuracy, bad.speedup, bad.digest) == ("failed", None, None, failed.digest)
    assert (good.accuracy, good.unit, good.form, good.speedup) == (0.25, judged.unit, judged.form, 2.0)
    assert record.line_of(Recipe.parse("w4"), "openvino") == good
    assert record.line_of(Recipe.parse("w4"), "onnxruntime") is None
    assert record.line_of(Recipe.parse("w2"), "onnxruntime") == bad
    assert [line.recipe for line in record.recipes] == ["w2", "w4"]


def test_two_of_one_name_are_two_lines() -> None:
    """Where a record of an earlier version holds two recipes of one name, both are listed."""
    History().add(comparison(float_run(), quantized_run(), quantized_run(digest="other", accuracy=None)))
    assert [line.accuracy for line in History().list()[0].recipes] == [0.98, None]


def test_a_newer_file_is_not_touched() -> None:
    """A file of a newer program is refused with what to do."""
    History().add(comparison())
    with sqlite3.connect(History().path) as base:
        base.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match=r"^.*runs\.sqlite: the record of runs is of a newer qexplorer; update"):
        History().list()


def test_a_damaged_file_is_one_sentence() -> None:
    """A file that is no database is named in one sentence, and stays for its owner to look at."""
    History().path.write_bytes(b"not a database at all, but long enough to be taken for one" * 20)
    with pytest.raises(InputError, match=r"runs\.sqlite: the record of runs cannot be used"):
        History().list()
    assert History().path.read_bytes().startswith(b"not a database")


def kept_as(order: object) -> CompareOrder | None:
    """The order of a record in which this is written down."""
    History().add(comparison(), order=ORDER)
    with sqlite3.connect(History().path) as base:
        base.execute("UPDATE comparisons SET job = ?", (json.dumps(order),))
    return History().list()[0].order


@pytest.mark.parametrize("model", ["tumour_mlp", "/home/me/.local/share/qexplorer/models/" + "7" * 64 + ".onnx"])
def test_an_order_of_an_earlier_version_asks_for_the_same(model: str) -> None:
    """Names and paths of kept models become references, and recipes by short names are read."""
    earlier = {"model": model, "data": "tumour", "preprocessing": None, "recipes": ["w8a8"], "samples": None}
    found = kept_as(earlier | {"backends": ["onnxruntime"], "effort": "standard"})
    assert found is not None
    assert found.model == (MODEL if model == "tumour_mlp" else ModelRef(sha256="7" * 64))
    assert found.data == DATA
    assert ([recipe.name for recipe in found.recipes], found.effort) == (["w8a8"], "standard")


@pytest.mark.parametrize(
    "order",
    [
        {"model": "tumour_mlp", "data": "/home/me/mine.npz", "recipes": ["w8a8"]},
        {"model": "net.onnx", "data": "tumour", "recipes": ["w8a8"]},
        {"recipes": ["w99"]},
        [],
        None,
    ],
)
def test_an_order_that_nobody_can_read_is_none(order: object) -> None:
    """The comparison stays in the list, and cannot be made again."""
    assert kept_as(order) is None
