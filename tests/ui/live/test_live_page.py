"""What page Live says of a stream with known numbers, and what it orders."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.jobs.kinds.live import LIVE
from qexplorer.jobs.manager import JobStatus
from qexplorer.measure.live.windows import LiveSide, LiveWindow
from qexplorer.process.places.waiting import Waiting
from qexplorer.ui.live import controls, panel
from qexplorer.ui.live.controls import Chosen
from tests.jobs.orders import DATA, MODEL
from tests.ui.screens import Screen, screen_of

SIDE = LiveSide("float", 20, 2.0, 2.5, 500.0, 0.4, 3.0, "estimated", 100, 90, 0.9, (0.8, 0.95))
OTHER = LiveSide("w8a8", 20, 1.0, 1.1, 1000.0, 0.2, None, "estimated", 100)
WINDOW = LiveWindow(7.0, {"a": SIDE, "b": OTHER}, (50.0, 10.0), 80_000_000, metric="accuracy", agree=1999, both=2000)
CHOSEN = {
    "a": Chosen("float", "float", "onnxruntime", "float, ONNX Runtime"),
    "b": Chosen("w8a8", "w8a8", "onnxruntime", "w8a8, ONNX Runtime"),
}


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        (CHOSEN, "float"),
        (CHOSEN | {"b": replace(CHOSEN["b"], backend="torch", label="w8a8, PyTorch")}, "float, ONNX Runtime"),
        (CHOSEN | {"b": replace(CHOSEN["b"], name="float", label="float, there")}, "float, ONNX Runtime"),
    ],
)
def test_variants_are_called_by_what_tells_them_apart(
    chosen: dict[str, Chosen], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their recipes on one backend; with their backends on two, or where the recipes are one."""
    asked: list[str] = []
    screen_of(monkeypatch, panel)
    for name in ("_card", "_sample"):
        monkeypatch.setattr(panel, name, lambda *_: None)
    monkeypatch.setattr(panel, "speed_sentence", lambda one, *_: asked.append(one))
    panel._now([WINDOW], chosen, {"a": "#000", "b": "#111"})
    assert asked == [named]


@pytest.mark.parametrize(
    ("changes", "sentence", "line"),
    [
        ({}, "b is faster", "#### b is faster, same class for 1,999 of 2,000 samples"),
        ({}, None, "#### same class for 1,999 of 2,000 samples"),
        ({"agree": None}, "b is faster", "#### b is faster"),
        ({"both": 0}, "b is faster", "#### b is faster"),
        ({"agree": 0}, None, "#### same class for 0 of 2,000 samples"),
        ({"agree": None}, None, ""),
    ],
)
def test_what_both_say_is_one_line(
    changes: dict[str, Any], sentence: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is faster and how often they agree, as far as that is known."""
    screen = screen_of(monkeypatch, panel)
    for name in ("_card", "_sample"):
        monkeypatch.setattr(panel, name, lambda *_: None)
    monkeypatch.setattr(panel, "speed_sentence", lambda *_: sentence)
    panel._now([replace(WINDOW, **changes)], CHOSEN, {"a": "#000", "b": "#111"})
    assert screen.said == line


def _card(place: str, window: LiveWindow, monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = screen_of(monkeypatch, panel)
    panel._card(place, [window], CHOSEN[place], "#123456")
    return screen


def test_a_card_has_the_numbers_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latency and throughput; power with how it is known, answers with on how many samples; a variant that stands."""
    told = {args[0]: args[1] for args, _ in _card("a", WINDOW, monkeypatch).of("metric")}
    assert told == {"Latency": "2.00 ms", "Throughput": "500 /s", "Power, estimated": "3.0 W", "Accuracy": "90.0 %"}
    screen = _card("b", WINDOW, monkeypatch)
    assert [args[0] for args, _ in screen.of("metric")] == ["Latency", "Throughput"]
    measured = replace(WINDOW, sides={"a": replace(SIDE, watts_source="rapl")}, metric=None)
    assert [args[0] for args, _ in _card("a", measured, monkeypatch).of("metric")] == ["Latency", "Throughput", "Power"]
    gone = _card("b", replace(WINDOW, sides={"a": SIDE}), monkeypatch)
    assert (gone.said, gone.of("metric")) == ("not running", [])


@pytest.mark.parametrize(
    ("source", "words"),
    [("estimated", "estimated from processor time, above idle"), ("rapl", "rapl, idle included")],
)
@pytest.mark.parametrize("ended", [False, True])
def test_charts_can_be_saved_once_they_stand(
    source: str, words: str, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not counted here is said; notes on a variant stand above; without windows there is nothing else."""
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "_now", lambda *_: None)
    monkeypatch.setattr(panel, "_settings", lambda _: "net, digits")
    window = replace(WINDOW, sides={"a": replace(SIDE, watts_source=source), "b": OTHER}, metric=None)
    panel._draw([window], {"b": "its answers differ"}, CHOSEN, ended=ended)
    drawn = len(screen.of("vega_lite_chart"))
    assert drawn
    assert len(screen.of("draw_saving")) == (drawn if ended else 0)
    assert "w8a8, ONNX Runtime: its answers differ" in screen.said
    assert "Answers so far: not counted here" in screen.said
    assert f"Power is {words}." in screen.said
    screen = screen_of(monkeypatch, panel)
    panel._draw([], {}, CHOSEN)
    assert screen.of("vega_lite_chart") == screen.of("caption") == []


def _data(labels: Any) -> Any:
    part = SimpleNamespace(n=3, labels=labels, inputs={"": np.zeros((3, 2), np.float32)})
    return SimpleNamespace(evaluation=part, classes=("odd", "even"), name="points")


@pytest.mark.parametrize(
    ("changes", "labels", "said"),
    [
        ({}, np.array([0, 1, 5]), ["label <b>even</b>", "float: <b>odd</b>", "w8a8: <b>7</b>"]),
        ({"position": 2}, np.array([0, 1, 5]), ["label <b>5</b>", "float: <b>odd</b>", "w8a8: <b>7</b>"]),
        ({}, None, ["float: <b>odd</b>", "w8a8: <b>7</b>"]),
        ({}, np.zeros((3, 2)), ["float: <b>odd</b>", "w8a8: <b>7</b>"]),
        ({"said": {}}, np.array([0, 1, 5]), [""]),
        ({"said": {"b": 1, "c": 1}}, None, ["w8a8: <b>even</b>"]),
    ],
)
def test_the_last_sample_is_named_by_both(
    changes: dict[str, Any], labels: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside its label where answers are classes; a class without a name is its number."""
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "fitted_data", lambda: _data(labels))
    window = replace(WINDOW, **({"position": 1, "said": {"a": 0, "b": 7}} | changes))
    panel._sample(window, CHOSEN)
    (((text,), _),) = screen.of("html")
    assert text.split("<div>")[1].split("</div>")[0].split("<br>") == said


@pytest.mark.parametrize("window", [replace(WINDOW, position=None), replace(WINDOW, position=3)])
def test_a_sample_that_there_is_not_is_not_shown(window: LiveWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor any of data that is gone."""
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "fitted_data", lambda: _data(None))
    panel._sample(window, CHOSEN)
    monkeypatch.setattr(panel, "fitted_data", lambda: None)
    panel._sample(replace(WINDOW, position=0), CHOSEN)
    assert screen.calls == []


@pytest.mark.parametrize(
    ("job", "windows", "said"),
    [
        ({"waiting": Waiting(1)}, [], "next in line (others were first)."),
        ({"waiting": Waiting(1)}, [WINDOW], "next in line (others have their turn)."),
        ({"step": "waiting for a variant"}, [], ""),
        ({"step": "quantizing"}, [WINDOW], "quantizing: usually a few seconds"),
        ({"step": "streaming"}, [], "streaming: usually a few seconds"),
        ({"step": "streaming"}, [WINDOW], ""),
    ],
)
def test_a_stream_says_what_it_waits_for(
    job: dict[str, Any], windows: list[LiveWindow], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turn, a person, or its first numbers; nothing once they come. One that has ended draws the page anew."""
    screen = screen_of(monkeypatch, panel)
    state = SimpleNamespace(is_running=True, waiting=None, step="streaming")
    vars(state).update(job)
    monkeypatch.setattr(panel, "beat", lambda _: None)
    monkeypatch.setattr(panel, "job_state", lambda _: state)
    monkeypatch.setattr(panel, "windows_of", lambda _: windows)
    monkeypatch.setattr(panel, "notes_of", lambda _: {})
    monkeypatch.setattr(panel, "_draw", lambda *_: None)
    panel._running.__wrapped__("id", CHOSEN)  # type: ignore[attr-defined]
    assert (said in screen.said) if said else screen.said == ""
    state.is_running = False
    panel._running.__wrapped__("id", CHOSEN)  # type: ignore[attr-defined]
    assert len(screen.of("rerun")) == 1


@pytest.mark.parametrize(("status", "drawn"), [(JobStatus.FAILED, 1), (JobStatus.CANCELLED, 0), (JobStatus.DONE, 0)])
@pytest.mark.parametrize("windows", [[], [WINDOW]])
def test_a_stream_that_was_stopped_needs_no_word(
    status: JobStatus, drawn: int, windows: list[LiveWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that failed does; its last numbers stay."""
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "draw_job", lambda *_, place: screen.called("job", (place,), {}))
    monkeypatch.setattr(panel, "windows_of", lambda _: windows)
    monkeypatch.setattr(panel, "notes_of", lambda _: {})
    monkeypatch.setattr(panel, "_draw", lambda *_, ended: screen.called("drawn", (ended,), {}))
    panel._ended(SimpleNamespace(status=status, id="id"), CHOSEN)  # type: ignore[arg-type]
    assert len(screen.of("job")) == drawn
    assert ("The stream has ended after 7 s" in screen.said) is bool(windows)
    assert screen.of("drawn")[0][0] == (True,)


@pytest.mark.parametrize(("model", "data", "mine"), [(MODEL, DATA, True), (None, DATA, False), (MODEL, None, False)])
def test_a_stream_is_shown_for_its_own_model_and_data(
    model: Any, data: Any, mine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for what was chosen meanwhile."""
    job = object()
    monkeypatch.setattr(panel, "latest_job", lambda _: job)
    monkeypatch.setattr(LIVE.__class__, "order_of", lambda *_: SimpleNamespace(model=MODEL, data=DATA))
    monkeypatch.setattr(panel, "model_reference", lambda: model)
    monkeypatch.setattr(panel, "data_reference", lambda: data)
    assert (panel._job() is job) is mine


def test_a_stream_is_ordered_as_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides, the pace and whose it is; one that runs elsewhere ends first; steering tells the same."""
    done: list[object] = []
    now = SimpleNamespace(choices={}, backend="gone", compare=[], recipe="w8a8")
    monkeypatch.setattr(controls, "state", lambda: now)
    monkeypatch.setattr(controls, "model_reference", lambda: MODEL)
    monkeypatch.setattr(controls, "data_reference", lambda: DATA)
    monkeypatch.setattr(controls, "session_id", lambda: "me")
    order = controls.order_now(CHOSEN)
    assert order is not None
    assert {place: (side.recipe, side.backend) for place, side in order.sides.items()} == {
        place: (each.recipe, each.backend) for place, each in CHOSEN.items()
    }
    assert (order.rate, order.session) == (None, "me")
    now.choices["live_rate"] = list(controls._RATES)[-1]
    monkeypatch.setattr(controls, "steer", lambda *given: done.append(given[2]))
    controls.steer_now("id", CHOSEN)
    rate = controls._RATES[now.choices["live_rate"]]
    assert (done, rate is not None) == ([rate], True)
    monkeypatch.setattr(controls, "data_reference", lambda: None)
    assert controls.order_now(CHOSEN) is None
    done.clear()
    monkeypatch.setattr(controls, "latest_job", lambda _: SimpleNamespace(id="before"))
    monkeypatch.setattr(controls.manager, "forget", done.append)
    monkeypatch.setattr(controls, "start_job", lambda *_: "new")
    monkeypatch.setattr(controls, "beat", done.append)
    controls.start(order)
    assert done == ["before", "new"]


@pytest.mark.parametrize(("backend", "first"), [("torch", "torch"), ("gone", "onnxruntime")])
def test_a_backend_that_is_gone_gives_way(backend: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the first that there is."""
    screen = screen_of(monkeypatch, controls)
    monkeypatch.setattr(controls, "state", lambda: SimpleNamespace(backend=backend))
    key = controls._backend_choice("a", ["onnxruntime", "torch"])["key"]
    assert screen.session_state[key] == first
