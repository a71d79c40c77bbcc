"""Samples on which a quantized model changed its answer: as pictures where they are some, as rows where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from qexplorer.core.dataset import Split
from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.results import Run
from qexplorer.measure.comparison import Comparison
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.pictures import is_picture, pictures
from qexplorer.ui.session import as_plain, fitted_data, remembered, state
from qexplorer.ui.sidebar import samples

__all__ = ["Flip", "draw_flips", "flips_of"]

PAGE = 12
_MOST_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Flip:
    """One sample whose answer changed; classes by name where they have names.

    Attributes:
        position: where it stands in the evaluation split.
        kind: ``broken`` (float was right), ``fixed`` (float was wrong, this is right), ``both wrong``, or ``changed``
            where there are no labels.
        label: the right answer, or None.
        float_said: what float answered.
        said: what the quantized model answered.
    """

    position: int
    kind: str
    label: str | None
    float_said: str
    said: str


def flips_of(comparison: Comparison, run: Run) -> list[Flip]:
    """The samples that ``run`` answers otherwise than float, broken ones first."""
    base = comparison.float_run(run.backend)
    if run.accuracy is None or base is None:
        return []
    names = [str(name) for name in comparison.data.get("classes") or ()]
    found = []
    for position in run.accuracy.flipped:
        said, before = comparison.prediction(run, position), comparison.prediction(base, position)
        if said is None or before is None:
            continue
        label = comparison.label(position)
        shown = None if label is None else _named(label, names)
        found.append(Flip(position, _kind(label, before, said), shown, _named(before, names), _named(said, names)))
    order = ("broken", "fixed", "both wrong", "changed")
    return sorted(found, key=lambda flip: (order.index(flip.kind), flip.position))


def _kind(label: int | None, before: int, said: int) -> str:
    if label is None:
        return "changed"
    if before == label:
        return "broken"
    return "fixed" if said == label else "both wrong"


def _named(index: int, names: Sequence[str]) -> str:
    return names[index] if 0 <= index < len(names) else str(index)


def draw_flips(comparison: Comparison) -> None:
    """One run at a time, a page at a time."""
    runs = {label_of(r, comparison.runs): r for r in comparison.runs if r.accuracy and r.accuracy.flipped}
    if not runs:
        judged = comparison.data.get("n_judged", 0)
        if not any(run.accuracy and run.accuracy.value is not None for run in comparison.runs):
            st.caption("Answers are not compared: the model is untrained.")
        elif not comparison.predictions:
            st.caption("An answer of this model is no class, so none can be said to have changed.")
        else:
            st.caption(f"No answer changed on {judged} samples.")
        return
    labels = list(runs)
    label = (
        st.segmented_control(
            "Run", labels, format_func=as_plain, required=True, **remembered("flips_run", labels[0], labels)
        )
        or labels[0]
    )
    flips = flips_of(comparison, runs[label])
    kinds = {kind: sum(f.kind == kind for f in flips) for kind in dict.fromkeys(f.kind for f in flips)}
    changed = f"{len(flips)} answer{'' if len(flips) == 1 else 's'} changed: "
    st.markdown(changed + ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + ".")
    page = _page(len(flips), f"flips_{comparison.id}_{label}")
    _samples(comparison, flips[page * PAGE : (page + 1) * PAGE])


def _page(count: int, key: str) -> int:
    """Buttons for earlier and later; the page's number from 0."""
    last = max(0, (count - 1) // PAGE)
    page = min(int(st.session_state.get(key, 0)), last)
    if last:
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_pages"):
            st.button(
                "",
                icon=":material/chevron_left:",
                key=f"{key}_back",
                help="Earlier",
                disabled=page == 0,
                on_click=_turn,
                args=(key, page - 1),
            )
            st.caption(f"{page * PAGE + 1} to {min(count, (page + 1) * PAGE)} of {count}")
            st.button(
                "",
                icon=":material/chevron_right:",
                key=f"{key}_on",
                help="Later",
                disabled=page == last,
                on_click=_turn,
                args=(key, page + 1),
            )
    return page


def _turn(key: str, page: int) -> None:
    st.session_state[key] = page


def _samples(comparison: Comparison, flips: Sequence[Flip]) -> None:
    split = _same_data(comparison)
    if split is None:
        name = as_plain(str(comparison.data.get("name")))
        st.caption(f"The samples themselves are in {name}: choose that model and data in the sidebar to see them here.")
        _table(flips, None)
        return
    rows = split.take(np.array([flip.position for flip in flips], np.int64))
    inputs = np.asarray(next(iter(rows.inputs.values())))
    if is_picture(inputs.shape[1:]):
        with st.container(horizontal=True, key="flip_pictures"):
            for flip, picture in zip(flips, pictures(inputs), strict=True):
                with st.container(width=116, gap=None):
                    st.image(picture, width=104, alt=f"sample {flip.position}")
                    st.caption(_words(flip))
    else:
        _table(flips, inputs)


def _same_data(comparison: Comparison) -> Split | None:
    """The evaluation split that was judged, if the session's data is that very data."""
    try:
        data = fitted_data()
    except QExplorerError:
        return None
    if data is None or data.digest != comparison.data.get("digest"):
        return None
    return data.evaluation


def _words(flip: Flip) -> str:
    truth = "" if flip.label is None else f"label **{as_plain(flip.label)}**  \n"
    return f"{truth}float: {as_plain(flip.float_said)}  \nnow: {as_plain(flip.said)}  \n*{flip.kind}*"


def _columns(inputs: Any) -> Sequence[str]:
    """Names of a table's columns: a sample's own, or numbers."""
    if inputs is None or inputs.ndim != 2:
        return ()
    sample = samples().get(state().model or "")
    known = sample.features if sample is not None else ()
    return known if len(known) == inputs.shape[1] else [f"x{i}" for i in range(inputs.shape[1])]


def _table(flips: Sequence[Flip], inputs: Any) -> None:
    rows: list[dict[str, Any]] = []
    names = _columns(inputs)
    for place, flip in enumerate(flips):
        row: dict[str, Any] = {"sample": flip.position, "what": flip.kind}
        row |= {} if flip.label is None else {"label": flip.label}
        row |= {"float said": flip.float_said, "quantized said": flip.said}
        if inputs is not None and inputs.ndim == 2:
            row |= {names[i]: float(v) for i, v in enumerate(inputs[place][:_MOST_COLUMNS])}
        rows.append(row)
    st.dataframe(in_table(rows), hide_index=True, placeholder="")
