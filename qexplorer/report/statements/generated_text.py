"""Generated texts side by side: as cards of HTML, and as lines of a terminal; where they part is marked."""

from __future__ import annotations

from collections.abc import Mapping

from qexplorer.core.foreign.media import in_html, in_terminal
from qexplorer.core.results import Run
from qexplorer.measure.generation.generation_types import Generation, Writing
from qexplorer.report.metric_words import value_text
from qexplorer.report.words import latency_text
from qexplorer.run.registry import backend_label

__all__ = ["PARTS", "how_drawn", "measured_text", "same_text", "terminal_lines", "texts_html"]

PARTS = ">|<"
"""Stands in a terminal where a text first differs from the float model's."""
_CARD = "flex:1 1 17rem;min-width:0;border:1px solid rgba(128,128,128,.35);border-radius:.5rem;padding:.6rem .8rem"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5;margin:.3rem 0 0"
_MARK = "background:rgba(255,170,0,.28);color:inherit;border-radius:.2rem;box-shadow:-2px 0 0 rgb(255,140,0)"
_QUIET = "opacity:.65"
_MORE = f'<span style="{_QUIET}">…</span>'  # it stopped because enough was written


def same_text(writing: Writing) -> str:
    """How long a text is that of the float model."""
    if writing.failed is not None:
        return writing.failed
    n = len(writing.tokens)
    if writing.same == n:
        return f"all {n} tokens as in float"
    return f"{writing.same} of {n} tokens as in float, then it parts" if writing.same else "parts at the first token"


def measured_text(run: Run) -> str:
    """What a comparison measured of who wrote: ``perplexity 16.86, 0.502 ms a call (noisy)``; empty without numbers."""
    found, latency = run.accuracy, run.latency_ms
    told = [] if found is None or found.value is None else [f"{found.label} {value_text(found)}"]
    if latency is not None and latency.p50 is not None:
        told.append(latency_text(latency).replace(" ms", " ms a call"))
    return ", ".join(told)


def how_drawn(generation: Generation) -> str:
    """How tokens were chosen, and where."""
    drawn = f"drawn at temperature {generation.temperature:g}, seed {generation.seed}, with the same draws for all"
    how = "the most likely token each time" if generation.temperature == 0 else drawn
    return f"{how}, on {backend_label(generation.backend)}"


def texts_html(generation: Generation, measured: Mapping[str, str] | None = None) -> str:
    """A card for each text, as many beside each other as there is room for; every text is escaped.

    Args:
        generation: the texts.
        measured: what stands under a recipe's name, by name; see :func:`measured_text`.
    """
    known = measured or {}
    cards = "".join(_card(generation.prompt, each, known.get(each.recipe, "")) for each in generation.writings)
    return f'<div style="display:flex;flex-wrap:wrap;gap:.7rem">{cards}</div>'


def _card(prompt: str, writing: Writing, measured: str) -> str:
    said = f"{len(writing.tokens)} tokens" if writing.recipe == "float" else same_text(writing)
    lines = "".join(f'<div style="{_QUIET}">{in_html(line)}</div>' for line in (measured, said) if line)
    head = f'<div style="font-size:.86rem"><b>{in_html(writing.recipe)}</b>{lines}</div>'
    if writing.failed is not None:
        return f'<div style="{_CARD}">{head}</div>'
    other = f'<mark style="{_MARK}">{_lines(writing.after)}</mark>' if writing.after else ""
    text = f'<span style="{_QUIET}">{_lines(prompt)}</span>{_lines(writing.before)}{other}{_MORE}'
    return f'<div style="{_CARD}">{head}<div style="{_TEXT}">{text}</div></div>'


def _lines(text: str) -> str:
    """Escaped, with the line ends that a model writes kept."""
    return "\n".join(map(in_html, text.split("\n")))


def terminal_lines(generation: Generation) -> list[str]:
    """A line for each text, behind its recipe."""
    lines = []
    for each in generation.writings:
        text = each.failed or f"{each.before}{PARTS if each.after else ''}{each.after}"
        lines.append(f"{each.recipe}: {in_terminal(text)}")
    return lines
