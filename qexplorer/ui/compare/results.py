"""A comparison on the page: the verdict, the pictures, the numbers behind them, and what can be taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.foreign.media import in_html, in_table
from qexplorer.core.results import Run, Status
from qexplorer.measure.comparison import Comparison
from qexplorer.quantize.findings import read_written
from qexplorer.report.comparison_charts.bars import (
    BarsInfo,
    bars_spec,
    cost_info,
    kernels_info,
    latency_info,
    throughput_info,
)
from qexplorer.report.comparison_charts.tradeoff import has_accuracy, trade_info, trade_spec
from qexplorer.report.comparison_charts.values import label_of, made_on
from qexplorer.report.export import comparison_csv, comparison_json
from qexplorer.report.palette import backend_colour
from qexplorer.report.statements.cautions import cautions_of
from qexplorer.report.table import data_facts
from qexplorer.report.verdict import Change, Verdict, headline, verdict_of
from qexplorer.run.registry import backend_label
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.compare.energy import draw_energy
from qexplorer.ui.compare.flips import draw_flips
from qexplorer.ui.compare.ladder import draw_ladder
from qexplorer.ui.compare.present import draw_present_button
from qexplorer.ui.compare.run_table import draw_runs
from qexplorer.ui.compare.saturation import draw_saturation
from qexplorer.ui.compare.sweep import draw_sweep
from qexplorer.ui.compare.texts import draw_texts
from qexplorer.ui.compare.usage import draw_usage
from qexplorer.ui.compare.why.section import draw_why
from qexplorer.ui.once import once
from qexplorer.ui.session import as_plain, remembered

__all__ = ["draw_results"]

_ICONS = {
    Change.NONE: ":material/verified:",
    Change.BETTER: ":material/verified:",
    Change.UNSURE: ":material/info:",
    Change.WORSE: ":material/trending_down:",
    Change.UNKNOWN: ":material/info:",
}
_FEW = 3  # verdicts beside the best one that are read at a glance
_TEXTS = "Generated text"  # of language models alone
_COSTS = ("weight_bytes", "latency_ms", "energy_mj")


def draw_results(comparison: Comparison) -> None:
    """Everything about one finished comparison."""
    once(f"verdict {comparison.look}", partial(_verdict, comparison))
    _pictures(comparison)
    key = f"runs_{comparison.look}"
    once(key, partial(draw_runs, comparison.runs, key=key))
    _take_away(comparison)
    _details(comparison)


def _verdict(comparison: Comparison) -> None:
    best = headline(comparison.runs)
    with st.container(border=True, key="verdict"):
        if best is None:
            st.markdown("#### No recipe gave numbers that can be shown")
        else:
            st.markdown(f"#### {_ICONS[best.answers]} {as_plain(best.text)}")
        _other_verdicts(comparison, best)
        facts = ", ".join([made_on(comparison), *data_facts(comparison)]) + "."
        notes = (*cautions_of(comparison.runs), *(comparison.data.get("notes") or ()))
        st.caption(" ".join([as_plain(facts), *(f":material/info: {as_plain(note)}" for note in notes)]))


def _other_verdicts(comparison: Comparison, best: Verdict | None) -> None:
    """A sentence on each other run: those with numbers first, folded if they are many, then why others have none."""
    runs = [run for run in comparison.runs if run.recipe != "float"]
    found = [(run, verdict_of(run, comparison.runs)) for run in runs]
    others = [(run, verdict) for run, verdict in found if best is None or verdict.label != best.label]
    lines = [f"{_ICONS[v.answers]} {as_plain(v.text)}" for run, v in others if run.status is Status.OK]
    few = len(lines) <= _FEW
    said = f"The other {len(lines)} with numbers, a sentence each"
    shown: Any = nullcontext() if few else st.expander(said, key="other_verdicts")
    with shown:
        for line in lines:
            st.markdown(line)
    for labels, why in _without_numbers([verdict for run, verdict in others if run.status is not Status.OK]):
        st.markdown(f":material/block: {as_plain(f'{labels}: {why}.')}")


def _without_numbers(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """The runs that have no numbers, together where the reason is the same."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        found.setdefault(", ".join(verdict.sentences), []).append(verdict.label)
    return [("; ".join(labels), why) for why, labels in found.items()]


def _pictures(comparison: Comparison) -> None:
    """The metric against each cost; without one that means anything, the costs alone."""
    with st.container(key="trade"):
        for measure in _COSTS:
            if has_accuracy(comparison):
                _trade(comparison, measure)
            else:
                _bars(partial(cost_info, comparison, measure), f"cost_{measure}_{comparison.look}")
    used = dict.fromkeys(run.backend for run in comparison.runs if run.status is Status.OK)
    if len(used) > 1:
        keys = [f"<span style='color:{backend_colour(name)}'>●</span> {in_html(backend_label(name))}" for name in used]
        st.html(f"<div style='font-size:0.86rem'>{' &nbsp; '.join(keys)} &nbsp; (float is grey on each)</div>")
    if any(run.energy_mj and run.energy_mj.source == "estimated" for run in comparison.runs):
        st.caption("Hollow and hatched: estimated or noisy. No power meter was found, so energy is an estimate.")


def _trade(comparison: Comparison, measure: str) -> None:
    key = f"trade_{measure}_{comparison.look}"
    info = once(f"info {key}", partial(trade_info, comparison, measure))
    if info.points:
        draw_chart(once(f"spec {key}", partial(trade_spec, info)), key=key)


def _details(comparison: Comparison) -> None:
    st.header("What is behind it")
    names = [name for name in _SECTIONS if name != _TEXTS or comparison.data.get("task") == "sequences"]
    choice = st.segmented_control(
        "Show", names, label_visibility="collapsed", required=True, **remembered("behind", names[0], names)
    )
    _SECTIONS[choice or names[0]](comparison)


def _latency(comparison: Comparison) -> None:
    _bars(partial(latency_info, comparison), f"latency_{comparison.look}")


def _throughput(comparison: Comparison) -> None:
    _bars(partial(throughput_info, comparison), f"throughput_{comparison.look}")


def _kernels(comparison: Comparison) -> None:
    info = _bars(partial(kernels_info, comparison), f"kernels_{comparison.look}")
    rows = [
        {"run": row.label, "kind": row.series, "kernels": int(row.value.value), "operators": row.detail}
        for row in info.rows
        if row.value.value
    ]
    if rows:
        st.dataframe(
            in_table(rows),
            hide_index=True,
            placeholder="",
            column_config={"operators": st.column_config.TextColumn(width="large")},
        )
    st.caption(
        "In the backend's colour: integer kernels; grey: float ones. Read from the graph that the backend itself "
        "optimized, so these are the kernels that really ran."
    )


def _bars(make: Callable[[], BarsInfo], key: str) -> BarsInfo:
    info = once(f"info {key}", make)
    if info.rows:
        draw_chart(once(f"spec {key}", partial(bars_spec, info)), key=key)
    for label, reason in info.left_out:
        st.caption(as_plain(f"Not drawn, {label}: {reason}"))
    return info


def _take_away(comparison: Comparison) -> None:
    """Quantized file and recipe of one run; results of all."""
    labels = {
        label_of(run, comparison.runs): run
        for run in comparison.runs
        if run.recipe != "float" and run.status is not Status.FAILED
    }
    stem = f"{comparison.model.get('name')}-{comparison.created[:16].replace(':', '')}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="take_away"):
        if labels:
            label = st.selectbox("Take away", list(labels), key=f"take_{comparison.look}", width=220)
            _run_files(comparison, labels[label])
        draw_present_button(comparison)
        _download("Results as JSON", partial(comparison_json, comparison), file_name(stem, ".json"))
        _download("Results as CSV", partial(comparison_csv, comparison), file_name(stem, ".csv"))
    if labels and (notes := labels[label].notes):
        st.caption(as_plain(f"How this file ran on {backend_label(labels[label].backend)}: {'; '.join(notes)}."))


def _run_files(comparison: Comparison, run: Run) -> None:
    model, name = str(comparison.model.get("name")), _name_in_files(comparison, run)
    path = Path(comparison.quantized.get(run.digest, ""))
    if path.is_file() and read_written(path) is not None:
        _download("ONNX", path.read_bytes, file_name(model, name, ".onnx"))
    else:
        st.caption("The quantized file is gone; compare again to make it.")
    recipe = comparison.recipes.get(run.digest)
    if recipe:
        _download("Recipe", lambda: recipe, file_name(model, name, ".yaml"))


def _name_in_files(comparison: Comparison, run: Run) -> str:
    """The recipe's name, with a part of its digest where an earlier version compared two of one name."""
    twins = {other.digest for other in comparison.runs if other.recipe == run.recipe and other.backend == run.backend}
    return run.recipe if len(twins) == 1 else f"{run.recipe}-{run.digest[:4]}"


def _download(label: str, data: Callable[[], str | bytes], name: str) -> None:
    """A button whose file is made when it is pressed, and not each time the page is drawn."""
    st.download_button(label, data, name, icon=":material/download:", on_click="ignore")


_SECTIONS: dict[str, Callable[[Comparison], None]] = {
    "Latency": _latency,
    "Throughput": _throughput,
    "Kernels": _kernels,
    "Why not faster": draw_why,
    "Changed answers": draw_flips,
    "Fidelity ladder": draw_ladder,
    "Saturation": draw_saturation,
    "Energy": draw_energy,
    "Hardware use": draw_usage,
    "Batch and threads": draw_sweep,
    _TEXTS: draw_texts,
}
"""What can be looked into, by its label; each draws itself from the comparison."""
