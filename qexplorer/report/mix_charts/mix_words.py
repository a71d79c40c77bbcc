"""What a search found, in sentences and rows."""

from __future__ import annotations

import math
import time

from qexplorer.core.results import Latency
from qexplorer.core.speed import Change
from qexplorer.core.words.numbers import number_text
from qexplorer.measure.energy.per_inference import ESTIMATED
from qexplorer.report.metric_words import change_text, stated, unsure_text, value_text, with_unit
from qexplorer.report.statements.claims import change_of, hidden_loss
from qexplorer.report.words import bytes_text, count_text
from qexplorer.run.registry import backend_label
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, COSTS, ENERGY_MJ, LATENCY_MS, WEIGHT_BYTES
from qexplorer.search.mixing.mix_types import MixReport, VerifiedMix
from qexplorer.search.mixing.recipes import named_in
from qexplorer.search.sensitivity.sensitivity_types import LESS_SURE

__all__ = [
    "asked_text",
    "axis_title",
    "chosen_sentence",
    "clock_sentences",
    "cost_text",
    "hidden_sentence",
    "latency_errors",
    "loss_unit",
    "mix_cells",
    "mix_header",
    "prediction_sentence",
]

_PLAIN = ("mix", "from", "weights", "of int8", "bit operations", "predicted loss", "measured loss", "metric", "drop")
_TIMED = ("predicted latency", "measured latency", "speed-up", "energy")


def mix_header(report: MixReport) -> tuple[str, ...]:
    """Of the table of measured mixes."""
    return _PLAIN + (_TIMED if report.clock is not None else ())


def cost_text(kind: str, value: float) -> str:
    """A cost with its unit."""
    if kind == WEIGHT_BYTES:
        return bytes_text(round(value))
    if kind == BIT_OPERATIONS:
        return count_text(round(value))
    return f"{number_text(value)} {'ms' if kind == LATENCY_MS else 'mJ'}"


def axis_title(report: MixReport, axis: str) -> str:
    """What the front is drawn over."""
    title = "bytes" if axis == WEIGHT_BYTES else COSTS[axis].title
    told = f"weights, % of int8's {title}" if axis == WEIGHT_BYTES else f"{title}, % of int8's"
    if axis == ENERGY_MJ and report.clock is not None and report.clock.energy_source == ESTIMATED:
        told += " (estimated)"
    return told


def loss_unit(report: MixReport) -> str:
    """What losses are, with their unit."""
    if report.unit != "nats":
        return "squared error over signal"
    softened = "" if report.temperature == 1 else f" at temperature {report.temperature:g}"
    return f"divergence from float{softened}, nats"


def asked_text(report: MixReport) -> str:
    """What was asked for."""
    least = f"the {COSTS[report.axis].least}"
    told = ""
    if report.as_float:
        told = f"{least} that no test tells from float"
    elif report.most_drop is not None:
        told = f"{least} whose metric drops by at most {report.most_drop:g}"
    limits = " and ".join(
        f"at most {cost_text(kind, share * report.whole[kind])}"
        f"{' of weights' if kind == WEIGHT_BYTES else f' of {COSTS[kind].title}' if kind == BIT_OPERATIONS else ''}"
        f", {100 * share:.3g} % of int8's"
        for kind, share in report.budgets.items()
    )
    return ", with ".join(part for part in (told, limits) if part)


def _metric(report: MixReport, value: float | None) -> str:
    if value is None or report.metric_name is None:
        return "not known"
    return value_text(stated(report.metric_name, value, report.n))


def _drop(report: MixReport, drop: float | None) -> str:
    if drop is None or report.metric_name is None:
        return "not known"
    return with_unit(stated(report.metric_name, abs(drop), report.n), drop)


def chosen_sentence(report: MixReport) -> str:
    """What was chosen, and what it costs."""
    best = report.best
    if best is None:
        if report.verified:
            return "None of the mixes that were measured is within what was asked."
        return "No mix is measured."
    share = best.weight_bytes / max(report.whole[WEIGHT_BYTES], 1)
    names = named_in(report.groups, best.point.choice)
    each = [f"{names.count(name)} in {name}" for name in report.choices if name in names]
    told = " and ".join(part for part in (", ".join(each[:-1]), each[-1]) if part)
    words = f"{told}: {bytes_text(best.weight_bytes)} of weights, {100 * share:.3g} % of int8's"
    if best.latency is not None and best.latency.p50 is not None:
        words += (
            f"; {number_text(best.latency.p50)} ms on {backend_label(report.clock.backend if report.clock else '')}"
        )
        if best.latency.speedup is not None:
            words += f", {number_text(best.latency.speedup, digits=2)} times as fast as float"
    if best.found.metric is not None:
        words += f"; on {report.n} samples kept apart {_metric(report, best.found.metric)}"
        if best.found.metric_drop is not None:
            drop = best.found.metric_drop
            words += (
                ", as float"
                if abs(drop) < 1e-12
                else f", {_drop(report, abs(drop))} {'below' if drop > 0 else 'above'} float"
            )
    return f"{words}."


def hidden_sentence(report: MixReport) -> str:
    """What the paired test says of the chosen mix, and how large a loss it would not show; empty without a test."""
    best = report.best
    if best is None or best.paired is None or best.paired.delta is None or best.paired.delta_ci95 is None:
        return ""
    looked = len(report.verified)
    change = change_of(best.paired, looked)
    if change in (Change.BETTER, Change.WORSE):
        told = f"the chosen mix {change_text(best.paired)} beside float"
    else:
        hidden = hidden_loss(best.paired, looked)
        told = unsure_text(best.paired, hidden, small=change is Change.NONE, looked=looked)
    return f"{told[0].upper()}{told[1:]}.{_less_sure(report)}"


def _less_sure(report: MixReport) -> str:
    """How many measured mixes were not taken because they give the right class less than float does."""
    count = sum(mix.found.less_sure for mix in report.verified)
    if not report.as_float or not count:
        return ""
    told = "1 measured mix was" if count == 1 else f"{count} measured mixes were"
    return (
        f" {told} not taken: the right class is shown to get less, and over {100 * LESS_SURE:.0f} % less in the mean."
    )


def prediction_sentence(report: MixReport) -> str:
    """How far predictions were from measurements."""
    told = []
    ratios = [mix.found.loss / mix.point.predicted_loss for mix in report.verified if mix.point.predicted_loss > 0]
    if ratios:
        low, high = min(ratios), max(ratios)
        span = f"{low:.2g}" if math.isclose(low, high, rel_tol=0.02) else f"{low:.2g} to {high:.2g}"
        told.append(f"Losses that were measured are {span} times what was predicted: layers interact.")
    errors = latency_errors(report)
    if errors:
        mean = sum(abs(error) for error in errors) / len(errors)
        told.append(
            f"Predicted latencies are {100 * mean:.2g} % off in the mean of {len(errors)}, in units of int8's beside "
            "them."
        )
    return " ".join(told)


def latency_errors(report: MixReport) -> list[float]:
    """Predicted latency of each timed mix over the measured one, less 1; each in units of int8's, timed beside it."""
    if report.clock is None:
        return []
    int8 = next((each for each in report.clock.plain if each.name == "int8"), None)
    if int8 is None or int8.latency is None or int8.latency.p50 is None:
        return []
    pace = int8.latency.p50 / int8.call_ms
    return [
        mix.point.costs[LATENCY_MS] * pace / mix.latency.p50 - 1
        for mix in report.verified
        if mix.latency is not None and mix.latency.p50
    ]


def clock_sentences(report: MixReport) -> tuple[str, ...]:
    """Where latency and energy are from, and how far they can be believed."""
    clock = report.clock
    if clock is None:
        return report.notes
    how = {
        "kernels": "by the times of single kernels",
        "kernels and boundaries": "by the times of single kernels and the number of conversions",
        "boundaries": "by the number of layers and conversions, as single kernels are too short to be told apart",
    }[clock.form]
    off = (
        ""
        if clock.error is None
        else f"; left out in turn, each is foretold within {100 * clock.error:.2g} % in the mean"
    )
    told = [
        f"Latencies on {backend_label(clock.backend)} are predicted from {clock.n} timed variants {how}{off}"
        f"{_age(clock.measured_at)}."
    ]
    if clock.energy_source == ESTIMATED:
        told.append(
            f"No meter counts here: energy is latency times {clock.watts:.3g} W, an estimate, and ranks mixes as "
            "latency does."
        )
    else:
        told.append(f"Energy is latency times the power that each plain choice drew ({clock.energy_source}).")
    return (*told, *report.notes)


def _age(measured_at: float) -> str:
    """How long ago times were measured that were kept."""
    if not measured_at:
        return ""
    minutes = max(time.time() - measured_at, 0.0) / 60
    for size, unit in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = int(minutes // size)
            return f"; measured {count} {unit}{'' if count == 1 else 's'} ago"
    return "; measured just now"


def mix_cells(report: MixReport) -> list[tuple[str, ...]]:
    """A row for each measured mix, the chosen one marked."""
    return [_cells(report, i, mix) for i, mix in enumerate(report.verified)]


def _cells(report: MixReport, place: int, mix: VerifiedMix) -> tuple[str, ...]:
    mark = " (chosen)" if place == report.chosen else ""
    plain = (
        f"{mix.recipe_name}{mark}",
        mix.why,
        bytes_text(mix.weight_bytes),
        f"{100 * mix.weight_bytes / max(report.whole[WEIGHT_BYTES], 1):.1f} %",
        cost_text(BIT_OPERATIONS, mix.point.costs[BIT_OPERATIONS]),
        f"{mix.point.predicted_loss:.3g}",
        f"{mix.found.loss:.3g}",
        _metric(report, mix.found.metric),
        _drop(report, mix.found.metric_drop),
    )
    return plain + (_timed_cells(mix) if report.clock is not None else ())


def _timed_cells(mix: VerifiedMix) -> tuple[str, ...]:
    energy = mix.energy
    told = "" if energy is None or energy.value is None else f"{number_text(energy.value)} mJ"
    mark = " (estimated)" if told and energy is not None and energy.source == ESTIMATED else ""
    speedup = "" if mix.latency is None or mix.latency.speedup is None else f"{mix.latency.speedup:.2f}x"
    return cost_text(LATENCY_MS, mix.point.costs[LATENCY_MS]), _ms(mix.latency), speedup, f"{told}{mark}"


def _ms(latency: Latency | None) -> str:
    if latency is None or latency.p50 is None:
        return "not known"
    ends = "" if latency.ci95 is None else f" ({' to '.join(number_text(end) for end in latency.ci95)})"
    return f"{number_text(latency.p50)} ms{ends}"
