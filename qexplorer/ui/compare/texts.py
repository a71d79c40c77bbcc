"""Generated text on page Compare: a prompt, and what float and each compared recipe write behind it, side by side."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.generate import GENERATE, GenerateOrder
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.generation.generate import MOST_PROMPT, MOST_TOKENS
from qexplorer.report.statements.generated_text import how_drawn, texts_html
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import as_plain, remembered, show_error

__all__ = ["draw_texts"]

_PROMPT = "The Rays of Light"
_LENGTHS, _COLD, _WARM = (32, 64, 128, MOST_TOKENS), "The likeliest", "Drawn"
_HELP = "Each recipe's file writes token by token, in a process of its own; usually a few seconds."


def draw_texts(comparison: Comparison) -> None:
    """The section."""
    record = next((each for each in History().list() if each.id == comparison.id), None)
    if record is None or record.order is None:
        st.caption("This comparison was not made on this page, so its model and data are not known; compare again.")
        return
    if not _can_write(record.order):
        return
    order = _order(comparison, record.order)
    section = JobSection(GENERATE, order, StartButton("Write on", ":material/edit_note:", help=_HELP, primary=True))
    section.draw()
    found = section.result()
    if found is not None:
        st.html(texts_html(found))
        st.caption(
            f"Marked: from where a text parts from float's; {as_plain(how_drawn(found))}. A text that parts need not "
            "be a worse one; perplexity says how much is lost."
        )


def _can_write(order: CompareOrder) -> bool:
    """Whether the compared model has tokens that are texts; says why not."""
    from qexplorer.jobs.references import open_model
    from qexplorer.load.vocabulary import vocabulary_of

    try:
        vocabulary_of(open_model(order.model))
    except QExplorerError as error:
        show_error(error)
        return False
    return True


def _order(comparison: Comparison, compared: CompareOrder) -> GenerateOrder | None:
    """What the controls ask for; None without a prompt."""
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
    if not prompt:
        st.caption("Type the beginning of a text.")
        return None
    runs = {run.digest: run for run in comparison.runs if run.recipe != "float" and run.digest in comparison.recipes}
    used = [run.backend for run in comparison.runs if run.status is Status.OK] or [comparison.runs[0].backend]
    return GenerateOrder(
        model=compared.model,
        data=compared.data,
        recipes=tuple(Recipe.parse(comparison.recipes[digest]) for digest in runs),
        backend=used[0],
        prompt=str(prompt),
        tokens=int(length or _LENGTHS[1]),
        temperature=float(temperature),
        seed=int(seed),
    )
