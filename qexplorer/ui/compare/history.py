"""What was compared before: open it, look at several together, make it again, delete it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.recipe_words.names import distinct
from qexplorer.core.results import Accuracy
from qexplorer.core.workspace import digest_json
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History, Record, RunLine
from qexplorer.report.metric_words import value_text
from qexplorer.ui.compare.controls import open_kept, opened, start
from qexplorer.ui.compare.run_table import draw_runs
from qexplorer.ui.own_recipes import names_now
from qexplorer.ui.session import (
    as_plain,
    choose_model,
    data_reference,
    keep,
    model_reference,
    remembered,
    show_error,
    state,
)

__all__ = ["again", "draw_history", "history_rows", "order_again"]

_FILTERS = ("This model", "All models")


def draw_history(sha256: str | None) -> None:
    """The list with its buttons; nothing if nothing was compared yet.

    Args:
        sha256: of the session's model, whose comparisons come first; None without one.
    """
    records = History().list()
    if not records:
        return
    st.header("Compared before")
    choice = _FILTERS[1]
    if sha256 is not None:
        choice = st.segmented_control(
            "Of",
            _FILTERS,
            label_visibility="collapsed",
            required=True,
            **remembered("history_of", _FILTERS[0], _FILTERS),
        )
    shown = [r for r in records if choice == _FILTERS[1] or r.sha256 == sha256]
    if not shown:
        st.caption("Nothing of this model yet.")
        return
    event: Any = st.dataframe(
        in_table(history_rows(shown, names_now())),
        key=f"history_table_{digest_json([r.id for r in shown])[:12]}",  # rows chosen in another list are not meant
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * len(shown), 320),
        column_config={"recipes": st.column_config.TextColumn(width="large")},
    )
    _act_on([shown[i] for i in event.selection.rows if i < len(shown)])


def history_rows(records: Sequence[Record], names: Mapping[str, str]) -> list[dict[str, str]]:
    """One row for each comparison, newest first; ``names`` are today's, by the recipe's digest."""
    return [
        {
            "when (UTC)": record.created[:16].replace("T", " "),
            "model": record.model,
            "data": record.data,
            "recipes": "; ".join(_line_text(line, names.get(line.asked, line.recipe)) for line in record.recipes),
        }
        for record in records
    ]


def _line_text(line: RunLine, name: str) -> str:
    text = name if line.status == "ok" else f"{name} {line.status}"
    if line.accuracy is not None:
        text += f" {value_text(Accuracy('', line.accuracy, unit=line.unit, form=line.form))}"
    return text + ("" if line.speedup is None else f" {line.speedup:.2f}×")  # noqa: RUF001 - the sign for times


def _act_on(chosen: list[Record]) -> None:
    if not chosen:
        st.caption("Choose rows to open them, look at them together, make them again or delete them.")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="history_actions"):
        if len(chosen) == 1:
            st.button(
                "Open", icon=":material/open_in_full:", key="history_open", on_click=open_kept, args=(chosen[0].id,)
            )
        if all(r.order for r in chosen) and len({_setting(r) for r in chosen}) == 1:
            if st.button("Compare again", icon=":material/replay:", key="history_again"):
                again(order_again(chosen), chosen[0].model)
                st.rerun()
        elif len(chosen) > 1:
            st.caption("Different models, data or backends: choose rows of one kind to compare them again.")
        if st.button("Delete", icon=":material/delete:", key="history_delete"):
            _confirm([r.id for r in chosen])
    if len(chosen) > 1:
        _together(chosen)


def again(order: CompareOrder, model_name: str) -> None:
    """Starts an order of the record, with its model and data as the session's."""
    if not _is_chosen(order):
        choose_model(order.model.source, order.data.source, name=model_name)
        now, own = state(), order.data.preprocessing
        now.preprocessing, now.task = None if own is None else own.model_dump(mode="json"), order.data.task
        if order.data.name is not None:
            now.choices["data_name"] = order.data.name
        keep(now)
    start(order)


def _is_chosen(order: CompareOrder) -> bool:
    try:
        model = model_reference()
        return model is not None and (model.source, data_reference()) == (order.model.source, order.data)
    except QExplorerError:  # what is chosen cannot be read
        return False


def _setting(record: Record) -> tuple[str, ...]:
    order = record.order
    return () if order is None else (order.model.source, order.data.model_dump_json(), *order.backends)


def order_again(records: Sequence[Record]) -> CompareOrder:
    """One order with all recipes of several comparisons of one model and data, each recipe once."""
    orders = [record.order for record in records if record.order]
    recipes = distinct([recipe for order in orders for recipe in order.recipes])
    return orders[0].model_copy(update={"recipes": tuple(recipes)})


def _together(chosen: list[Record]) -> None:
    """The runs of several comparisons in one table each, one under the other, with the machine that took the times."""
    for record in chosen:
        when = record.created[:16].replace("T", " ")
        try:
            found = History().get(record.id).called(names_now())
        except QExplorerError as error:
            st.markdown(f"**{as_plain(record.model)}**, {when}")
            show_error(error)
            continue
        st.markdown(f"**{as_plain(record.model)}**, {when}, {as_plain(found.machine_text)}")
        draw_runs(found.runs, key=f"together_{record.id}")


@st.dialog("Delete these results?")
def _confirm(ids: list[str]) -> None:
    count = len(ids)
    st.markdown(f"{count} comparison{'s' if count > 1 else ''} will be gone for good. Quantized files stay.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="history_delete_yes"):
            for comparison_id in ids:
                History().delete(comparison_id)
            if opened() in ids:
                open_kept(None)
            st.rerun()
        if st.button("Keep", key="history_delete_no"):
            st.rerun()
