"""Reports of the verbs as ``print`` and a notebook show them."""

from __future__ import annotations

import inspect
from dataclasses import replace

from qexplorer import api
from qexplorer.report.as_text.reports import TELLERS, told_of
from qexplorer.report.table import ComparisonTable
from qexplorer.search.architecture.architecture_types import ArchitectureQuestion, ArchitectureReport, JudgedNetwork
from qexplorer.search.repair.repair_types import Diagnosis, Fault
from qexplorer.search.sensitivity.sensitivity_types import (
    Evaluated,
    Foretold,
    LayerSensitivity,
    SensitivityReport,
    WholeModel,
)
from tests.report.comparisons import comparison
from tests.report.joint_charts.test_joint_words import report as tuned
from tests.report.network_charts.test_network_words import FOUND, MADE
from tests.report.repair_charts.test_repair_words import KEPT
from tests.report.repair_charts.test_repair_words import report as repaired

_LAYER = LayerSensitivity(
    "con\x1bv1\n\u202e",
    "Conv",
    ("conv1",),
    True,
    {"both": Foretold(2.0, None, 9)},
    evaluated={"alone": {"both": Evaluated(1.5, None, 9, 20.0, 0.1, 0.99)}},
)
_REPORT = SensitivityReport(
    "<b>net</b>", "d", "name: r", "r", "x", 9, "relative", None, (_LAYER,), notes=("a note",), no_gradient="no reason"
)


def test_every_verb_that_reports_is_readable() -> None:
    """What each returns has a text of its own."""
    verbs = (api.compare, api.sensitivity, api.search, api.tune, api.repair, api.design)
    names = {inspect.signature(verb).return_annotation for verb in verbs}
    assert names == {kind.__name__ for kind in TELLERS}


def test_a_report_prints_as_facts_table_and_notes() -> None:
    """The same lines by ``print`` and at a prompt; a name can neither break a line nor steer a terminal."""
    text = str(_REPORT)
    assert text == repr(_REPORT)
    facts, table, notes = text.split("\n\n")
    assert facts.splitlines()[0] == "model     <b>net</b>"
    assert "gradient  no reason" in facts
    header, row = table.splitlines()
    assert header.split()[:2] == ["layer", "operator"]
    assert "1.5" in row
    assert not {"\x1b", "\u202e"} & set(text)
    assert notes == "note: a note"
    assert len(text) < 600


def test_what_else_was_evaluated_has_a_table_of_its_own() -> None:
    """In graph order, a column for each way that was asked for; nothing says then that nothing was evaluated."""
    weights, after = Evaluated(0.25, None, 9, None, 0.1, None), Evaluated(0.75, None, 9, None, 0.1, None)
    layers = (
        replace(_LAYER, name="first", evaluated={"cumulative": {"both": after}}),
        replace(_LAYER, name="second", evaluated={"alone": {"weights": weights}}),
    )
    report = replace(_REPORT, layers=layers, no_gradient="")
    header, *rows = str(report).split("\n\n")[2].splitlines()
    assert header == "error / signal, evaluated  weights of it alone  all up to it"
    assert [row.split() for row in rows] == [["first", "-", "0.75"], ["second", "0.25", "-"]]
    assert "nothing was evaluated" not in str(report)
    bare = replace(_LAYER, evaluated={})
    assert "nothing was evaluated" in str(replace(report, layers=(bare,)))
    assert "nothing was evaluated" not in str(replace(report, layers=(bare, _LAYER)))


def test_a_notebook_gets_the_same_as_tables() -> None:
    """A row for each fact and each layer, and names as text."""
    html = _REPORT._repr_html_()
    assert html.count("<table") == 2
    assert "None" not in html
    assert "all layers" not in html
    assert "&lt;b&gt;net" in html
    assert "a note" in html
    assert "<b>net" not in html


def test_a_comparison_prints_its_runs() -> None:
    """A row for each run below the names of the columns."""
    found = comparison()
    lines = str(ComparisonTable(found)).splitlines()
    rows = lines[1 : 1 + len(found.runs)]
    assert [run.recipe in row for run, row in zip(found.runs, rows, strict=True)] == [True] * len(found.runs)


def test_networks_print_their_judgement() -> None:
    """A search for networks that is not over says so, and then has a row for each judged network."""
    report = ArchitectureReport("digits_cnn", "digits", ArchitectureQuestion(), 10, 5)
    assert str(report).startswith("tried  No network was tried yet.")
    judged = JudgedNetwork("digits_cnn", None, "w8a8", 90, 100, 1000, 2000, None, None, True, "0" * 64)
    assert "90.0 %" in str(replace(report, judged=(judged,))).splitlines()[-1]
    assert not {"found", "left off"} & _names(str(report))
    assert "found" in _names(str(replace(report, judged=(MADE, FOUND))))


def test_a_loss_is_named_with_its_unit() -> None:
    """A divergence in nats, or an error beside the signal; what all layers cost together only where that is known."""
    assert "loss      squared error over signal" in str(_REPORT)
    assert "Kullback-Leibler divergence, nats" in str(replace(_REPORT, unit="nats"))
    whole = WholeModel(Evaluated(1.5, None, 9, 20.0, 0.1, 0.99), None, None)
    assert "all layers" not in str(_REPORT)
    assert "all layers" in _names(str(replace(_REPORT, whole=whole)))


def _names(text: str) -> set[str]:
    """The names of the facts in front."""
    return {line.split("  ")[0] for line in text.split("\n\n")[0].splitlines()}


def test_what_a_joint_search_knows_of_float_is_told() -> None:
    """Where its metric is known; what was chosen with its name; where the study is kept."""
    told = str(tuned())
    assert "chosen" in _names(told)
    assert "study   optuna-dashboard" in told
    assert "float" not in _names(told)
    assert "float" in _names(str(replace(tuned(), float_metric=0.98)))
    assert "chosen" not in _names(str(tuned(trials=())))


def test_a_repair_has_a_table_for_faults_and_one_for_remedies() -> None:
    """Each only where there are any."""
    fault = Diagnosis("conv1", "Conv", Fault.OUTLIER, "one is far", loss=0.25)
    for steps, faults in (((), ()), ((KEPT,), ()), ((), (fault,)), ((KEPT,), (fault,))):
        told = told_of(repaired(*steps, diagnoses=faults, notes=("mind",)))
        assert [len(table.rows) for table in told.tables] == [1] * (bool(steps) + bool(faults))
        assert told.notes == ("note: mind",)
