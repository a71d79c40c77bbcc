"""The section that every page with long work has: start, follow, cancel, how it ended, and that a reload finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.coding import encode
from qexplorer.jobs.ids import new_job_id
from qexplorer.jobs.kind import JOB_KINDS
from qexplorer.jobs.kinds.precision.repair import REPAIR, RepairOrder
from qexplorer.jobs.records import write_json
from qexplorer.ui import job_memory
from tests.jobs.orders import DATA, MODEL, waited_for
from tests.jobs.trials import brought
from tests.pages.app import open_app, texts

SESSION = "section-tests"


@pytest.fixture(autouse=True)
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Work that only tests need."""
    with brought(monkeypatch, tmp_path):
        yield


def page() -> None:
    """A page with one section, whose kind and order stand in the address."""
    import streamlit as st

    from qexplorer.jobs.kind import JOB_KINDS
    from qexplorer.ui.job_section import JobSection, StartButton

    kind = JOB_KINDS.get(f"trial_{st.query_params['kind']}")
    order = kind.order(value=(int(st.query_params["value"]),))
    button = StartButton("Try", ":material/play_arrow:", help="usually a second")
    section = JobSection(
        kind,
        order,
        button,
        intro=lambda: st.caption("What it would do."),
        partial=lambda known: st.caption(f"{known.n} known"),
        left=lambda known: st.caption(f"{known.n} left"),
    )
    section.draw()
    st.markdown(f"result: {section.result()}")


def opened(kind: str, value: int = 1, session: str = SESSION) -> AppTest:
    """The page in the test's session, as after a reload."""
    app = AppTest.from_function(page, default_timeout=60)
    app.query_params["s"] = session
    app.query_params["kind"], app.query_params["value"] = kind, str(value)
    return app.run()


def started(kind: str, value: int = 1) -> tuple[AppTest, str]:
    """The page after a click on its button, and the job's id."""
    app = opened(kind, value)
    app.button(f"trial_{kind}_start").click().run()
    assert not app.exception
    return app, app.session_state["qexplorer_state"].jobs[f"trial_{kind}"]


def running(kind: str, value: int = 1, *, step: Callable[[Any], bool] = lambda job: job.step == "waiting") -> str:
    """A job that was started on the page and has come to its step."""
    _, job_id = started(kind, value)
    while not step(manager.state(job_id)):
        assert manager.state(job_id).is_running
    return job_id


def test_before_it_starts_it_says_what_it_would_do() -> None:
    """There is the intro and the button, and no result."""
    app = opened("report_three")
    assert [b.label for b in app.button] == ["Try"]
    assert "What it would do." in texts(app)
    assert "result: None" in texts(app)


def test_work_that_ended_well_has_its_typed_result_after_a_reload() -> None:
    """A page that is loaded anew finds the job by its order and has what came of it."""
    _, job_id = started("report_three", 7)
    waited_for(job_id)
    again = opened("report_three", 7)
    assert "result: Given(value=(7,))" in texts(again)
    assert not again.error
    assert "result: None" in texts(opened("report_three", 8)), "another order has another result"


def test_running_work_shows_its_step_and_can_be_cancelled_after_a_reload() -> None:
    """There is a bar with title, step and time left instead of the button; cancel ends it and says so."""
    job_id = running("wait")
    again = opened("wait")
    (bar,) = again.get("progress")
    assert bar.proto.text == "**Trying**: waiting (about 7 s left)"
    assert [b.label for b in again.button] == ["Cancel"]
    again.button(f"cancel_page_trial_wait_{job_id}").click().run()
    assert manager.state(job_id).status == "cancelled"
    again.run()
    assert "Cancelled." in texts(again)
    assert [b.label for b in again.button] == ["Try"]
    assert "3 left" in texts(opened("wait")), "what was found stays, after a reload too"


def test_work_that_began_as_the_page_was_loaded_anew_is_found() -> None:
    """The run that started it ended before it could remember it; another session has no part in it."""
    kind = JOB_KINDS.get("trial_wait")
    job_id = manager.submit(kind, kind.order(value=(1,)), SESSION)
    assert [b.label for b in opened("wait", session="second-session").button] == ["Try"]
    again = opened("wait")
    assert [b.label for b in again.button] == ["Cancel"]
    assert again.session_state["qexplorer_state"].jobs["trial_wait"] == job_id
    again.button(f"cancel_page_trial_wait_{job_id}").click().run()
    assert manager.state(job_id).status == "cancelled"


def test_two_sessions_share_equal_work_and_cancel_each_their_own() -> None:
    """Both see one job at work; who cancels is told so and can start again, the other's goes on."""
    job_id = running("wait")
    other = opened("wait", session="second-session")
    other.button("trial_wait_start").click().run()
    cancel = other.button(f"cancel_page_trial_wait_{job_id}")
    assert "1 other session waits for the same" in cancel.help
    cancel.click().run()
    other.run()
    assert "Cancelled." in texts(other)
    assert [b.label for b in other.button] == ["Try"]
    assert manager.state(job_id).is_running
    first = opened("wait")
    assert first.get("progress")
    first.button(f"cancel_page_trial_wait_{job_id}").click().run()
    assert manager.state(job_id).status == "cancelled"


def test_a_failure_is_one_sentence_until_it_is_dismissed() -> None:
    """The reason stands under the button, which can be pressed again."""
    _, job_id = started("refuse")
    waited_for(job_id)
    again = opened("refuse")
    assert "Trying failed: labels.csv: the labels are shorter" in again.error[0].value.replace("\\", "")
    assert [b.label for b in again.button] == ["Try", "Dismiss"]
    again.button(f"dismiss_page_trial_refuse_{job_id}").click().run()
    assert not opened("refuse").error


def test_work_that_waits_for_the_machine_tells_its_place_and_can_be_cancelled() -> None:
    """The bar says the place in the line, on the page and in the sidebar; Cancel works while it waits."""
    running("timed", 1)
    job_id = running("timed", 2, step=lambda job: job.waiting is not None)
    app = opened("timed", 2)
    (bar,) = app.get("progress")
    assert bar.proto.text.replace("\\", "") == "**Trying**: waiting for the machine: 2nd in line, about 7 s"
    sides = [bar.proto.text.replace("\\", "") for bar in open_app(session=SESSION).sidebar.get("progress")]
    assert "**Trying**: waiting for the machine: 2nd in line, about 7 s" in sides
    app.button(f"cancel_page_trial_timed_{job_id}").click().run()
    assert manager.state(job_id).status == "cancelled"


def test_two_orders_of_one_kind_are_both_remembered() -> None:
    """Going back to what was started first shows that very job, and the sidebar has both."""
    first, second = running("wait", 1), running("wait", 2)
    assert first != second
    assert opened("wait", 1).button(f"cancel_page_trial_wait_{first}")
    assert opened("wait", 2).button(f"cancel_page_trial_wait_{second}")
    app = open_app(session=SESSION)
    keys = {b.key for b in app.sidebar.button}
    assert {f"cancel_side_{first}", f"cancel_side_{second}"} <= keys


def test_a_job_that_was_cleaned_up_is_as_if_it_had_not_been() -> None:
    """A session that remembers a job which is not on disk any more offers the button."""
    _, job_id = started("report_three")
    waited_for(job_id)
    manager.forget(job_id)
    assert [b.label for b in opened("report_three").button] == ["Try"]


def test_a_running_job_of_an_earlier_version_can_be_cancelled() -> None:
    """Of a kind that there is no more, the sidebar shows the step and cancels; nothing crashes."""
    job_id = running("wait")
    folder = workspace("jobs") / job_id
    old = folder.with_name("load-" + job_id[-12:])
    folder.rename(old)
    (old / "owners.json").unlink()
    write_json(old / "order.json", {"kind": "load", "arguments": {"path": "x"}, "digest": "d", "started": 1.0})
    write_json(workspace("sessions") / "old-session.json", {"jobs": {"load": old.name}})
    app = open_app(session="old-session")
    assert not app.exception
    (bar,) = app.sidebar.get("progress")
    assert "Work of an earlier version (load)" in bar.proto.text.replace("\\", "")
    app.sidebar.button(f"cancel_side_{old.name}").click().run()
    assert manager.state(old.name).status == "cancelled"


def test_what_an_earlier_version_found_is_found_by_an_order_that_has_more_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it was not asked is as by default; a job with another order is not taken for it."""
    order = RepairOrder(model=MODEL, data=DATA, recipe=Recipe.parse("w8a8"))
    asked = encode(RepairOrder, order)
    del asked["train_each"]
    job_id = new_job_id(REPAIR.name)
    folder = workspace("jobs", job_id)
    write_json(folder / "order.json", {"kind": REPAIR.name, "order": asked, "digest": "of then", "started": 1.0})
    session = SimpleNamespace(started={"of then": job_id}, jobs={})
    monkeypatch.setattr(job_memory, "state", lambda: session)
    monkeypatch.setattr(job_memory, "session_id", lambda: SESSION)
    found = job_memory.job_for(REPAIR, order)
    assert found is not None
    assert found.id == job_id
    assert job_memory.job_for(REPAIR, order.model_copy(update={"train_each": True})) is None
