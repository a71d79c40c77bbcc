"""Integer arithmetic layer by layer: pair sums against int16, accumulators against int32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qexplorer.measure.arithmetic.pair_sums import HIGH
from qexplorer.measure.arithmetic.saturation_types import LayerArithmetic, SaturationReport
from qexplorer.report.chart_files.csv_text import rows_csv
from qexplorer.report.metric_words import value_text
from qexplorer.report.palette import CLIPPING, NEUTRAL, TENSOR

__all__ = [
    "ArithmeticBar",
    "accumulator_spec",
    "arithmetic_bars",
    "layer_rows",
    "pair_spec",
    "saturation_csv",
    "saturation_sentence",
    "switch_sentence",
]

_MOST = 60


@dataclass(frozen=True, slots=True)
class ArithmeticBar:
    """One layer's bars: its largest pair sum as a multiple of what int16 holds, and bits of its accumulator."""

    layer: str
    pair: float
    state: str
    saturated: float | None
    bound_bits: int
    data_bits: int | None


_STATES = {
    "saturates on these samples": CLIPPING,
    "could, by bound": TENSOR,
    "cannot": NEUTRAL,
}


def arithmetic_bars(report: SaturationReport) -> tuple[ArithmeticBar, ...]:
    """The layers in execution order; the 60 with the largest pair sums if there are more."""
    places = {layer.name: i for i, layer in enumerate(report.layers)}
    kept = sorted(report.layers, key=lambda layer: -layer.pair_bound)[:_MOST]
    return tuple(
        ArithmeticBar(
            f"{places[layer.name] + 1}. {layer.name}",
            0.0 if layer.exact_because else layer.pair_bound / HIGH,
            _state(layer),
            layer.saturated,
            layer.accumulator_bits,
            layer.data_bits,
        )
        for layer in sorted(kept, key=lambda layer: places[layer.name])
    )


def _state(layer: LayerArithmetic) -> str:
    if not layer.at_risk:
        return "cannot"
    return "saturates on these samples" if layer.saturated else "could, by bound"


def pair_spec(report: SaturationReport, subtitle: str) -> dict[str, Any]:
    """The largest sum of two products that input codes can bring about, against what int16 holds."""
    rows = [
        {"layer": bar.layer, "value": bar.pair, "state": bar.state, "saturated": bar.saturated}
        for bar in arithmetic_bars(report)
    ]
    tooltip: list[dict[str, Any]] = [
        {"field": "layer", "title": "layer"},
        {"field": "value", "title": "times int16", "format": ".2f"},
        {"field": "state", "title": "saturates"},
        {"field": "saturated", "title": "share of pair sums on samples", "format": ".3~%"},
    ]
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": _layers(),
            "x": {"field": "value", "type": "quantitative", "title": "largest sum of two products (times 32767)"},
            "color": {
                "field": "state",
                "type": "nominal",
                "scale": {"domain": list(_STATES), "range": list(_STATES.values())},
                "legend": {"title": None, "orient": "top", "columns": 1, "offset": 2},
            },
            "tooltip": tooltip,
        },
    }
    return _chart("Pair sums against int16", subtitle, rows, [bars, _limit(1.0)])


def accumulator_spec(report: SaturationReport, subtitle: str) -> dict[str, Any]:
    """Bits of each int32 accumulator: what any input can need as an outline, what the samples need filled."""
    bars = arithmetic_bars(report)
    rows = [{"layer": bar.layer, "bound": bar.bound_bits, "data": bar.data_bits or 0} for bar in bars]
    x = {"type": "quantitative", "scale": {"domain": [0, max([33, *(bar.bound_bits + 1 for bar in bars)])]}}
    tooltip = [
        {"field": "layer", "title": "layer"},
        {"field": "bound", "title": "bits, any input"},
        {"field": "data", "title": "bits, these samples"},
    ]
    hollow = {
        "mark": {"type": "bar", "filled": False, "stroke": TENSOR, "strokeWidth": 1.3, "cornerRadiusEnd": 2},
        "encoding": {"y": _layers(), "x": x | {"field": "bound", "title": "bits, sign included"}, "tooltip": tooltip},
    }
    filled = {
        "mark": {"type": "bar", "color": TENSOR, "cornerRadiusEnd": 2},
        "encoding": {"y": _layers(), "x": x | {"field": "data", "title": "bits, sign included"}, "tooltip": tooltip},
    }
    return _chart("Accumulators against int32", subtitle, rows, [filled, hollow, _limit(32.0)])


def _layers() -> dict[str, Any]:
    return {
        "field": "layer",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 180, "labelOverlap": False, "ticks": False, "domain": False},
    }


def _limit(at: float) -> dict[str, Any]:
    return {
        "data": {"values": [{"at": at}]},
        "mark": {"type": "rule", "color": CLIPPING, "strokeWidth": 2, "strokeDash": [5, 4]},
        "encoding": {"x": {"field": "at", "type": "quantitative"}},
    }


def _chart(
    title: str, subtitle: str, rows: Sequence[dict[str, Any]], layers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "title": {
            "text": title,
            "subtitle": subtitle,
            "anchor": "start",
            "subtitleColor": NEUTRAL,
            "subtitleFontSize": 11,
            "limit": 460,
        },
        "datasets": {"layers": list(rows)},
        "data": {"name": "layers"},
        "height": {"step": 19},
        "padding": {"left": 0, "top": 2, "right": 6, "bottom": 2},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": list(layers),
    }


def layer_rows(report: SaturationReport) -> list[dict[str, Any]]:
    """The table: one row for each layer that multiplies codes."""
    return [
        {
            "layer": layer.name,
            "operator": layer.op,
            "largest pair sum": layer.pair_bound,
            "pairs at risk": layer.risky_pairs,
            "saturated on samples (%)": None if layer.saturated is None else 100 * layer.saturated,
            "worst change": layer.worst_change,
            "int32 bits, any input": layer.accumulator_bits,
            "bits, samples": layer.data_bits,
            "bits left": 32 - layer.accumulator_bits,
            "bias bits": layer.bias_bits,
            "note": layer.exact_because or layer.bias_reason or "",
        }
        for layer in report.layers
    ]


def saturation_sentence(report: SaturationReport) -> str:
    """What saturating sums would cost, in one sentence."""
    risky = report.at_risk
    if not report.layers:
        return f"{report.recipe} sums nothing in integers: every layer multiplies in float, where no sum is cut off"
    if not risky:
        return f"no layer of {report.recipe} can saturate, whatever comes in: every sum of two products fits 16 bits"
    seen = sum(bool(layer.saturated) for layer in risky)
    parts = [f"{len(risky)} of {len(report.layers)} layers could saturate, {seen} do on these {report.n} samples"]
    exact, other = report.exact, report.saturating
    if exact.value is not None and other.value is not None:
        values = f"{value_text(exact)} with exact sums, {value_text(other)} with saturating ones"
        parts.append(f"{exact.label} {values}")
    if report.changed is not None:
        parts.append(f"{report.changed} answer{'' if report.changed == 1 else 's'} changed")
    if report.worst_steps is not None:
        parts.append(f"outputs move by up to {report.worst_steps:.3g} steps")
    return "; ".join(parts)


def switch_sentence(report: SaturationReport) -> str:
    """What the exact kernels cost here, and whether they change anything."""
    found = report.switch
    if found is None or found.ratio is None:
        return f"could not be timed: {found.reason}" if found is not None else "not timed"
    interval = "" if found.ratio_ci95 is None else f" ({found.ratio_ci95[0]:.2f} to {found.ratio_ci95[1]:.2f})"
    cost = f"{found.ratio:.2f}{interval} times the usual latency here, batch {found.batch}, 1 thread"
    if report.this_machine is False:
        same = "the same answers" if found.same else "other answers"
        return f"{cost}, and {same}: sums do not saturate on this processor, so leave it off here"
    return f"{cost}, {'and the same answers on these samples' if found.same else 'and other answers'}"


def saturation_csv(report: SaturationReport) -> str:
    """The table as CSV."""
    rows = layer_rows(report)
    return rows_csv(rows[0], (row.values() for row in rows)) if rows else ""
