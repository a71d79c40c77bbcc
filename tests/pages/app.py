"""Starts the app under test, reads what stands on a page, and follows the jobs that a page started."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from qexplorer.core.wire import Wire
from qexplorer.jobs import manager
from qexplorer.jobs.records import JobState, JobStatus

__all__ = ["check_cancel", "editor_data", "failed_job", "job_of", "open_app", "texts", "when_ended"]

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
    """Everything that the page says as a person reads it, one element a line: without the marks of plain text."""
    kinds: tuple[Any, ...] = (app.title, app.header, app.subheader, app.markdown, app.caption, app.info, app.error)
    written = "\n".join(str(element.value) for kind in kinds for element in kind)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", written)


def editor_data(app: AppTest, key: str = "grid_editor") -> dict[str, Any]:
    """What the grid editor with this key was sent; StopIteration if it is not on the page."""
    protos = [element.proto for element in app.get("bidi_component")]
    return next(dict(json.loads(proto.json or proto.mixed.json)) for proto in protos if key in proto.id)


def job_of(app: AppTest, kind: str) -> str:
    """Id of the job of this kind that the session has."""
    return str(app.session_state["qexplorer_state"].jobs[kind])


def when_ended(app: AppTest, kind: str, *, still: float = 120) -> JobState:
    """That job once it has ended, or as it is when nothing of it has moved for so many seconds."""
    job_id = job_of(app, kind)
    state, moved = manager.state(job_id), time.monotonic()
    while state.is_running and time.monotonic() - moved < still:
        time.sleep(0.1)
        before, state = state, manager.state(job_id)
        if state != before:
            moved = time.monotonic()
    return state


def check_cancel(app: AppTest, kind: str) -> None:
    """Starts a job of this kind and cancels it: the page must say so and offer the start again."""
    app.button(f"{kind}_start").click().run()
    job_id = job_of(app, kind)
    app.button(f"cancel_page_{kind}_{job_id}").click().run()
    assert manager.state(job_id).status == "cancelled"
    app.run()
    assert "Cancelled" in texts(app)
    assert not app.button(f"{kind}_start").disabled


def failed_job(kind: str, found: Wire) -> JobState:
    """A job of this kind that had found something when it was killed."""
    said = "the process that did the work was ended"
    return JobState(f"{kind}-0", kind, "0", JobStatus.FAILED, "", 0.5, None, said, 0.0, partial=found.to_json())
