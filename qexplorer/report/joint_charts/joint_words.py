"""What a joint search found, in sentences and rows."""

from __future__ import annotations

from qexplorer.report.metric_words import stated, value_text, with_unit
from qexplorer.report.words import bytes_text, count_text
from qexplorer.search.joint.joint_types import WEIGHT_BYTES, JointReport, JointTrial, VerifiedTrial

__all__ = [
    "FRONT_HEADER",
    "chosen_words",
    "cost_share",
    "cost_title",
    "float_words",
    "front_cells",
    "quality_title",
    "tried_sentence",
]

FRONT_HEADER = ("recipe", "from", "cost", "of int8", "loss", "metric", "verified loss", "verified metric")


def quality_title(report: JointReport) -> str:
    """What the first objective is, with its unit."""
    if report.question.quality == "metric":
        return f"{report.metric_name or 'metric'}, worse than float by"
    return "divergence from float, nats" if report.unit == "nats" else "squared error over signal"


def cost_title(report: JointReport) -> str:
    """What the second objective is."""
    told = "weights" if report.question.cost == WEIGHT_BYTES else "bit operations"
    return f"{told}, % of int8's"


def cost_share(report: JointReport, trial: JointTrial) -> float:
    """The cost of a trial in percent of int8's."""
    return 100 * trial.cost(report.question.cost) / max(report.reference[report.question.cost], 1.0)


def cost_text(report: JointReport, trial: JointTrial) -> str:
    """The cost with its unit."""
    if report.question.cost == WEIGHT_BYTES:
        return bytes_text(trial.weight_bytes)
    return f"{count_text(round(trial.bit_operations))} bit operations"


def tried_sentence(report: JointReport) -> str:
    """How many recipes were tried, and how they ended."""
    if not report.trials:
        return "Nothing was tried yet."
    counts = {state: sum(t.state == state for t in report.trials) for state in ("stopped", "refused")}
    told = [f"{len(report.measured)} measured on {report.n} samples kept apart"]
    told += [f"{counts['stopped']} stopped early, because a cheaper one is surely better"] if counts["stopped"] else []
    told += [f"{counts['refused']} that do not go together"] if counts["refused"] else []
    count = len(report.trials)
    return f"{count} recipe{'' if count == 1 else 's'}: {', '.join(told)}; {len(report.front)} on the front."


def chosen_words(report: JointReport, trial: JointTrial) -> str:
    """One recipe of the front in a sentence."""
    words = (
        f"{cost_text(report, trial)}, {cost_share(report, trial):.3g} % of int8's; {_quality(report, trial.quality)}"
    )
    if trial.metric is not None and report.metric_name is not None:
        words += f", {_metric(report, trial.metric, trial.n)}"
        words += "" if report.float_metric is None else f" (float {_metric(report, report.float_metric, report.n)})"
    words += f" on {trial.n} samples"
    checked = next((each for each in report.verified if each.number == trial.number), None)
    if checked is not None:
        words += f"; {_quality(report, checked.quality)} on {report.n_verified} that the search did not look at"
    return f"{words}."


def float_words(report: JointReport) -> str:
    """The metric of the float network on the same samples; empty where the task has none."""
    if report.float_metric is None:
        return ""
    words = f"{_metric(report, report.float_metric, report.n)} on {report.n} samples"
    if report.float_verified is not None:
        again = _metric(report, report.float_verified, report.n_verified)
        words += f", {again} on {report.n_verified} that the search did not look at"
    return words


def _quality(report: JointReport, value: float | None) -> str:
    if value is None:
        return "not known"
    if report.question.quality == "metric" and report.metric_name is not None:
        side = "worse than" if value > 0 else "better than" if value < 0 else ""
        if not side:
            return "as good as float"
        return f"{with_unit(stated(report.metric_name, abs(value), report.n), abs(value))} {side} float"
    return f"a loss of {value:.3g}"


def front_cells(report: JointReport) -> list[tuple[str, ...]]:
    """A row for each recipe of the front, the cheapest first."""
    checked = {each.number: each for each in report.verified}
    return [_cells(report, trial, checked.get(trial.number)) for trial in report.front]


def _cells(report: JointReport, trial: JointTrial, checked: VerifiedTrial | None) -> tuple[str, ...]:
    again = None if checked is None else checked.quality
    metric = None if checked is None else checked.metric
    return (
        trial.name,
        trial.why,
        cost_text(report, trial),
        f"{cost_share(report, trial):.1f} %",
        "not known" if trial.quality is None else f"{trial.quality:.3g}",
        _metric(report, trial.metric, report.n),
        "not yet" if again is None else f"{again:.3g}",
        "not yet" if metric is None else _metric(report, metric, report.n_verified),
    )


def _metric(report: JointReport, value: float | None, n: int) -> str:
    if value is None or report.metric_name is None:
        return "not known"
    return value_text(stated(report.metric_name, value, n))
