"""A sensitivity report as a table and in words."""

from __future__ import annotations

from qexplorer.core.plugins import METRICS
from qexplorer.core.words.numbers import percent_text
from qexplorer.quantize.training.judging import metric_text
from qexplorer.report.metric_words import stated, with_unit
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, Foretold, LayerSensitivity, SensitivityReport

__all__ = [
    "SENSITIVITY_HEADER",
    "SETUPS",
    "accord_words",
    "drop_text",
    "loss_text",
    "loss_title",
    "measures_rows",
    "more_cells",
    "sensitivity_cells",
    "whole_words",
    "worst_words",
]

SETUPS = {"alone": "it alone", "all_but_one": "all but it", "cumulative": "all up to it"}
"""Which layers are rounded beside the one that is looked at, in words."""

SENSITIVITY_HEADER = ("layer", "operator", "foretold", "evaluated", "interval", "samples", "SQNR, dB", "metric drop")


def sensitivity_cells(report: SensitivityReport, rounded: str = "both") -> list[tuple[str, ...]]:
    """A row for each layer rounded alone, the worst first; what is not known is a dash."""
    return [_row(layer, rounded, report) for layer in report.worst(rounded)]


def _row(layer: LayerSensitivity, rounded: str, report: SensitivityReport) -> tuple[str, ...]:
    told, seen = layer.gradient(rounded), layer.exact(rounded)
    return (
        layer.name,
        layer.op,
        loss_text(told),
        loss_text(seen),
        "-" if seen is None or seen.ci95 is None else f"{seen.ci95[0]:.2g} to {seen.ci95[1]:.2g}",
        "-" if seen is None else str(seen.n),
        "-" if seen is None or seen.sqnr_db is None else f"{seen.sqnr_db:.1f}",
        "-" if seen is None else drop_text(seen, report),
    )


_MORE = (
    ("weights of it alone", "weights", "alone"),
    ("activations of it alone", "activations", "alone"),
    (SETUPS["all_but_one"], "both", "all_but_one"),
    (SETUPS["cumulative"], "both", "cumulative"),
)


def more_cells(report: SensitivityReport) -> tuple[list[str], list[list[str]]]:
    """Header and rows of losses that were evaluated beside that of a layer rounded alone, in graph order; no rows
    where there are none."""
    shown = [way for way in _MORE if any(layer.exact(*way[1:]) for layer in report.layers)]
    rows = [[layer.name, *(loss_text(layer.exact(*way[1:])) for way in shown)] for layer in report.layers]
    return [f"{loss_title(report)}, evaluated", *(way[0] for way in shown)], rows if shown else []


def measures_rows(report: SensitivityReport, layer: LayerSensitivity, rounded: str = "both") -> list[dict[str, str]]:
    """What one layer costs by every measure, a row for each way of rounding it that is known, and for all layers."""
    rows = []
    told = layer.gradient(rounded)
    if told is not None:
        rows.append({"rounded": "it alone, foretold", loss_title(report): loss_text(told), "samples": str(told.n)})
    for setup, words in SETUPS.items():
        seen = layer.exact(rounded if setup == "alone" else "both", setup)
        if seen is not None:
            rows.append({"rounded": words} | _measures(report, seen))
    if report.whole is not None:
        rows.append({"rounded": "all layers"} | _measures(report, report.whole.evaluated))
    known = [name for name in rows[-1] if any(row.get(name, "-") != "-" for row in rows)] if rows else []
    return [{name: row.get(name, "-") for name in known} for row in rows]


def loss_title(report: SensitivityReport) -> str:
    """What the loss is, short enough for an axis or a column."""
    return "KL (nats)" if report.unit == "nats" else "error / signal"


def _measures(report: SensitivityReport, seen: Evaluated) -> dict[str, str]:
    return {
        loss_title(report): loss_text(seen),
        "SQNR, dB": "-" if seen.sqnr_db is None else f"{seen.sqnr_db:.1f}",
        "MSE": f"{seen.mse:.3g}",
        "cosine": "-" if seen.cosine is None else f"{seen.cosine:.5f}",
        "metric drop": drop_text(seen, report),
        "samples": str(seen.n),
    }


def loss_text(found: Foretold | Evaluated | None) -> str:
    """The loss; what is foretold has a tilde in front."""
    if found is None:
        return "-"
    return f"~{found.loss:.2g}" if isinstance(found, Foretold) else f"{found.loss:.3g}"


def drop_text(found: Evaluated, report: SensitivityReport) -> str:
    """By how much the task's metric is worse, in the unit of a difference: points of a share."""
    if found.metric_drop is None or report.metric_name is None:
        return "-"
    return with_unit(stated(report.metric_name, abs(found.metric_drop), found.n), found.metric_drop)


def worst_words(report: SensitivityReport, rounded: str = "both") -> str:
    """Which layer hurts most, and its share of what single layers lose; empty where none loses anything."""
    found = [(layer, layer.exact(rounded) or layer.gradient(rounded)) for layer in report.worst(rounded)]
    known = [(layer, seen) for layer, seen in found if seen is not None and seen.loss > 0]
    if not known:
        return ""
    (worst, seen), whole = known[0], sum(each.loss for _, each in known)
    share = f"{percent_text(seen.loss / whole)} of the sum over {len(known)} layers" if len(known) > 1 else ""
    unit = "nats" if report.unit == "nats" else f"({loss_title(report)})"
    part = "" if rounded == "both" else f" in its {rounded}"
    words = f"{worst.name} hurts most: rounded alone{part} it costs {loss_text(seen)} {unit}"
    return f"{words}, {share}" if share else words


def whole_words(report: SensitivityReport) -> str:
    """What all layers rounded together cost, and whether the layers' own losses add up to it."""
    whole = report.whole
    if whole is None:
        return ""
    parts = [f"loss {whole.evaluated.loss:.3g}"]
    if whole.alone_sum:
        parts.append(f"{whole.evaluated.loss / whole.alone_sum:.2f} times the sum of layers rounded alone")
    if whole.evaluated.metric is not None and whole.metric_float is not None and report.metric_name is not None:
        metric = METRICS.get(report.metric_name)
        values = (metric_text(each, metric) for each in (whole.metric_float, whole.evaluated.metric))
        parts.append(f"{metric.title} {' -> '.join(values)}")
    return ", ".join(parts)


def accord_words(report: SensitivityReport) -> str:
    """How well gradients foretold what was evaluated; empty where one of them is missing."""
    accord = report.accord
    if accord is None:
        return ""
    rank = "" if accord.spearman is None else f"rank correlation {accord.spearman:.2f} over {accord.layers} layers, "
    worst = "the worst layer is among the three foretold worst"
    if accord.holds:
        return f"{rank}{worst}"
    found = worst if accord.worst_found else "the worst layer is not among the three foretold worst"
    return f"{rank}{found}: go by what was evaluated. Why: {accord.why}"
