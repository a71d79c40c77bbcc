"""Sentences and cells about a repair, of a report with known numbers."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.report.repair_charts.repair_words import diagnosis_cells, repair_sentence, step_cells
from qexplorer.search.repair.repair_types import Diagnosis, Fault, RepairReport, RepairStep
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

BEFORE = Evaluated(0.5, None, 100, 10.0, 0.1, 0.9, metric=0.9)
AFTER = replace(BEFORE, loss=0.125, metric=0.97)
KEPT = RepairStep("conv1", Fault.OUTLIER, "a finer grid", 0.125, 0.97, 0.07, True)
TRIED = RepairStep("", Fault.FEW, "more samples", None, None, None, False, "there are no more")


def report(*steps: RepairStep, **changes: object) -> RepairReport:
    """A repair from 90 to 97 %, float 98 %."""
    about = ("net", "points", "", "w8a8", "", "w8a8 repaired", "accuracy", "nats", 100, 0.98)
    return replace(RepairReport(*about, BEFORE, AFTER, steps=steps), **changes)


def test_what_was_won_back_is_told_with_both_metrics() -> None:
    """Remedies kept, the metric before and after and of float, and the part of the loss."""
    told = "1 remedy kept: 90.0 % before, 97.0 % after, on 100 samples kept apart (float 98.0 %)"
    assert repair_sentence(report(KEPT, TRIED)) == f"{told}; 75 % of the loss is won back."
    assert repair_sentence(report(KEPT, KEPT, plain=None)).startswith("2 remedies kept: 90.0 % before")
    assert "float" not in repair_sentence(report(KEPT, plain=None))
    for gone in ({"before": replace(BEFORE, metric=None)}, {"after": replace(AFTER, metric=None)}):
        assert repair_sentence(report(KEPT, **gone)) == "1 remedy kept; 75 % of the loss is won back."


def test_sums_that_saturate_are_told_apart() -> None:
    """Their loss where it was measured; where nothing else was mended there is no other loss to speak of."""
    saturated = replace(KEPT, diagnosis=Fault.SATURATED)
    where = ". Where sums of two products saturate at 16 bits, as on processors without VNNI, the loss goes from "
    both = {"saturating_before": 0.4, "saturating_after": 0.2}
    assert repair_sentence(report(KEPT, saturated, **both)).endswith(
        f"; 75 % of the loss is won back{where}0.4 to 0.2."
    )
    assert repair_sentence(report(saturated, TRIED, **both)).endswith(f"(float 98.0 %){where}0.4 to 0.2.")
    assert "saturate" not in repair_sentence(report(KEPT, saturating_before=0.4))


def test_a_repair_that_changed_nothing_says_why() -> None:
    """Nothing was tried for a reason, or nothing was worth it."""
    assert repair_sentence(report(notes=("one", "no layer loses much"))) == "Nothing was changed: no layer loses much."
    assert repair_sentence(report(TRIED, notes=("one",))) == "Nothing was changed: no remedy was worth it."
    assert repair_sentence(report()) == "Nothing was changed: no remedy was worth it."


def test_a_row_for_each_fault_and_each_remedy() -> None:
    """The whole model where no layer is named; a gain with its sign; why something was not kept."""
    faults = (Diagnosis("conv1", "Conv", Fault.OUTLIER, "one is far", loss=0.25), Diagnosis("", "", Fault.FEW, "few"))
    assert diagnosis_cells(report(diagnoses=faults)) == [
        ("conv1", "outlier channel", "one is far", "0.25"),
        ("the whole model", "too few calibration samples", "few", ""),
    ]
    lost = replace(KEPT, gain=-0.02, kept=False, why="no better")
    assert step_cells(report(KEPT, TRIED, lost)) == [
        ("conv1", "a finer grid", "0.125", "97.0 %", "+7.0 points", "kept"),
        ("the whole model", "more samples", "", "", "", "there are no more"),
        ("conv1", "a finer grid", "0.125", "97.0 %", "-2.0 points", "no better"),
    ]
    assert step_cells(report(KEPT, metric_name=None))[0][3:5] == ("", "")
