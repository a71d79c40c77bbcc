"""Generated texts side by side: as cards of HTML, and as lines of a terminal; where they part is marked."""

from __future__ import annotations

from qexplorer.core.foreign.media import in_html, in_terminal
from qexplorer.measure.generation.generation_types import Generation, Writing

__all__ = ["PARTS", "how_drawn", "same_text", "terminal_lines", "texts_html"]

PARTS = ">|<"
"""Stands in a terminal where a text first differs from the float model's."""
_CARD = "flex:1 1 17rem;min-width:0;border:1px solid rgba(128,128,128,.35);border-radius:.5rem;padding:.6rem .8rem"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.5;margin:.3rem 0 0"
_MARK = "background:rgba(255,170,0,.28);color:inherit;border-radius:.2rem;box-shadow:-2px 0 0 rgb(255,140,0)"
_QUIET = "opacity:.65"


def same_text(writing: Writing) -> str:
    """How long a text is that of the float model."""
    if writing.failed is not None:
        return writing.failed
    n = len(writing.tokens)
    if writing.same == n:
        return f"all {n} tokens as in float"
    return f"{writing.same} of {n} tokens as in float, then it parts" if writing.same else "parts at the first token"


def how_drawn(generation: Generation) -> str:
    """How tokens were chosen, and where."""
    drawn = f"drawn at temperature {generation.temperature:g}, seed {generation.seed}, with the same draws for all"
    return f"{'the most likely token each time' if generation.temperature == 0 else drawn}, on {generation.backend}"


def texts_html(generation: Generation) -> str:
    """A card for each text, as many beside each other as there is room for; every text is escaped."""
    cards = "".join(_card(generation.prompt, each) for each in generation.writings)
    return f'<div style="display:flex;flex-wrap:wrap;gap:.7rem">{cards}</div>'


def _card(prompt: str, writing: Writing) -> str:
    said = "" if writing.recipe == "float" else f' <span style="{_QUIET}">{in_html(same_text(writing))}</span>'
    head = f'<div style="font-size:.86rem"><b>{in_html(writing.recipe)}</b>{said}</div>'
    if writing.failed is not None:
        return f'<div style="{_CARD}">{head}</div>'
    other = f'<mark style="{_MARK}">{_lines(writing.after)}</mark>' if writing.after else ""
    text = f'<span style="{_QUIET}">{_lines(prompt)}</span>{_lines(writing.before)}{other}'
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
