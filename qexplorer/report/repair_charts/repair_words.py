"""What a repair found and did, in sentences and rows."""

from __future__ import annotations

from qexplorer.report.metric_words import stated, value_text, with_unit
from qexplorer.search.repair.repair_types import Diagnosis, Fault, RepairReport, RepairStep

__all__ = [
    "STEP_HEADER",
    "diagnosis_cells",
    "diagnosis_header",
    "diagnosis_title",
    "repair_sentence",
    "step_cells",
]

STEP_HEADER = ("for", "remedy", "loss", "metric", "gain", "kept")


def _metric(report: RepairReport, value: float | None) -> str:
    if value is None or report.metric_name is None:
        return ""
    return value_text(stated(report.metric_name, value, report.n))


def repair_sentence(report: RepairReport) -> str:
    """Before and after, and how much was won back."""
    if report.sound:
        said = "Nothing to repair: on the samples kept apart the recipe is as right as float, and nearly as sure"
        return f"{said}; what stands out in layers does no harm there." if report.diagnoses else f"{said}."
    kept = sum(step.kept for step in report.steps)
    if not kept:
        said = "Nothing was changed"
        return (
            f"{said}: {report.notes[-1]}." if report.notes and not report.steps else f"{said}: no remedy was worth it."
        )
    words = f"{kept} {'remedy' if kept == 1 else 'remedies'} kept"
    if report.before.metric is not None and report.after.metric is not None:
        before, after = _metric(report, report.before.metric), _metric(report, report.after.metric)
        words += f": {before} before, {after} after, on {report.n} samples kept apart"
        if report.plain is not None:
            words += f" (float {_metric(report, report.plain)})"
    if any(step.diagnosis is not Fault.SATURATED for step in report.steps if step.kept):
        words += f"; {100 * report.won_back:.0f} % of the loss is won back"
    saturating = (report.saturating_before, report.saturating_after)
    if saturating[0] is not None and saturating[1] is not None:
        words += ". Where sums of two products saturate at 16 bits, as on processors without VNNI, the loss goes from "
        words += f"{saturating[0]:.3g} to {saturating[1]:.3g}"
    return f"{words}."


def diagnosis_title(report: RepairReport) -> str:
    """What the faults are called: what does no harm is not wrong."""
    return "What stands out" if report.sound else "What is wrong"


def diagnosis_header(report: RepairReport) -> tuple[str, ...]:
    """The columns of :func:`diagnosis_cells`."""
    return "layer", diagnosis_title(report).lower(), "evidence", "loss alone"


def diagnosis_cells(report: RepairReport) -> list[tuple[str, ...]]:
    """A row for each fault."""
    return [_diagnosis(each) for each in report.diagnoses]


def _diagnosis(found: Diagnosis) -> tuple[str, ...]:
    loss = "" if found.loss is None else f"{found.loss:.3g}"
    return (found.layer or "the whole model", found.fault.value, found.sentence, loss)


def step_cells(report: RepairReport) -> list[tuple[str, ...]]:
    """A row for each remedy that was tried."""
    return [_step(report, each) for each in report.steps]


def _step(report: RepairReport, step: RepairStep) -> tuple[str, ...]:
    gain = ""
    if step.gain is not None and report.metric_name is not None:
        gain = with_unit(stated(report.metric_name, abs(step.gain), report.n), step.gain, sign=True)
    return (
        step.layer or "the whole model",
        step.remedy,
        "" if step.loss is None else f"{step.loss:.3g}",
        _metric(report, step.metric),
        gain,
        "kept" if step.kept else step.why,
    )
