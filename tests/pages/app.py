"""Starts the app under test and reads what stands on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

__all__ = ["open_app", "texts"]

ROOT = Path(__file__).resolve().parents[2]


def open_app(page: str | None = None, *, session: str | None = None) -> AppTest:
    """The app after its first run, on ``page`` (such as ``pages/model.py``), in the session with this id."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    if session is not None:
        app.query_params["s"] = session
    app.run()
    if page is not None:
        app.switch_page(page).run()
    return app


def texts(app: AppTest) -> str:
    """Everything that the page says, one element a line."""
    kinds: tuple[Any, ...] = (app.title, app.header, app.subheader, app.markdown, app.caption, app.info, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)
