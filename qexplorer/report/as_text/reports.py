"""What is told of each kind of report that the verbs of the program return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qexplorer.report.as_text.told import ReportTable, ReportText
from qexplorer.report.joint_charts.joint_words import (
    FRONT_HEADER,
    chosen_words,
    float_words,
    front_cells,
    tried_sentence,
)
from qexplorer.report.mix_charts.mix_words import (
    asked_text,
    chosen_sentence,
    clock_sentences,
    hidden_sentence,
    loss_unit,
    mix_cells,
    mix_header,
    prediction_sentence,
)
from qexplorer.report.network_charts.network_words import (
    NETWORK_HEADER,
    network_cells,
    networks_sentence,
    rounds_sentence,
    unlearned_sentence,
)
from qexplorer.report.repair_charts.repair_words import (
    STEP_HEADER,
    diagnosis_cells,
    diagnosis_header,
    repair_sentence,
    step_cells,
)
from qexplorer.report.sensitivity_charts.sensitivity_table import (
    SENSITIVITY_HEADER,
    accord_words,
    more_cells,
    sensitivity_cells,
    whole_words,
)
from qexplorer.report.table import ComparisonTable, run_cells
from qexplorer.search.architecture.architecture_types import ArchitectureReport
from qexplorer.search.joint.joint_types import JointReport
from qexplorer.search.mixing.mix_types import MixReport
from qexplorer.search.repair.repair_types import RepairReport
from qexplorer.search.sensitivity.sensitivity_types import SensitivityReport

__all__ = ["TELLERS", "told_of"]


def told_of(report: object) -> ReportText:
    """What is told of a report; raises KeyError for what is none."""
    return TELLERS[type(report)](report)


def _comparison(table: ComparisonTable) -> ReportText:
    rows = [run_cells(run, table.runs) for run in table.runs]
    shown = ReportTable(list(rows[0]) if rows else [], [list(row.values()) for row in rows])
    noted = (f"note: {note}" for note in table.comparison.data["notes"])
    return ReportText({}, (shown,), (*table.conditions, *table.notes, *noted))


def _sensitivity(report: SensitivityReport) -> ReportText:
    facts = {
        "model": report.model,
        "recipe": report.recipe_name,
        "samples": f"{report.n} calibration samples of {report.data}",
        "loss": "Kullback-Leibler divergence, nats" if report.unit == "nats" else "squared error over signal",
        "all layers": None if report.whole is None else whole_words(report),
        "gradient": report.no_gradient or accord_words(report) or _not_compared(report),
    }
    tables = [ReportTable(SENSITIVITY_HEADER, sensitivity_cells(report))]
    header, rows = more_cells(report)
    if rows:
        tables.append(ReportTable(header, rows))
    return ReportText(facts, tuple(tables), _noted(report.notes))


def _not_compared(report: SensitivityReport) -> str | None:
    if any(layer.evaluated for layer in report.layers):
        return None
    return "foretold alone, nothing was evaluated"


def _mix(report: MixReport) -> ReportText:
    facts = {
        "model": report.model,
        "asked": asked_text(report),
        "judged on": f"{report.n} calibration samples of {report.data}, kept apart",
        "loss": loss_unit(report),
        "chosen": chosen_sentence(report),
    }
    said = (hidden_sentence(report), prediction_sentence(report), *clock_sentences(report))
    return ReportText(
        facts, (ReportTable(mix_header(report), mix_cells(report)),), tuple(each for each in said if each)
    )


def _joint(report: JointReport) -> ReportText:
    chosen = report.chosen
    facts = {
        "model": report.model,
        "tried": tried_sentence(report),
        "chosen": None if chosen is None else f"{chosen.name}: {chosen_words(report, chosen)}",
        "float": float_words(report) or None,
        "study": f"optuna-dashboard {report.storage}",
    }
    return ReportText(facts, (ReportTable(FRONT_HEADER, front_cells(report)),), _noted(report.notes))


def _repair(report: RepairReport) -> ReportText:
    facts = {
        "model": report.model,
        "recipe": report.recipe_name,
        "judged on": f"{report.n} samples of {report.data}, kept apart",
        "repaired": report.repaired_name,
        "result": repair_sentence(report),
    }
    tables = (
        ReportTable(diagnosis_header(report), diagnosis_cells(report)) if report.diagnoses else None,
        ReportTable(STEP_HEADER, step_cells(report)) if report.steps else None,
    )
    return ReportText(facts, tuple(each for each in tables if each is not None), _noted(report.notes))


def _networks(report: ArchitectureReport) -> ReportText:
    facts = {
        "tried": rounds_sentence(report),
        "found": networks_sentence(report) or None,
        "left off": unlearned_sentence(report) or None,
    }
    return ReportText(facts, (ReportTable(NETWORK_HEADER, network_cells(report)),))


def _noted(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"note: {note}" for note in notes)


TELLERS: dict[type, Callable[[Any], ReportText]] = {
    ComparisonTable: _comparison,
    SensitivityReport: _sensitivity,
    MixReport: _mix,
    JointReport: _joint,
    RepairReport: _repair,
    ArchitectureReport: _networks,
}
"""By kind of report."""
