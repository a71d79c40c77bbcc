"""What every page shares: navigation, theme, sidebar, the line that says where one is, and errors as sentences."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.ui import sidebar, status_line, theme
from qexplorer.ui.session import show_error, state

__all__ = ["PAGES", "run_app"]

PAGES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Explore": (
        ("pages/model.py", "Model", ":material/deployed_code:"),
        ("pages/distributions.py", "Distributions", ":material/bar_chart:"),
    ),
    "Quantize": (("pages/quantize.py", "Quantize", ":material/tune:"),),
    "Judge": (("pages/compare.py", "Compare", ":material/balance:"),),
}
_ROOT = Path(__file__).resolve().parents[2]


def run_app() -> None:
    """One run of the app: the chosen page inside the frame."""
    st.set_page_config(page_title="qexplorer", page_icon=theme.ICON, layout="wide")
    groups = {
        group: [st.Page(path, title=title, icon=icon) for path, title, icon in pages if (_ROOT / path).exists()]
        for group, pages in PAGES.items()
    }
    page = st.navigation({group: pages for group, pages in groups.items() if pages})
    theme.apply()
    state()
    sidebar.draw_sidebar()
    status_line.draw()
    try:
        page.run()
    except QExplorerError as error:
        show_error(error)
    except Exception as error:  # the boundary: no traceback on a page, but the log has it
        logging.getLogger("qexplorer").exception("page %s failed", page.title)
        what = f"this page met a fault of qexplorer ({type(error).__name__}: {error})"
        show_error(QExplorerError(what, do="reload the page, and report it with the server's log"))
