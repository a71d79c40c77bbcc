"""A page with long work is two files, its kind of job and the page, brought at run time; nothing else is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.jobs import manager
from qexplorer.jobs.kind import JOB_KINDS
from qexplorer.ui import page_list, theme
from tests.contract.throw_away import bring
from tests.jobs.orders import waited_for
from tests.pages.app import texts

KIND = """
from dataclasses import dataclass

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.orders import Order


class AddOrder(Order):
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Added:
    total: float


def add_up(order, report):
    report.step("adding", 0.5)
    return Added(sum(order.numbers))


ADD = JobKind("add_up", "Adding", "Addition", AddOrder, Added, add_up)
ENTRIES = (ADD,)
"""
PAGE = """
import streamlit as st

from qexplorer.jobs.kinds.throw_away import ADD, AddOrder
from qexplorer.ui.frame import in_frame
from qexplorer.ui.job_section import JobSection, StartButton

PAGE = {"title": "Addition", "icon": ":material/add:", "group": "Judge", "place": 70}


def draw():
    section = JobSection(ADD, AddOrder(numbers=(1.5, 2.0)), StartButton("Add", ":material/add:"))
    section.draw()
    if section.result() is not None:
        st.caption(f"The sum is {section.result().total}.")


in_frame(draw)
"""


def test_a_page_with_long_work_is_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stands in the navigation, its button starts the work in a process, and a reload has the result."""
    here, app_folder, brought = theme.root(), tmp_path / "app", tmp_path / "brought"
    brought.mkdir()
    for name in ("pages", "assets"):
        shutil.copytree(here / name, app_folder / name)
    shutil.copy(here / "app.py", app_folder / "app.py")
    for module in (page_list, theme):
        monkeypatch.setattr(module, "root", lambda: app_folder)
    bring(monkeypatch, JOB_KINDS, "throw_away", KIND, brought)
    (app_folder / "pages" / "addition.py").write_text(PAGE)

    def opened() -> AppTest:
        """The page in one and the same session."""
        app = AppTest.from_file(str(app_folder / "app.py"), default_timeout=60)
        app.query_params["s"] = "addition-session"
        return app.run().switch_page("pages/addition.py").run()

    assert [page.title for page in page_list.grouped()["Judge"]][-1] == "Addition"
    app = opened()
    assert not app.exception
    app.button("add_up_start").click().run()
    assert not app.exception
    job = waited_for(app.session_state["qexplorer_state"].jobs["add_up"])
    assert job.error is None
    assert "The sum is 3.5." in texts(opened())
    assert manager.running() == []
