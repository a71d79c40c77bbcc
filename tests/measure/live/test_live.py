"""A stream of samples through two variants: what a window says, and when the stream ends."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.model import Model
from qexplorer.core.usage import GpuSample, UsageSample
from qexplorer.machine.usage_watch import UsageSampler
from qexplorer.measure.live.stream_child import stream
from qexplorer.measure.live.windows import LiveWindow, since, speed, totals
from qexplorer.measure.metrics.statistics import wilson_interval
from qexplorer.measure.scoring import keep_labels
from qexplorer.measure.scratch import keep_samples
from qexplorer.measure.timing.paired import PLACEMENT
from qexplorer.process.places.taking import alone, somebody_waits
from tests.measure.models import CLASSES, make_cnn, quantized, samples

N = 12


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A small CNN."""
    return make_cnn(tmp_path)


@pytest.fixture
def order(model: Model, tmp_path: Path) -> dict[str, Any]:
    """What the child is told: float on the left, int8 on the right, twelve samples of class 0."""
    control, heartbeat = tmp_path / "control.json", tmp_path / "heartbeat"
    control.write_text(json.dumps({"version": 1}))
    heartbeat.touch()
    int8 = quantized(model, tmp_path)
    paths = {"a": ("float", model.path), "b": ("w8a8", int8.path)}
    sides = {
        p: {"label": n, "backend": "onnxruntime", "path": str(f), "seen": 0, "scores": {}}
        for p, (n, f) in paths.items()
    }
    return {
        "sides": sides,
        "files": keep_samples(tmp_path, {"x": samples(N)}),
        "metric": "accuracy",
        "labels": keep_labels(tmp_path, np.zeros(N, np.int64)),
        "positions": list(range(100, 100 + N)),
        "batch": 1,
        "threads": 1,
        "rate": None,
        "control": str(control),
        "version": 1,
        "heartbeat": str(heartbeat),
        "stale_s": 60.0,
        "turn_s": 60.0,
        "t_s": 0.0,
        "cursor": 0,
        "pairs": {},
        "threshold": 0.0,
    }


def run(order: dict[str, Any], windows: int) -> tuple[list[LiveWindow], dict[str, Any]]:
    """Streams until there are so many windows, then asks for something else."""
    found: list[LiveWindow] = []

    def emit(event: dict[str, Any]) -> None:
        found.append(LiveWindow.from_json(json.loads(json.dumps(event["window"]))))
        if len(found) == windows:
            Path(order["control"]).write_text(json.dumps({"version": 2}))

    return found, stream(order, emit)


def test_both_variants_run_the_same_samples(order: dict[str, Any]) -> None:
    """In every window both have run equally many samples, and counts only grow."""
    windows, ended = run(order, 3)
    assert ended["reason"] == "changed"
    for window in windows:
        assert window.sides["a"].n == window.sides["b"].n > 0
        assert window.sides["a"].seen == window.sides["b"].seen
        assert window.both == min(N, window.sides["a"].seen)
        assert 100 <= (window.position or 0) < 100 + N
        assert window.sides["a"].p50_ms > 0
        assert 0 < window.sides["a"].busy <= 1
    assert [w.sides["a"].seen for w in windows] == sorted({w.sides["a"].seen for w in windows})
    assert ended["sides"]["a"]["seen"] == windows[-1].sides["a"].seen


def test_right_answers_are_those_of_the_model(order: dict[str, Any], model: Model, tmp_path: Path) -> None:
    """After whole rounds the metric is what the model gets on the samples at once, each of which counts once."""
    import onnxruntime

    (logits,) = onnxruntime.InferenceSession(str(model.path)).run(None, {"x": samples(N)})
    labels = np.argmax(logits, axis=1)
    labels[0] = (labels[0] + 1) % CLASSES
    order |= {"rate": 2.0 * N, "labels": keep_labels(tmp_path, labels)}
    windows, _ = run(order, 2)
    assert windows[-1].sides["a"].seen == 2 * N
    side = windows[-1].sides["a"]
    assert (side.judged, side.value, side.ci95) == (N, (N - 1) / N, wilson_interval(N - 1, N))
    assert windows[-1].metric == "accuracy"
    assert windows[-1].agree is not None
    assert windows[-1].agree <= windows[-1].both == N


def test_a_pace_fixes_the_samples_of_a_window(order: dict[str, Any]) -> None:
    """At 8 a second each window of half a second has 4 samples, and the variants rest in between."""
    windows, _ = run(order | {"rate": 8.0}, 2)
    assert [w.sides["a"].n for w in windows] == [4, 4]
    assert windows[-1].sides["a"].busy < 0.9


def test_the_stream_goes_on_where_another_stopped(order: dict[str, Any]) -> None:
    """Time, place in the samples and counts are carried over."""
    before = {"t_s": 10.0, "cursor": 5, "pairs": {"0": True, "1": True, "2": False, "5": False}}
    order["sides"]["a"] |= {"seen": 7, "scores": {"0": [1.0], "1": [0.0], "2": [1.0]}}
    windows, _ = run(order | before | {"rate": 4.0}, 1)
    assert windows[0].t_s > 10
    assert windows[0].position == 100 + 5 + 1
    assert windows[0].sides["a"].seen == 9
    assert windows[0].sides["b"].seen == 2
    assert (windows[0].sides["a"].judged, windows[0].sides["b"].judged) == (5, 2)
    assert windows[0].both == 5


def test_without_labels_nothing_counts_as_right(order: dict[str, Any]) -> None:
    """The number is missing, not zero, and agreement is still counted."""
    windows, _ = run(order | {"labels": None, "metric": None}, 1)
    assert windows[0].sides["a"].value is None
    assert windows[0].agree is not None


def test_nobody_looking_ends_the_stream(order: dict[str, Any]) -> None:
    """A heartbeat that is older than allowed, or gone, ends it before the next window."""
    import os

    old = time.time() - 100
    os.utime(order["heartbeat"], (old, old))
    found: list[Any] = []
    assert stream(order, found.append)["reason"] == "left"
    Path(order["heartbeat"]).unlink()
    assert stream(order, found.append)["reason"] == "left"
    assert not found


def test_a_stream_makes_way_for_who_waits_when_it_had_its_turn(order: dict[str, Any]) -> None:
    """While nobody waits it goes on; once somebody does it ends, and says where to go on."""
    windows: list[dict[str, Any]] = []
    waiters: list[threading.Thread] = []

    def emit(event: dict[str, Any]) -> None:
        windows.append(event)
        if len(windows) == 2:
            waiters.append(threading.Thread(target=_have_the_machine))
            waiters[0].start()
            while not somebody_waits():
                pass

    with alone():
        ended = stream({**order, "turn_s": 0.0}, emit)
    waiters[0].join()
    assert (ended["reason"], len(windows)) == ("others wait", 2)
    assert ended["t_s"] > 0


def _have_the_machine() -> None:
    with alone():
        pass


def test_totals_are_of_the_variant_that_runs_now(order: dict[str, Any]) -> None:
    """A variant that was there before at the same place does not count; nothing has run: no numbers."""
    windows, _ = run(order, 2)
    renamed = LiveWindow.from_json({**windows[0].to_json(), "t_s": windows[0].t_s - 1})
    other = renamed.to_json()
    other["sides"]["b"] |= {"label": "another", "p50_ms": 1e6}
    assert totals([*[LiveWindow.from_json(other)] * 5, *windows], "b") == totals(windows, "b")
    assert totals([], "a") is None
    assert since(windows, 0.0) == [windows[-1]]


def test_speed_is_told_with_what_ten_seconds_show(order: dict[str, Any]) -> None:
    """Windows of both variants as they are now count, pair by pair; before there are six nothing is told."""
    windows, _ = run(order, 1)
    made = windows[0].to_json()

    def window(index: int, a: float, b: float, label: str = "b") -> LiveWindow:
        sides = {"a": made["sides"]["a"] | {"p50_ms": a}, "b": made["sides"]["b"] | {"p50_ms": b, "label": label}}
        return LiveWindow.from_json(made | {"t_s": index / 2, "sides": sides})

    before = [window(i, 1.0, 9.0, label="another") for i in range(10)]
    now = [window(i, 2.0 + 0.1 * i, 1.0 + 0.05 * i) for i in range(10, 18)]
    assert speed([*before, *now[:5]]) is None
    assert speed([]) is None
    found = speed([*before, *now])
    assert found is not None
    assert found.ratio == pytest.approx(2.0)
    assert found.ci95 == (pytest.approx(2.0 * (1 - PLACEMENT)), pytest.approx(2.0 * (1 + PLACEMENT)))


def test_the_load_of_gpus_is_told_where_there_are_any(order: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the driver says of each GPU is in the window; one that does not answer is left out."""
    seen = UsageSample(1.0, (50.0,), 10**6, (GpuSample(42.0, 1), GpuSample(None, None)))
    monkeypatch.setattr(UsageSampler, "sample", lambda _: seen)
    windows, _ = run(order, 1)
    assert windows[0].gpu_percent == (42.0,)
    assert windows[0].cpu_percent == (50.0,)
    assert windows[0].rss_bytes == 10**6
