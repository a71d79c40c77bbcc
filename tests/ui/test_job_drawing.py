"""How long work is drawn: at work, waiting, failed, cancelled; whose it is, and what can be done with it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError, UnknownName
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.jobs.references import ModelRef
from qexplorer.process.places.waiting import Waiting
from qexplorer.ui import job_memory, job_section, sidebar
from qexplorer.ui.job_section import JobSection, StartButton
from tests.jobs.orders import DATA, MODEL
from tests.ui.screens import Screen, screen_of

RUNNING = JobState(
    "compare-0123456789ab", "compare", "d", JobStatus.RUNNING, "timing", 0.25, 40.0, None, 1.0, owners=("me",)
)
FAILED = replace(RUNNING, status=JobStatus.FAILED, error="it *broke*")
CANCELLED = replace(RUNNING, status=JobStatus.CANCELLED)
BUTTON = StartButton("Go", ":material/play_arrow:", help="usually a second")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A session that has chosen nothing yet."""
    found = SimpleNamespace(choices={}, jobs={}, started={}, model="tumour_mlp", data=None)
    for module in (job_section, job_memory, sidebar):
        monkeypatch.setattr(module, "state", lambda: found)
        if hasattr(module, "keep"):
            monkeypatch.setattr(module, "keep", lambda _: None)
    monkeypatch.setattr(job_section, "too_many_jobs", lambda: None)
    monkeypatch.setattr(job_section, "chosen_cluster", lambda: None)
    return found


def drawn(monkeypatch: pytest.MonkeyPatch, job: JobState, place: str = "page_compare", **answers: Any) -> Screen:
    """The page after a job was drawn."""
    screen = screen_of(monkeypatch, job_section, **answers)
    job_section.draw_job(job, place=place)
    return screen


@pytest.mark.usefixtures("now")
def test_what_failed_says_why_on_its_page_and_where_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside every page stands which page says why; a kind that there is no more has its reason there."""
    screen = drawn(monkeypatch, FAILED)
    assert screen.said == "Comparing failed: it *broke*"
    assert screen.labels == ["Dismiss"]
    assert drawn(monkeypatch, FAILED, "side").said == "Comparing failed: page Compare says why."
    old = replace(FAILED, kind="gone", error=None)
    assert drawn(monkeypatch, old, "side").said == "Work of an earlier version (gone) failed: "


def test_what_was_dismissed_is_gone_there_alone(now: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another failure of the same place is shown."""
    job_section._dismiss(FAILED, "page_compare")
    assert now.choices == {"dismissed_page_compare": FAILED.id}
    assert drawn(monkeypatch, FAILED).calls == []
    assert drawn(monkeypatch, FAILED, "side").said
    assert drawn(monkeypatch, replace(FAILED, id="compare-000000000000")).said


@pytest.mark.usefixtures("now")
def test_what_was_cancelled_says_so_on_its_page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what ended well needs no word."""
    assert drawn(monkeypatch, CANCELLED).said.startswith("Cancelled.")
    assert drawn(monkeypatch, CANCELLED, "side").calls == []
    assert drawn(monkeypatch, replace(RUNNING, status=JobStatus.DONE)).calls == []


@pytest.mark.parametrize(("waiting", "which"), [(None, "_running"), (Waiting(2), "_waiting")])
def test_what_waits_is_looked_at_less_often(waiting: Any, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a section of its own."""
    asked: list[str] = []
    for name in ("_running", "_waiting"):
        monkeypatch.setattr(job_section, name, lambda *_, _name=name: asked.append(_name))
    drawn(monkeypatch, replace(RUNNING, waiting=waiting))
    assert asked == [which]


@pytest.mark.parametrize(
    ("state", "running", "waiting"),
    [
        (None, "rerun", "rerun"),
        (CANCELLED, "rerun", "rerun"),
        (RUNNING, "progress", "rerun"),
        (replace(RUNNING, waiting=Waiting(1)), "progress", "progress"),
    ],
)
@pytest.mark.usefixtures("now")
def test_a_page_is_drawn_anew_once_its_job_moves_on(
    state: JobState | None, running: str, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it has ended, is gone, or its turn has come."""
    monkeypatch.setattr(job_section, "job_state", lambda _: state)
    for name, does in (("_running", running), ("_waiting", waiting)):
        screen = screen_of(monkeypatch, job_section)
        getattr(job_section, name).__wrapped__("id", "page_compare", None, None)
        assert screen.calls[0][0] == does


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "timing (about 40 s left)"),
        ({"seconds_left": None}, "timing"),
        ({"seconds_left": 1.4}, "timing (almost done)"),
        ({"seconds_left": 1.5}, "timing (about 2 s left)"),
        ({"waiting": Waiting(2, 7.0)}, "waiting for the machine: 2nd in line, about 7 s"),
    ],
)
@pytest.mark.usefixtures("now")
def test_a_job_at_work_shows_step_share_and_time(
    changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or its place in the line."""
    screen = screen_of(monkeypatch, job_section)
    job_section._draw_running(replace(RUNNING, **changes), "page_compare", None, None)
    (((done,), named),) = screen.of("progress")
    assert (done, named["text"].replace("\\", "")) == (0.25, f"**Comparing**: {said}")
    assert screen.labels == ["Cancel"]


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        (("me",), None),
        (("me", "a"), "1 other session waits for the same: only your wait ends."),
        (("me", "a", "b"), "2 other sessions wait for the same: only your wait ends."),
    ],
)
def test_cancel_is_ones_own(owners: tuple[str, ...], said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so where others wait for the same."""
    ended: list[str] = []
    monkeypatch.setattr(job_section, "cancel_job", ended.append)
    screen = screen_of(monkeypatch, job_section, Cancel=True)
    job_section._draw_cancel(replace(RUNNING, owners=owners), "side")
    assert (screen.of("button")[0][1]["help"], ended, len(screen.of("rerun"))) == (said, [RUNNING.id], 1)
    screen = screen_of(monkeypatch, job_section)
    job_section._draw_cancel(RUNNING, "side")
    assert (len(ended), screen.of("rerun")) == (1, [])


@pytest.mark.usefixtures("now")
def test_what_stands_beside_cancel_and_below_is_drawn_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other ways out, what is known so far, and where its tasks go; not beside every page."""
    screen = screen_of(monkeypatch, job_section)
    monkeypatch.setattr(job_section, "chosen_cluster", lambda: "tcp://a:1")
    monkeypatch.setattr(job_section, "is_someones", lambda: False)
    told: list[str] = []
    job_section._draw_running(RUNNING, "page_compare", lambda _: told.append("known"), lambda _: told.append("way"))
    assert told == ["way", "known"]
    assert "Its tasks go to the cluster at " in screen.said
    screen = screen_of(monkeypatch, job_section)
    job_section._draw_running(RUNNING, "side", None, None)
    assert screen.said == ""


@pytest.mark.parametrize(
    ("kind", "address", "shared", "said"),
    [
        ("compare", "tcp://a:1", False, "the cluster at tcp://a:1"),
        ("compare", "tcp://a:1", True, "the cluster of this host"),
        ("compare", None, False, None),
        ("observe", "tcp://a:1", False, None),
    ],
)
def test_a_cluster_is_named_for_work_that_it_does(
    kind: str, address: str | None, shared: bool, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sees an address of a shared host; one that cannot be used is told to whoever starts the work."""
    monkeypatch.setattr(job_section, "chosen_cluster", lambda: address)
    monkeypatch.setattr(job_section, "is_someones", lambda: shared)
    assert job_section._cluster_of(kind) == said

    def none() -> None:
        raise InputError("no scheduler")

    monkeypatch.setattr(job_section, "chosen_cluster", none)
    assert job_section._cluster_of(kind) is None


@pytest.mark.parametrize(
    ("button", "off", "many", "disabled", "why"),
    [
        (BUTTON, False, None, False, "usually a second"),
        (BUTTON, True, None, True, "usually a second"),
        (replace(BUTTON, off=True), False, None, True, "usually a second"),
        (replace(BUTTON, lacks="No data."), False, None, True, "No data."),
        (BUTTON, False, "too many", True, "too many"),
        (replace(BUTTON, lacks="No data."), False, "too many", True, "No data."),
    ],
)
@pytest.mark.usefixtures("now")
def test_work_starts_where_nothing_is_lacking(
    button: StartButton, off: bool, many: str | None, disabled: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the button says what is."""
    monkeypatch.setattr(job_section, "too_many_jobs", lambda: many)
    screen = screen_of(monkeypatch, job_section, Go=True)
    assert job_section.draw_start("compare", button, off=off) is True
    ((_, named),) = screen.of("button")
    assert (named["disabled"], named["help"], named["type"], named["key"]) == (
        *(disabled, why),
        *("secondary", "compare_start"),
    )
    job_section.draw_start("compare", replace(button, primary=True))
    assert screen.of("button")[1][1]["type"] == "primary"


ORDER = ObserveOrder(model=MODEL, data=DATA)


@pytest.mark.parametrize(
    ("job", "order", "pressed", "drawn_", "starts"),
    [
        (None, ORDER, True, ["intro", "button"], True),
        (None, ORDER, False, ["intro", "button"], False),
        (None, None, True, ["intro", "button"], False),
        (replace(RUNNING, kind="observe"), ORDER, False, ["job"], False),
        (replace(FAILED, kind="observe", partial={"n": 1}), ORDER, False, ["intro", "button", "job", "left"], False),
        (replace(CANCELLED, kind="observe"), ORDER, False, ["intro", "button", "job"], False),
    ],
)
@pytest.mark.usefixtures("now")
def test_a_section_draws_the_job_or_the_way_to_it(
    job: JobState | None, order: Any, pressed: bool, drawn_: list[str], starts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How the last try ended stands below the button, with what was known until then."""
    told: list[str] = []
    started: list[object] = []
    screen_of(monkeypatch, job_section, Go=pressed)
    monkeypatch.setattr(job_section, "job_for", lambda *_: job)
    monkeypatch.setattr(job_section, "start_job", lambda *given: started.append(given))
    monkeypatch.setattr(job_section, "draw_job", lambda *_args, **_named: told.append("job"))
    before = job_section.draw_start
    monkeypatch.setattr(
        job_section, "draw_start", lambda *args, **named: told.append("button") or before(*args, **named)
    )
    monkeypatch.setattr(OBSERVE.__class__, "partial_of", lambda _, state: state.partial)
    section: Any = JobSection(
        OBSERVE, order, BUTTON, intro=lambda: told.append("intro"), left=lambda _: told.append("left")
    )
    section.draw()
    assert told == drawn_
    assert started == ([(OBSERVE, ORDER)] if starts else [])


def test_a_job_of_somebody_else_is_cancelled_to_this_session(
    now: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody in particular wants is everybody's; what is gone is none."""
    known = {
        "mine": RUNNING,
        "theirs": replace(RUNNING, owners=("other",), result=1),
        "all": replace(RUNNING, owners=()),
    }
    known["shared"] = replace(RUNNING, owners=("", "other"))

    def state(job_id: str) -> JobState:
        if job_id not in known:
            raise UnknownName("gone")
        return known[job_id]

    monkeypatch.setattr(job_memory.manager, "state", state)
    monkeypatch.setattr(job_memory, "session_id", lambda: "me")
    found = {name: job_memory.job_state(name) for name in (*known, "gone", None)}
    statuses = {name: None if job is None else job.status.value for name, job in found.items()}
    assert statuses == {
        "mine": "running",
        "theirs": "cancelled",
        "all": "running",
        "shared": "running",
        "gone": None,
        None: None,
    }
    assert found["theirs"].result is None  # type: ignore[union-attr]
    now.jobs, now.started = {"b": "mine", "a": "theirs"}, {"d": "all", "e": "mine"}
    assert [job.owners for job in job_memory.running_jobs()] == [("me",), ()]


@pytest.mark.parametrize(
    ("shared", "at_work", "most", "refused"), [(True, 3, 3, True), (True, 2, 3, False), (False, 9, 3, False)]
)
def test_a_person_of_a_shared_host_starts_no_more_than_it_allows(
    shared: bool, at_work: int, most: int, refused: bool, now: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But may join what is at work already; alone on a machine there is no limit."""
    jobs = [replace(RUNNING, digest=f"d{i}") for i in range(at_work)]
    monkeypatch.setattr(job_memory, "is_shared", lambda: shared)
    monkeypatch.setattr(job_memory, "jobs_a_person", lambda: most)
    monkeypatch.setattr(job_memory, "session_id", lambda: "me")
    monkeypatch.setattr(job_memory.manager, "running", lambda: jobs)
    monkeypatch.setattr(job_memory.manager, "submit", lambda *_: "observe-0123456789ab")
    said = job_memory.too_many_jobs()
    assert (said is not None) is refused
    assert not refused or f"{at_work} of your jobs are at work, and this host runs at most {most}" in str(said)
    if refused:
        with pytest.raises(InputError, match="wait, or cancel one"):
            job_memory.start_job(OBSERVE, ORDER)
    jobs.append(replace(RUNNING, digest=OBSERVE.digest(ORDER)))
    assert job_memory.start_job(OBSERVE, ORDER) == "observe-0123456789ab"
    assert (now.jobs, list(now.started.values())) == ({"observe": "observe-0123456789ab"}, ["observe-0123456789ab"])


def test_only_the_last_orders_are_remembered(now: SimpleNamespace) -> None:
    """The one that was started again is the newest."""
    now.started = {str(i): f"job {i}" for i in range(40)}
    job_memory._remembered(COMPARE, "7", "again")
    assert (len(now.started), list(now.started)[-1], now.started["7"]) == (40, "7", "again")
    job_memory._remembered(COMPARE, "new", "job")
    assert (len(now.started), "0" in now.started, "1" in now.started) == (40, False, True)


@pytest.mark.parametrize(
    ("reference", "kind", "said"),
    [
        (ModelRef(sample="digits_cnn"), "observe", "Of digits_cnn, which was chosen when it began"),
        (ModelRef(sample="tumour_mlp"), "observe", ""),
        (ModelRef(sha256="7" * 64, name="mine"), "observe", "Of mine, which was chosen when it began"),
        (ModelRef(sha256="7" * 64), "observe", ""),
        (ModelRef(sample="digits_cnn"), "gone", ""),
    ],
)
def test_work_on_another_model_names_it(
    reference: ModelRef, kind: str, said: str, now: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sidebar, where its bar is."""
    screen = screen_of(monkeypatch, sidebar)
    order = ORDER.model_copy(update={"model": reference})
    monkeypatch.setattr(OBSERVE.__class__, "order_of", lambda *_: order)
    sidebar._say_whose(now, replace(RUNNING, kind=kind))  # type: ignore[arg-type]
    assert screen.said.startswith(said)
    assert bool(screen.said) is bool(said)
