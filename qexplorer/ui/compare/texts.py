"""Generated text on page Compare: a prompt, and what float and each compared recipe write behind it, side by side."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.core.vocabulary import Vocabulary
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.generate import GENERATE, GenerateOrder
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.generation.generate import MOST_PROMPT, MOST_TOKENS
from qexplorer.measure.generation.generation_types import Generation
from qexplorer.report.statements.generated_text import how_drawn, measured_text, texts_html
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import as_plain, remembered, show_error

__all__ = ["draw_texts"]

_Section = JobSection[GenerateOrder, Generation, None]
_PROMPT = "The Rays of Light"
_LENGTHS, _COLD, _WARM = (32, 64, 128, MOST_TOKENS), "The likeliest", "Drawn"
_HELP = "Each recipe's file writes token by token, in a process of its own; usually a few seconds."


@st.fragment
def draw_texts(comparison: Comparison) -> None:
    """The section; its controls draw it alone anew."""
    record = next((each for each in History().list() if each.id == comparison.id), None)
    if record is None or record.order is None:
        st.caption("This comparison was not made on this page, so its model and data are not known; compare again.")
        return
    words = _vocabulary(record.order)
    if words is None:
        return
    section = _section(comparison, record.order, words)
    found, job = section.result(), section.job()
    if job is not None and found is None:
        section.draw_job(job)
    if found is not None:
        st.html(texts_html(found, _measured(comparison, found.backend)))
        st.caption(
            f"Marked: from where a text parts from float's; {as_plain(how_drawn(found))}. A text that parts need not "
            "be a worse one; perplexity says how much is lost."
        )


def _vocabulary(order: CompareOrder) -> Vocabulary | None:
    """What the compared model's tokens stand for; says why nobody knows."""
    from qexplorer.jobs.references import open_model
    from qexplorer.load.vocabulary import vocabulary_of

    try:
        return vocabulary_of(open_model(order.model))
    except QExplorerError as error:
        show_error(error)
        return None


def _measured(comparison: Comparison, backend: str) -> dict[str, str]:
    """What was measured of each recipe where it wrote."""
    return {run.recipe: measured_text(run) for run in comparison.runs if run.backend == backend}


def _section(comparison: Comparison, compared: CompareOrder, words: Vocabulary) -> _Section:
    """Draws the controls and the button; the section has no order without a prompt that can be read."""
    kept = remembered("text_prompt", _PROMPT)
    prompt = st.text_area("Prompt", max_chars=MOST_PROMPT, height=68, placeholder="The beginning of a text", **kept)
    with st.container(horizontal=True, vertical_alignment="bottom", key="text_picks"):
        length = st.segmented_control(
            "Tokens", _LENGTHS, required=True, **remembered("text_tokens", _LENGTHS[1], _LENGTHS)
        )
        how = st.segmented_control(
            "Next token", (_COLD, _WARM), required=True, **remembered("text_how", _COLD, (_COLD, _WARM))
        )
        temperature, seed = 0.0, 0
        if how == _WARM:
            temperature = st.number_input(
                "Temperature", 0.1, 10.0, step=0.1, width=130, **remembered("text_temperature", 0.8)
            )
            seed = st.number_input("Seed", 0, 2**31 - 1, step=1, width=130, **remembered("text_seed", 0))
        asked = (str(prompt), int(length or _LENGTHS[1]), float(temperature), int(seed))
        lacks = _lacks(words, str(prompt))
        order = None if lacks else _order(comparison, compared, *asked)
        button = StartButton("Write on", ":material/edit_note:", help=_HELP, primary=True)
        section: _Section = JobSection(GENERATE, order, button)
        job = section.job()
        if job is None or not job.is_running:
            section.draw_button()
    if lacks:
        st.caption(as_plain(lacks))
    return section


def _lacks(words: Vocabulary, prompt: str) -> str | None:
    """What keeps the prompt from being written on; None: nothing."""
    if not prompt:
        return "Type the beginning of a text."
    try:
        words.encode(prompt)
    except QExplorerError as error:
        return f"{error.sentence}."
    return None


def _order(
    comparison: Comparison, compared: CompareOrder, prompt: str, tokens: int, temperature: float, seed: int
) -> GenerateOrder:
    runs = {run.digest: run for run in comparison.runs if run.recipe != "float" and run.digest in comparison.recipes}
    used = [run.backend for run in comparison.runs if run.status is Status.OK] or [comparison.runs[0].backend]
    return GenerateOrder(
        model=compared.model,
        data=compared.data,
        recipes=tuple(Recipe.parse(comparison.recipes[digest]) for digest in runs),
        backend=used[0],
        prompt=prompt,
        tokens=tokens,
        temperature=temperature,
        seed=seed,
    )
