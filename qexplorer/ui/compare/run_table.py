"""Runs as a table: every number with its interval and n; a dash where there is none, with the reason below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from qexplorer.core.results import Accuracy, Kernels, Latency, Run, Status
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.metric_words import axis_title, delta_unit, metric_of, others_of, with_interval
from qexplorer.report.words import bytes_text, delta_text, energy_text, fidelity_text, memory_text
from qexplorer.ui.session import as_plain

__all__ = ["NONE", "draw_runs", "reasons_of", "table_rows"]

NONE = "—"


def draw_runs(runs: Sequence[Run], *, key: str, finished: bool = True) -> None:
    """The table; of a finished comparison also one line for each number that could not be had, and remarks."""
    if not runs:
        return
    rows = table_rows(runs)
    # the browser keeps a column as wide as its first rows were, and names get longer when a second backend comes in
    config: dict[str, Any] = {
        "run": st.column_config.TextColumn(pinned=True, width=30 + round(7.5 * max(len(row["run"]) for row in rows))),
        "to float": st.column_config.TextColumn(help=_to_float_help(runs)),
        "p": st.column_config.TextColumn(help="Exact two-sided McNemar test: how often chance alone does this"),
        "latency": st.column_config.TextColumn(help="Median of one call with the interval of the median, n calls"),
        "speed-up": st.column_config.TextColumn(help="Float's median over this one's, interleaved, with its interval"),
        "throughput": st.column_config.TextColumn(help="Samples a second at the best batch size"),
        "memory": st.column_config.TextColumn(
            help="Resident size of a fresh process that runs the model: the highest, then what it settles at"
        ),
        "energy": st.column_config.TextColumn(help="Of one inference; measured or estimated, as it says"),
        "fidelity": st.column_config.TextColumn(help="Largest difference to the simulation of the same graph"),
        "kernels": st.column_config.TextColumn(help="Kernels that really ran: integer and float"),
    }
    for found in (metric_of(runs), *others_of(runs)):
        if found is not None:
            better = f"{found.direction} is better"
            text = f"{axis_title(found)}: {better}; with its 95 % interval and n"
            config[found.label] = st.column_config.TextColumn(help=text)
    st.dataframe(rows, key=key, hide_index=True, column_config=config, height=min(38 + 35 * len(rows), 460))
    if not finished:
        return
    for line in reasons_of(runs, missing=True):
        st.caption(as_plain(f"{NONE} {line}"))
    remarks = reasons_of(runs, missing=False)
    if remarks:
        with st.expander(f"Remarks on these numbers ({len(remarks)})", icon=":material/info:", key=f"{key}_remarks"):
            st.caption("  \n".join(as_plain(line) for line in remarks))


def _to_float_help(runs: Sequence[Run]) -> str:
    found = metric_of(runs)
    unit = "" if found is None or not delta_unit(found) else f" in {delta_unit(found)}"
    return f"Difference{unit} on the same samples, with its interval"


def table_rows(runs: Sequence[Run]) -> list[dict[str, str]]:
    """One row for each run, all cells text; a column that no run fills is left out."""
    rows = [_row(run, runs) for run in runs]
    kept = [name for name in rows[0] if name == "run" or any(row[name] != NONE for row in rows)]
    return [{name: row[name] for name in kept} for row in rows]


def _row(run: Run, runs: Sequence[Run]) -> dict[str, str]:
    accuracy = run.accuracy
    throughput = run.throughput_per_s
    judged = metric_of(runs)
    own = {found.metric: found for found in run.metrics}
    cells = {
        "run": label_of(run, runs),
        "metric" if judged is None else judged.label: _accuracy(accuracy),
        "to float": delta_text(accuracy),
        **{each.label: _accuracy(own.get(each.metric)) for each in others_of(runs)},
        "weights": NONE if run.size is None else bytes_text(run.size.weight_bytes),
        "latency": _latency(run.latency_ms),
        "speed-up": _speedup(run.latency_ms),
        "energy": energy_text(run.energy_mj),
        "throughput": NONE if throughput is None else f"{throughput:,.0f} /s",
        "memory": memory_text(run.memory),
        "fidelity": "is the reference" if run.recipe == "float" else fidelity_text(run.fidelity),
        "kernels": _kernels(run.kernels),
        "fixed / broken": _flips(accuracy),
        "p": NONE if accuracy is None or accuracy.mcnemar_p is None else f"{accuracy.mcnemar_p:.2g}",
        "file": NONE if run.size is None else bytes_text(run.size.file_bytes),
        "status": str(run.status),
    }
    return {name: NONE if text == "–" else text for name, text in cells.items()}  # noqa: RUF001 - words' own dash


def _kernels(found: Kernels | None) -> str:
    return NONE if found is None else f"{sum(found.integer.values())} int, {sum(found.float.values())} float"


def _accuracy(found: Accuracy | None) -> str:
    if found is None or found.value is None:
        return NONE
    return f"{with_interval(found)}, n {found.n}"


def _flips(found: Accuracy | None) -> str:
    if found is None or found.fixed is None or found.broken is None:
        return NONE
    return f"{found.fixed} / {found.broken}"


def _latency(found: Latency | None) -> str:
    if found is None or found.p50 is None:
        return NONE
    ends = "" if found.ci95 is None else f" ({found.ci95[0]:.3g} to {found.ci95[1]:.3g})"
    return f"{found.p50:.3g} ms{ends}, n {found.n}" + ("" if found.valid else ", too noisy")


def _speedup(found: Latency | None) -> str:
    if found is None or found.speedup is None or not found.valid:
        return NONE
    ends = "" if found.speedup_ci95 is None else f" ({found.speedup_ci95[0]:.2f} to {found.speedup_ci95[1]:.2f})"
    return f"{found.speedup:.2f}×{ends}"  # noqa: RUF001 - the sign for times


def reasons_of(runs: Sequence[Run], *, missing: bool) -> list[str]:
    """One line for each reason, naming the runs that it is about.

    Args:
        runs: all runs of the comparison.
        missing: why numbers could not be had; else: why numbers that are there are to be doubted or were derived.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for what, why, lacking in _reasons(run):
            if lacking == missing:
                found.setdefault((what, why), []).append(label_of(run, runs))
    return [f"{what}, {', '.join(labels)}: {why}" for (what, why), labels in found.items()]


def _reasons(run: Run) -> list[tuple[str, str, bool]]:
    """What each reason of the run is about, the reason, and whether the number is missing."""
    if run.status is not Status.OK:
        return [(str(run.status), run.reason or "no reason was given", True)]
    took, judged, ram, power, near = run.latency_ms, run.accuracy, run.memory, run.energy_mj, run.fidelity
    given = (
        *((found.label, found, found.value is None) for found in (judged, *run.metrics) if found is not None),
        ("latency", took, took is None or took.p50 is None),
        ("memory", ram, ram is None or ram.peak_rss_bytes is None),
        ("energy", power, power is None or power.value is None),
        ("fidelity", near, near is None or near.argmax_agreement is None),
    )
    about = [(what, part, lacking) for what, part, lacking in given if what != "fidelity" or run.recipe != "float"]
    found = [(what, part.reason, lacking) for what, part, lacking in about if part is not None and part.reason]
    busy = [] if took is None or not took.load else [("load on the machine", took.load, False)]
    return [*found, *busy, *(("how it ran", note, False) for note in run.notes)]
