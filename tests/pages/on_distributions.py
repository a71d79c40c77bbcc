"""Opens page Distributions, and finds its controls and charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.app import open_app

__all__ = ["PAGE", "charts", "control", "opened"]

PAGE = "pages/distributions.py"


def opened(folder: Path, model: str = "tumour_mlp", data: str | None = "tumour", **choices: Any) -> AppTest:
    """The page in a session that has chosen these."""
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": model, "data": data, "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def control(app: AppTest, name: str) -> Any:
    """The control that keeps the choice ``name``."""
    kinds = ("button_group", "selectbox", "select_slider", "slider", "toggle", "number_input")
    return next(c for kind in kinds for c in app.get(kind) if c.key == f"keep:{name}")


def charts(app: AppTest) -> list[Any]:
    """All charts of the page."""
    return [chart for kind in ("vega_lite_chart", "arrow_vega_lite_chart") for chart in app.get(kind)]
