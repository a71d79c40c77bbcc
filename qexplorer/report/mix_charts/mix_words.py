"""What a search found, in sentences and rows."""

from __future__ import annotations

import math

from qexplorer.report.metric_words import stated, value_text, with_unit
from qexplorer.report.words import bytes_text
from qexplorer.search.mixing.mix_types import MixReport, VerifiedMix

__all__ = ["MIX_HEADER", "chosen_sentence", "loss_unit", "mix_cells", "prediction_sentence"]

MIX_HEADER = ("mix", "from", "weights", "of int8", "predicted loss", "measured loss", "metric", "drop")


def loss_unit(report: MixReport) -> str:
    """What losses are, with their unit."""
    return "divergence from float, nats" if report.unit == "nats" else "squared error over signal"


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
        return "Nothing was measured yet."
    share = best.weight_bytes / max(report.int8_bytes, 1)
    counts = [report.groups[i].formats[at] for i, at in enumerate(best.point.choice)]
    each = [f"{counts.count(name)} in {name}" for name in report.formats if name in counts]
    told = " and ".join(part for part in (", ".join(each[:-1]), each[-1]) if part)
    words = f"{told}: {bytes_text(best.weight_bytes)} of weights, {100 * share:.3g} % of int8's"
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


def prediction_sentence(report: MixReport) -> str:
    """How far predictions were from measurements."""
    ratios = [mix.found.loss / mix.point.predicted_loss for mix in report.verified if mix.point.predicted_loss > 0]
    if not ratios:
        return ""
    low, high = min(ratios), max(ratios)
    told = f"{low:.2g}" if math.isclose(low, high, rel_tol=0.02) else f"{low:.2g} to {high:.2g}"
    return (
        f"What was measured is {told} times what was predicted: layers interact, and activations are rounded as well."
    )


def mix_cells(report: MixReport) -> list[tuple[str, ...]]:
    """A row for each measured mix, the chosen one marked."""
    return [_cells(report, i, mix) for i, mix in enumerate(report.verified)]


def _cells(report: MixReport, place: int, mix: VerifiedMix) -> tuple[str, ...]:
    mark = " (chosen)" if place == report.chosen else ""
    return (
        f"{mix.recipe_name}{mark}",
        mix.why,
        bytes_text(mix.weight_bytes),
        f"{100 * mix.weight_bytes / max(report.int8_bytes, 1):.1f} %",
        f"{mix.point.predicted_loss:.3g}",
        f"{mix.found.loss:.3g}",
        _metric(report, mix.found.metric),
        _drop(report, mix.found.metric_drop),
    )
