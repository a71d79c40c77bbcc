"""A page's controls in its address, so that a link brings somebody else the same view: read, written, and shared.

A page lists its controls as :class:`Linked`. What stands in the address is taken over once, when it is not what the
page wrote itself; rubbish in it gives one sentence and leaves what was there. ``hide=`` names parts that are not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import streamlit as st

from qexplorer.core.errors import InputError
from qexplorer.core.foreign.media import in_label
from qexplorer.ui.session import show_error
from qexplorer.ui.view.choices import choice, chosen

__all__ = [
    "HIDE",
    "Linked",
    "OpenedLink",
    "draw_share",
    "hidden",
    "link_to",
    "number",
    "one_of",
    "part",
    "query_of",
    "switch",
    "write_link",
]

HIDE = "hide"
_WRITTEN, _HIDDEN = "link_written", "view_hidden:"
_OTHERS = frozenset({"s"})  # the session's own
_MOST = 2000  # characters of a value; the longest is the name of a tensor


@dataclass(frozen=True, slots=True)
class Linked:
    """One control.

    Attributes:
        name: what it is called in the address.
        choice: the name it is remembered by, as for ``session.remembered``.
        read: its value from the text in the address; raises ValueError that says what is allowed.
        default: the value that stands in no address.
        write: its text, which ``read`` takes; None: that of a number, a name, or 0 and 1.
    """

    name: str
    choice: str
    read: Callable[[str], Any]
    default: Any = None
    write: Callable[[Any], str] | None = None

    @property
    def text(self) -> str | None:
        """What stands in the address; None where it is the default."""
        value = choice(self.choice, self.default)
        if value is None or value == self.default:
            return None
        if self.write is not None:
            return self.write(value)
        return f"{value:.9g}" if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)


def one_of(allowed: Sequence[Any]) -> Callable[[str], Any]:
    """Reads one of these values by its text."""

    def read(text: str) -> Any:
        for value in allowed:
            if str(value) == text:
                return value
        few = [in_label(str(value)) for value in allowed[:12]]
        raise ValueError("allowed: " + ", ".join(few) + (", ..." if len(allowed) > 12 else ""))

    return read


def number(low: float, high: float, *, whole: bool = False) -> Callable[[str], Any]:
    """Reads a finite number between two ends."""

    def read(text: str) -> Any:
        kind = "whole numbers" if whole else "numbers"
        try:
            value = float(int(text)) if whole else float(text)
        except ValueError:
            raise ValueError(f"allowed: {kind} from {low:g} to {high:g}") from None
        if not low <= value <= high:  # NaN is not, either
            raise ValueError(f"allowed: {kind} from {low:g} to {high:g}")
        return int(value) if whole else value

    return read


def switch(text: str) -> bool:
    """Reads 0 or 1."""
    if text not in ("0", "1"):
        raise ValueError("allowed: 0, 1")
    return text == "1"


class OpenedLink:
    """What an address asks of a page, taken over as the page gets to know what is possible.

    Args:
        parts: names of the page's parts, which a link can hide.
        view: whose parts these are, on a page with several views.
        whole: an address is the whole view: what it leaves out is at its default, and not as the session left it.
    """

    def __init__(self, parts: Sequence[str], *, view: str = "", whole: bool = False) -> None:
        self._wrong: list[str] = []
        self._whole = whole
        given = {name: st.query_params[name] for name in st.query_params}
        known = st.session_state.get(_WRITTEN)
        self.asked = (
            {}
            if known is not None
            and all(given.get(k) == v for k, v in known.items())
            and not (given.keys() - known.keys() - _OTHERS)
            else {name: text[:_MOST] for name, text in given.items() if name not in _OTHERS}
        )
        if HIDE in self.asked or (whole and self.asked):
            names = frozenset(name for name in self.asked.get(HIDE, "").split(",") if name)
            if names - set(parts):
                self._wrong.append(_fault(HIDE, ",".join(names - set(parts)), f"allowed: {', '.join(parts)}"))
            st.session_state[_HIDDEN + view] = names & frozenset(parts)

    def take(self, fields: Sequence[Linked]) -> None:
        """Gives these controls what the address says, before they are drawn; what cannot be read is left as it was."""
        for field in fields:
            if field.name not in self.asked:
                if self._whole and self.asked:
                    chosen(field.choice, field.default)
                continue
            try:
                chosen(field.choice, field.read(self.asked[field.name]))
            except ValueError as error:
                self.refuse(field.name, str(error))

    def refuse(self, name: str, allowed: str, *, letters: int = 60) -> None:
        """What the address says of ``name`` cannot be had; so many letters of it are told."""
        self._wrong.append(_fault(name, self.asked[name], allowed, letters))

    def close(self) -> None:
        """Says in one sentence what could not be read."""
        if self._wrong:
            what = "the link asks for what is not there, and that is left as it was"
            show_error(InputError(f"{what}: {'; '.join(self._wrong)}"))


def _fault(name: str, given: str, allowed: str, letters: int = 60) -> str:
    return f"{name} '{in_label(given[:letters])}' ({allowed})"


def query_of(fields: Sequence[Linked], more: Mapping[str, str], hide: Iterable[str] = ()) -> dict[str, str]:
    """What stands in an address that brings this view: what differs from the defaults, ``more``, what it hides."""
    found = {**more, **{field.name: text for field in fields if (text := field.text) is not None}}
    if names := ",".join(sorted(hide)):
        found[HIDE] = names
    return found


def write_link(fields: Sequence[Linked], more: Mapping[str, str], *, view: str = "") -> dict[str, str]:
    """Puts what differs from the defaults into the address, with ``more``; returns it."""
    now = query_of(fields, more, hidden(view))
    before = {name: st.query_params[name] for name in st.query_params}
    if now != {name: text for name, text in before.items() if name not in _OTHERS}:
        st.query_params.from_dict({name: text for name, text in before.items() if name in _OTHERS} | now)
    st.session_state[_WRITTEN] = now
    return now


def hidden(view: str = "") -> frozenset[str]:
    """Parts of the page, or of one of its views, that the link hides."""
    found: frozenset[str] = st.session_state.get(_HIDDEN + view, frozenset())
    return found


def part(name: str, place: str = "") -> AbstractContextManager[Any]:
    """A container for one part of the page; its widgets keep their values where the link hides it.

    Args:
        name: of the part.
        place: tells several containers of one part apart.
    """
    return st.container(key=f"{'hidden' if name in hidden() else 'part'}_{place}{name}")


def draw_share(now: Mapping[str, str], parts: Mapping[str, str], *, own: str | None = None) -> None:
    """A button behind which the link is, with what it hides.

    Args:
        now: what stands in the address.
        parts: what can be hidden, each with its title.
        own: what the link does not carry, one sentence; None if it carries all.
    """
    if hidden() and st.button("Show all controls", icon=":material/visibility:", type="tertiary", key="show_all"):
        st.session_state[_HIDDEN] = frozenset()
        st.rerun()
    with st.popover("Share this view", icon=":material/link:", type="tertiary"):
        left_out = st.multiselect("Hide", list(parts), format_func=parts.__getitem__, key="share_hide")
        bare = st.toggle("Without sidebar", key="share_bare", help="For a projector, or inside another page.")
        query = {name: text for name, text in now.items() if name != HIDE}
        if left_out:
            query[HIDE] = ",".join(left_out)
        if bare:
            query["embed"] = "true"
        st.code(link_to(query), language=None, wrap_lines=True)
        if own:
            st.caption(own)


def link_to(query: Mapping[str, str]) -> str:
    """The link that brings this page with these values, under the address by which it was opened."""
    found = urlsplit(st.context.url or "")
    page = f"{found.scheme}://{found.netloc}{found.path}" if found.netloc else ""
    return f"{page}?{urlencode(query)}"
