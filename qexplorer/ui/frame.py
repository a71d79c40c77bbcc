"""What every page shares: navigation, theme, sidebar, the line that says where one is, and errors as sentences."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from qexplorer.core.disk.tidy import tidy
from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import workspace
from qexplorer.process.unforeseen import unforeseen
from qexplorer.ui import sidebar, status_line, theme
from qexplorer.ui.page_list import grouped
from qexplorer.ui.serving.address import ask_nobody, draw_open_warning
from qexplorer.ui.serving.people import is_shared, leave_cookie, needs_sign_in, serve_people
from qexplorer.ui.serving.sign_in import draw_sign_in
from qexplorer.ui.session import as_plain, not_kept, show_error, state

__all__ = ["in_frame", "run_app"]

_INSIDE: ContextVar[bool] = ContextVar("inside the frame", default=False)


def run_app() -> None:
    """One run of the app: the chosen page inside the frame."""
    st.set_page_config(page_title="qexplorer", page_icon=theme.ICON, layout="wide")
    serve_people()
    hidden, embedded = needs_sign_in(), bool(st.context.is_embedded)  # of a link with embed=true
    page = _navigation(hidden=hidden or embedded)
    theme.apply(embedded=embedded)
    if hidden:
        draw_sign_in()
        return
    if is_shared():
        leave_cookie()
    else:
        draw_open_warning()
    try:
        _start_with(workspace())
    except QExplorerError as error:  # without a workspace there is nothing to draw
        show_error(error)
        return
    if (unkept := not_kept()) is not None:
        forgotten = f"What is chosen here is forgotten when this page is closed: {unkept}."
        st.warning(as_plain(forgotten), icon=":material/save:")
    state()
    if not embedded:
        sidebar.draw_sidebar()
        status_line.draw()
    token = _INSIDE.set(True)
    try:
        page.run()
    except QExplorerError as error:
        show_error(error)
    except Exception as error:  # the boundary: no traceback on a page, but the log has it
        logging.getLogger("qexplorer").exception("page %s failed", page.title)
        do = "reload the page, and report it with the server's log"
        show_error(QExplorerError(f"this page met {unforeseen(error).what}", do=do))
    finally:
        _INSIDE.reset(token)


def in_frame(draw: Callable[[], None]) -> None:
    """Draws a page; every file in ``pages/`` calls this.

    Until ``st.navigation`` was called once in the server, Streamlit takes a folder called ``pages`` for its older kind
    of app and runs a page's file without app.py. The page then starts the app, which runs the page inside the frame.
    """
    if _INSIDE.get():
        draw()
    else:
        run_app()


@lru_cache(maxsize=4096)
def _start_with(root: Path) -> None:  # noqa: ARG001 - once for each workspace of this server
    ask_nobody()  # where the server was started by Streamlit's own command, from the first session on
    tidy()


def _navigation(*, hidden: bool) -> Page:
    root = theme.root()
    pages = {
        group: [st.Page(root / page.path, title=page.title, icon=page.icon) for page in found]
        for group, found in grouped().items()
    }
    return st.navigation(pages, position="hidden" if hidden else "sidebar", expanded=True)
