"""The cards as HTML: a fragment for the app, and a page that needs no network and prints on one sheet."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from qexplorer.core.foreign.media import in_html
from qexplorer.report.present.cards import Card, CardBar, Presentation

__all__ = ["fragment", "page"]

_HERE = Path(__file__).parent


def page(shown: Presentation) -> str:
    """The whole page: nothing in it is read from elsewhere."""
    title = in_html(shown.title)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    style = f"<style>{_style('cards')}{_style('sheet')}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}{style}</head><body>{_body(shown)}</body></html>\n'


def fragment(shown: Presentation) -> str:
    """The cards with their style, in the colours of whatever page they stand on."""
    return f"<style>{_style('cards')}</style>{_body(shown)}"


@cache
def _style(name: str) -> str:
    return (_HERE / f"{name}.css").read_text(encoding="utf-8")


def _body(shown: Presentation) -> str:
    cards = "".join(map(_card, shown.cards))
    foot = f"{in_html(shown.facts)}. Bars begin at zero; a thin line is the interval that holds 95 times of 100."
    hatched = any(bar.uncertain for card in shown.cards for bar in card.bars)
    foot += " Striped: estimated, or from a busy machine." if hatched else ""
    head = f"<h1>{in_html(shown.title)}</h1><div class='qx-cards'>{cards}</div>"
    return f"<div class='qx-wall'>{head}<div class='qx-foot'>{foot}</div></div>"


def _card(card: Card) -> str:
    bars = "".join(_bar(bar) for bar in card.bars)
    head = f"<h2>{in_html(card.title)}</h2><p class='qx-kind'>{in_html(card.kind)}</p>"
    sentence = f"<p class='qx-sentence'>{in_html(card.sentence)}</p>"
    return f"<section style='--hue:{card.colour}'>{head}{sentence}<div class='qx-bars'>{bars}</div></section>"


def _bar(bar: CardBar) -> str:
    number = in_html(bar.text) or "–"  # noqa: RUF001 - an en dash is what an empty place shows
    top = f"<div class='qx-top'><span>{in_html(bar.name)}</span><b>{number}</b></div>"
    words = f"<div class='qx-words'>{in_html(bar.words)}</div>"
    if bar.share is None:
        return f"<div class='qx-row'>{top}<div class='qx-axis qx-none'></div>{words}</div>"
    look = "qx-fill qx-striped" if bar.uncertain else "qx-fill"
    fill = f"<div class='{look}' style='width:{100 * bar.share:.2f}%'></div>"
    line = ""
    if bar.low is not None and bar.high is not None:
        line = f"<div class='qx-line' style='left:{100 * bar.low:.2f}%;width:{100 * (bar.high - bar.low):.2f}%'></div>"
    ends = f"<div class='qx-ends'><span>0</span><span>{in_html(bar.end)}</span></div>"
    return f"<div class='qx-row'>{top}<div class='qx-axis'>{fill}{line}</div>{ends}{words}</div>"
