"""The layers of an explanation as rows: every number that the charts are drawn from, units in the names."""

from __future__ import annotations

from typing import Any

from qexplorer.measure.why.explanation import LayerTime, Why

__all__ = ["why_rows"]


def why_rows(why: Why) -> list[dict[str, Any]]:
    """One row for each layer, or layers that run in one kernel; a column that nothing fills is left out."""
    titles = {cause.key: cause.title.rpartition(": ")[2] for cause in why.causes}
    rows = [_row(row, titles) for row in why.layers]
    kept = [name for name in rows[0] if any(row[name] is not None for row in rows)] if rows else []
    return [{name: row[name] for name in kept} for row in rows]


def _row(row: LayerTime, titles: dict[str, str]) -> dict[str, Any]:
    kind = None if row.kind is None else row.kind.value
    return {
        "layer": " + ".join((row.name, *(name for name in row.layers if name != row.name))),
        "op": row.op,
        "treatment": row.treatment,
        "runs in": f"{kind} (expected)" if kind and row.predicted else kind,
        "kernel": row.kernel,
        "float ms": row.float_ms,
        "quantized ms": row.quantized_ms,
        "conversions ms": row.convert_ms,
        "gain ms": row.gain_ms,
        "MACs": row.macs,
        "float ops/byte": row.float_intensity,
        "quantized ops/byte": row.quantized_intensity,
        "float GOP/s": row.float_gops,
        "quantized GOP/s": row.quantized_gops,
        "cause": titles.get(row.cause or "", row.cause),
    }
