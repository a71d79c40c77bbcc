"""Where the time goes: parts of a call, layers side by side, the roofline, and every number as a table."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.core.words.numbers import percent_text
from qexplorer.machine.ceiling import Ceiling
from qexplorer.machine.cpu import FEATURES, cpu_features
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.why.explanation import Why
from qexplorer.report.layer_charts.roofline import roofline_info, roofline_spec
from qexplorer.report.layer_charts.why import layer_times_info, part_times_info, times_spec
from qexplorer.report.why_table import why_rows
from qexplorer.run.registry import backend_label
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.session import as_plain, remembered

__all__ = ["draw_times"]

_ORDERS = {"model": "As in the model", "time": "Dearest first"}
_WANTED = ("avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16", "avx512_fp16", "asimddp", "i8mm")


def draw_times(why: Why, comparison: Comparison) -> None:
    """Charts and table; without times the layers with what is expected of them, and the reasons."""
    for text in why.missing:
        st.caption(as_plain(f"Not shown: {text}."))
    where = _where(why, comparison)
    key = f"{comparison.id}_{why.digest}_{why.backend}_{why.batch}"
    if why.profiled:
        draw_chart(times_spec(part_times_info(why, where)), key=f"why_parts_{key}")
        _layers(why, where, key)
        _roofline(why, where, key)
    if why.layers:
        rows = why_rows(why)
        with st.expander(f"Every layer in numbers ({len(rows)})", icon=":material/table:", expanded=not why.profiled):
            st.dataframe(
                in_table(rows), hide_index=True, placeholder="", key=f"why_rows_{key}", column_config=_columns()
            )


def _where(why: Why, comparison: Comparison) -> str:
    cpu = comparison.machine.get("cpu", "unknown machine") if why.ceiling is None else why.ceiling.cpu
    when = why.created[:16].replace("T", " ")
    what = f"{comparison.model.get('name')}, {why.recipe}, {backend_label(why.backend)}, batch {why.batch}"
    return f"{what}, {cpu}, {when} UTC"


def _layers(why: Why, where: str, key: str) -> None:
    names = list(_ORDERS)
    order = st.segmented_control(
        "Order of layers",
        names,
        format_func=_ORDERS.__getitem__,
        required=True,
        **remembered("why_order", names[0], names),
    )
    info = layer_times_info(why, where, "time" if order == "time" else "model")
    draw_chart(times_spec(info), key=f"why_layers_{key}")
    if info.left_out:
        much = percent_text(info.left_out_share, 1)
        one = info.left_out == 1
        which = "1 layer is not drawn: it takes" if one else f"{info.left_out} layers are not drawn: they take"
        st.caption(f"{which} {much} of the quantized run.")
    st.caption("Profiling slows every kernel by some microseconds: these times are for comparing layers.")


def _roofline(why: Why, where: str, key: str) -> None:
    info = roofline_info(why, where)
    if info is None or why.ceiling is None:
        return
    draw_chart(roofline_spec(info), key=f"why_roofline_{key}")
    st.caption(_limits(why.ceiling))
    has = tuple(name for name in _WANTED if name in (cpu_features() or ()))
    if has:
        st.caption("This processor has " + ", ".join(f"{name} ({FEATURES[name]})" for name in has) + ".")


def _limits(ceiling: Ceiling) -> str:
    """The measured limits in one sentence."""
    named = (
        ("int8 by uint8", ceiling.int8_gops, "GOP/s"),
        ("int8 by int8", ceiling.int8_signed_gops, "GOP/s"),
        ("float32", ceiling.fp32_gflops, "GOP/s"),
        ("memory", ceiling.memory_gb_per_s, "GB/s"),
        ("a core's caches", ceiling.cache_gb_per_s, "GB/s"),
    )
    told = ", ".join(f"{name} {value:.0f} {unit}" for name, value, unit in named if value is not None)
    least = min(ceiling.n.values(), default=0)
    return (
        f"Limits measured in the same process, before and after: {told} (best of {least} or more, "
        f"{ceiling.threads} thread{'' if ceiling.threads == 1 else 's'}). Products run in ONNX Runtime; a copied byte "
        "counts as one read and one written."
    )


def _columns() -> dict[str, Any]:
    """Numbers with the digits that they carry."""
    number = st.column_config.NumberColumn
    times = {name: number(format="%.4g") for name in ("float ms", "quantized ms", "conversions ms", "gain ms")}
    rates = ("float ops/byte", "quantized ops/byte", "float GOP/s", "quantized GOP/s")
    return {
        "layer": st.column_config.TextColumn(pinned=True),
        **times,
        **{name: number(format="%.3g") for name in rates},
        "cause": st.column_config.TextColumn(width="large"),
    }
