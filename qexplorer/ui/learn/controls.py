"""The controls of a lesson as widgets; their values live in the lesson's place, so that a hidden one keeps its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import streamlit as st

from qexplorer.learn.controls import Bits, Choice, Entries, LessonControl, Slider, Switch
from qexplorer.learn.lesson import LessonPlan
from qexplorer.ui.learn.address import Place, choice_name
from qexplorer.ui.session import remembered

__all__ = ["draw_controls"]


def draw_controls(lesson: LessonPlan, place: Place, *, disabled: bool) -> None:
    """Draws all that are not hidden; ``disabled`` until the question is answered."""
    settings, off = place.settings, place.hidden.union(lesson.unused(tensor=bool(place.values)))
    for control in lesson.controls:
        fits = control.only is None or settings[control.only[0]] in control.only[1]
        if fits and control.name not in off:
            _DRAWN[type(control)](control, lesson, place, disabled)


def _kept(lesson: LessonPlan, place: Place, control: LessonControl) -> dict[str, Any]:
    """Key and callback of a widget whose value is that of the control."""
    kept = remembered(choice_name(lesson, control.name), control.start)
    st.session_state[kept["key"]] = place.settings[control.name]
    return kept


def _slider(control: Slider, lesson: LessonPlan, place: Place, disabled: bool) -> None:
    kept = _kept(lesson, place, control)
    whole = int if control.whole else float
    st.session_state[kept["key"]] = whole(st.session_state[kept["key"]])
    st.slider(
        control.label,
        whole(control.low),
        whole(control.high),
        step=whole(control.step),
        help=control.help or None,
        disabled=disabled,
        **kept,
    )


def _choice(control: Choice, lesson: LessonPlan, place: Place, disabled: bool) -> None:
    kept = _kept(lesson, place, control)
    names = [name for name, _ in control.options]
    few = len(names) <= 4 and sum(len(title) for _, title in control.options) <= 24
    words: dict[str, Any] = {"format_func": control.title, "help": control.help or None, "disabled": disabled, **kept}
    if few:
        st.segmented_control(control.label, names, required=True, **words)
    else:
        st.selectbox(control.label, names, **words)


def _switch(control: Switch, lesson: LessonPlan, place: Place, disabled: bool) -> None:
    kept = _kept(lesson, place, control)
    st.toggle(control.label, help=control.help or None, disabled=disabled, **kept)


def _bits(control: Bits, lesson: LessonPlan, place: Place, disabled: bool) -> None:
    """One button for each bit; the highest stands on the left, and each part has a row of its own."""
    code, at = int(place.settings[control.name]), control.count
    st.markdown(control.label, help=control.help or None)
    for name, bits in control.parts:
        with st.container(horizontal=True, gap="xsmall", key=f"bits_{lesson.name}_{control.name}_{name}"):
            st.caption(name)
            for _ in range(bits):
                at -= 1
                is_set = code >> at & 1
                st.button(
                    f"{is_set} :small[bit {at}]",  # the small part is for those who hear it
                    key=f"{choice_name(lesson, control.name)}:{at}",
                    type="primary" if is_set else "secondary",
                    disabled=disabled,
                    on_click=_flip,
                    args=(place, control.name, at),
                )


def _flip(place: Place, name: str, at: int) -> None:
    place.change({name: place.settings[name] ^ 1 << at})


def _matrix(control: Entries, lesson: LessonPlan, place: Place, disabled: bool) -> None:
    """A number for each entry, in rows."""
    st.markdown(control.label, help=control.help or None)
    rows, columns = control.shape
    entries = place.settings[control.name]
    with st.container(key=f"matrix_{lesson.name}_{control.name}", gap="xsmall"):
        for row in range(rows):
            for column, cell in enumerate(st.columns(columns, gap="xsmall")):
                key = f"{choice_name(lesson, control.name)}:{row}:{column}"
                st.session_state[key] = entries[row][column]
                cell.number_input(
                    f"{control.label}, row {row + 1}, column {column + 1}",
                    control.low,
                    control.high,
                    step=1,
                    label_visibility="collapsed",
                    disabled=disabled,
                    key=key,
                    on_change=_entry,
                    args=(place, control.name, row, column, key),
                )


def _entry(place: Place, name: str, row: int, column: int, key: str) -> None:
    rows = [list(entries) for entries in place.settings[name]]
    rows[row][column] = int(st.session_state[key])
    place.change({name: tuple(tuple(entries) for entries in rows)})


_DRAWN = cast(
    "dict[type, Callable[[Any, LessonPlan, Place, bool], None]]",
    {Slider: _slider, Choice: _choice, Switch: _switch, Bits: _bits, Entries: _matrix},
)
