"""A comparison on a wall: the cards fill the window, and one slider says how much of the answers may be lost."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.results import Run, Status
from qexplorer.measure.comparison import Comparison
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.present.cards import Presentation, presentation
from qexplorer.report.present.choosing import Allowance, allowances, question, two_of
from qexplorer.report.present.page import fragment, page
from qexplorer.report.present.plainly import without_decibels
from qexplorer.ui.session import keep, state

__all__ = ["draw_present", "draw_present_button", "is_presented", "is_presenting"]

_CHOICE = "present"  # in the session's choices: id of the comparison that fills the window
_MOST = 2  # cards beside float's

_ALONE = """<style>
[data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stExpandSidebarButton"],
.st-key-status_line, [data-testid="stStatusWidget"] { display: none !important; }
.stMainBlockContainer { max-width: none !important; padding: 1rem 1.6rem 0 !important; }
.stMainBlockContainer > [data-testid="stVerticalBlock"] { gap: 0.6rem; }
.stApp { --qx-around: 8.6rem; }
@page { size: A4 landscape; margin: 8mm; }
@media (max-width: 640px) { .st-key-present_controls [data-testid="stMultiSelect"] { min-width: 100%; } }
@media print {
  .st-key-present_controls { display: none !important; }
  html, body, .stApp, .stApp > *, [data-testid="stAppViewContainer"], [data-testid="stMain"], .stMainBlockContainer {
    position: static !important; overflow: visible !important; height: auto !important; min-height: 0 !important; }
  .stMainBlockContainer { padding: 0 !important; }
  .qx-wall { --u: 2.6mm !important; }
  .qx-cards { grid-template-columns: repeat(3, minmax(0, 1fr)) !important; }
}
</style>"""

_FULL = """<script>
document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
if (!window.qxFullScreen) {
  window.qxFullScreen = true;
  document.addEventListener('click', (event) => {
    if (!event.target.closest('.st-key-present_full button')) return;
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(() => {});
  });
}
</script>"""
"""The cards begin at the top, wherever the button was. A browser lets a page fill the screen only while a click on that
page is handled."""


def is_presenting() -> bool:
    """Whether some comparison fills the window."""
    return _CHOICE in state().choices


def is_presented(comparison: Comparison) -> bool:
    """Whether this comparison fills the window, until somebody leaves it."""
    return state().choices.get(_CHOICE) == comparison.id


def draw_present_button(comparison: Comparison) -> None:
    """The way in; nothing where no quantized run has numbers."""
    if _shown_runs(comparison):
        why = "Three cards that fill the window: for a wall, a screenshot, or one printed page"
        st.button("Present", icon=":material/slideshow:", on_click=_present, args=(comparison.id,), help=why)


def draw_present(comparison: Comparison) -> None:
    """The cards and, below them, the slider and the ways out; the sidebar and what else frames a page are hidden."""
    st.html(_ALONE)
    st.html(_FULL, unsafe_allow_javascript=True)
    _wall(without_decibels(comparison))


@st.fragment
def _wall(comparison: Comparison) -> None:
    places = {place.text: place for place in allowances(comparison.runs)}
    runs = _shown_runs(comparison)
    slider, picks = f"present_loss_{comparison.look}", f"present_runs_{comparison.look}"
    if picks not in st.session_state:
        st.session_state[slider] = _first(comparison, places)
        _choose(comparison, places)
    shown = presentation(comparison, [runs[label] for label in st.session_state[picks] if label in runs])
    st.html(fragment(shown))
    with st.container(horizontal=True, vertical_alignment="bottom", key="present_controls"):
        asked, width = question(comparison.runs), 420
        if len(places) > 1:
            st.select_slider(
                asked,
                list(places),
                key=slider,
                on_change=_choose,
                args=(comparison, places),
                width=width,
                help="By the largest loss that the samples leave possible. The fastest and the smallest that keep it "
                "are shown.",
            )
        st.multiselect("Shown beside float", list(runs), key=picks, max_selections=_MOST, width="stretch")
        _ways_out(comparison, shown)


def _ways_out(comparison: Comparison, shown: Presentation) -> None:
    st.button("Full screen", icon=":material/fullscreen:", key="present_full")
    name = file_name(f"{comparison.model.get('name')}-{comparison.created[:16].replace(':', '')}", ".html")
    why = "One HTML file that needs no network; print it for a PDF"
    st.download_button("Save", page(shown), name, "text/html", icon=":material/download:", on_click="ignore", help=why)
    if st.button("Leave", icon=":material/close:", key="present_leave"):
        _present(None)
        st.rerun()


def _present(comparison_id: str | None) -> None:
    now = state()
    if comparison_id is None:
        now.choices.pop(_CHOICE, None)
    else:
        now.choices[_CHOICE] = comparison_id
    keep(now)


def _shown_runs(comparison: Comparison) -> dict[str, Run]:
    """The quantized runs that have numbers, by label."""
    kept = [run for run in comparison.runs if run.recipe != "float" and run.status is Status.OK]
    return {label_of(run, comparison.runs): run for run in kept}


def _first(comparison: Comparison, places: dict[str, Allowance]) -> str:
    """Where the slider stands at first: the least loss with which there are two to show."""
    full = (text for text, place in places.items() if len(two_of(comparison.runs, place.loss)) == _MOST)
    return next(full, list(places)[-1])


def _choose(comparison: Comparison, places: dict[str, Allowance]) -> None:
    """Shows what the slider allows."""
    place = places[st.session_state[f"present_loss_{comparison.look}"]]
    chosen = two_of(comparison.runs, place.loss)
    st.session_state[f"present_runs_{comparison.look}"] = [label_of(run, comparison.runs) for run in chosen]
