"""Page Live, drawn: empty, ready, running, ended."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.live import LIVE, LiveOrder
from qexplorer.jobs.live import NOTES, WINDOWS, windows_of
from qexplorer.jobs.records import write_json
from qexplorer.measure.live.windows import LiveSide, LiveWindow
from qexplorer.report.comparison_charts.live import PANELS
from tests.jobs.orders import DATA, MODEL
from tests.pages.app import open_app, texts

SESSION = "live-tests"


def opened(**state: Any) -> AppTest:
    """The page in a session that has a model."""
    write_json(workspace("sessions") / f"{SESSION}.json", {"model": "tumour_mlp", "data": "tumour"} | state)
    return open_app("pages/live.py", session=SESSION)


def ended_stream() -> str:
    """A stream on disk that has ended, with one window and a refused right side; returns its id."""
    job_id = "live-0123456789ab"
    folder = workspace("jobs", job_id)
    order = LiveOrder(model=MODEL, data=DATA, sides={}).model_dump(mode="json")
    write_json(folder / "order.json", {"kind": "live", "order": order, "digest": "d", "started": 1.0})
    (folder / "events.jsonl").write_text('{"event": "result", "value": {"windows": 1}}\n')
    side = LiveSide("float, onnxruntime", 20, 2.0, 2.5, 500.0, 0.4, 3.0, "estimated", 100, 90, 0.9, (0.8, 0.95))
    window = LiveWindow(7.0, {"a": side}, (50.0, 10.0), 80_000_000, position=3, said={"a": 1}, metric="accuracy")
    (folder / WINDOWS).write_text(json.dumps(window.to_json()) + "\n")
    write_json(folder / NOTES, {"b": "its answers differ"})
    return job_id


def test_empty_page_does_something() -> None:
    """Without a model the page says so, and its button loads one."""
    app = open_app("pages/live.py")
    assert "No model yet" in texts(app)
    app.button[0].click().run()
    assert app.session_state["qexplorer_state"].model == "digits_cnn"
    assert not app.exception


def test_without_data_the_page_says_what_is_missing() -> None:
    """A stream is made of samples: without data there is no Start."""
    app = opened(data=None)
    assert "Choose data" in texts(app)
    assert not [b for b in app.button if b.key == "live_start"]


def test_an_ended_stream_keeps_its_last_numbers() -> None:
    """After the end: the numbers, what was refused and why, a Save below every chart, and Start again."""
    app = opened(jobs={"live": ended_stream()})
    assert not app.exception
    said = texts(app) + "".join(w.value for w in app.warning)
    assert "ended after 7 s" in said
    assert "its answers differ" in said
    metrics = {m.label: m.value for m in app.metric}
    assert metrics["Latency"] == "2.00 ms"
    assert metrics["Accuracy"] == "90.0 %"
    assert [b for b in app.button if b.key == "live_start"]
    assert len(app.get("download_button")) == 3 * len(PANELS)


@pytest.mark.parametrize("left", ["float", "fp16"])
def test_start_and_stop(left: str) -> None:
    """Start streams what is chosen; Stop ends it with everything that it started."""
    app = opened(choices={"live_recipe_a": left})
    app.button("live_start").click().run()
    job_id = app.session_state["qexplorer_state"].jobs["live"]
    order = LIVE.order_of(manager.state(job_id))
    assert order is not None
    assert order.sides["a"].recipe == left
    end = time.monotonic() + 90
    while not windows_of(job_id) and time.monotonic() < end:
        time.sleep(0.2)
        app.run()
    assert windows_of(job_id)[-1].sides["a"].label.startswith(left)
    assert not app.exception
    app.button("live_stop").click().run()
    assert not manager.state(job_id).is_running


def test_a_stream_that_died_says_so_until_it_is_dismissed() -> None:
    """Why it ended stands on the page with a way to take it away, and it can be started again."""
    job_id = ended_stream()
    (workspace("jobs", job_id) / "events.jsonl").write_text('{"event": "progress", "step": "streaming", "done": 0.0}\n')
    app = opened(jobs={"live": job_id})
    assert "streaming" in app.main.error[0].value
    assert not app.button("live_start").disabled
    app.button(f"dismiss_page_live_{job_id}").click().run()
    assert not app.main.error
    assert not app.exception
