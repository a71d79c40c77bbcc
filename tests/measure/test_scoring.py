"""Scores in files, the first metric of two sets of answers, and what the child that judges measures first."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.plugins import METRICS
from qexplorer.core.results import Kernels
from qexplorer.measure import judge_child, memory
from qexplorer.measure.judge_child import _is_reference, _measure_memory, _reporter
from qexplorer.measure.scoring import Scoring, keep_labels, keep_outputs, primary_values, read_outputs, score_answers

ACCURACY, AGREEMENT = METRICS.get("accuracy"), METRICS.get("agreement")
OURS = [np.eye(3)[[0, 1, 2, 0]]]
LABELS = np.array([0, 1, 1, 0])


def test_answers_are_kept_where_a_metric_compares_with_them(tmp_path: Path) -> None:
    """And nowhere else: they are large."""
    one = Scoring.of([ACCURACY], tmp_path / "a", keep=tmp_path / "k", floats=tmp_path / "f")
    assert (one.metrics, one.keep, one.floats) == (("accuracy",), None, None)
    two = Scoring.of([ACCURACY, AGREEMENT], tmp_path / "b", keep=tmp_path / "k", floats=tmp_path / "f")
    assert (two.keep, two.floats) == (str(tmp_path / "k"), str(tmp_path / "f"))
    assert Scoring(**two.to_json()) == two
    bare = Scoring.of([ACCURACY, AGREEMENT], tmp_path / "c")
    assert (bare.labels, bare.keep, bare.floats) == (None, None, None)


def test_scores_come_back_from_the_child(tmp_path: Path) -> None:
    """Of the metrics that have some, with the reasons of others; float's answers are kept for its variants."""
    labels, kept = keep_labels(tmp_path, LABELS), tmp_path / "kept"
    floats = Scoring.of([ACCURACY, AGREEMENT], tmp_path / "f", labels=labels, keep=kept)
    assert score_answers(floats.to_json(), OURS, 4, 0.0) == {}
    own = Scoring.of([ACCURACY, AGREEMENT, METRICS.get("top5_accuracy")], tmp_path / "q", labels=labels, floats=kept)
    without = score_answers(own.to_json(), [np.eye(3)[[0, 1, 1, 1]]], 4, 0.0)
    found = own.read(without)
    assert found.scores["accuracy"].ravel().tolist() == [1, 1, 1, 0]
    assert found.scores["agreement"].ravel().tolist() == [1, 1, 0, 0]
    assert set(found.without) == {"top5_accuracy"}
    assert keep_labels(tmp_path, None) is None


def test_many_outputs_come_back_in_their_order(tmp_path: Path) -> None:
    """The eleventh behind the third; of a folder that is not there none."""
    keep_outputs(tmp_path / "kept", [np.full(2, i) for i in range(12)])
    found = read_outputs(tmp_path / "kept")
    assert found is not None
    assert [int(each[0]) for each in found] == list(range(12))
    assert read_outputs(tmp_path / "nothing") is None


def test_the_first_metric_is_told_of_both_answers(tmp_path: Path) -> None:
    """None where it has no value, is no number, or nothing is scored."""
    order = Scoring.of([ACCURACY, AGREEMENT], tmp_path, labels=keep_labels(tmp_path, LABELS)).to_json()
    others = [np.eye(3)[[0, 1, 1, 0]]]
    assert primary_values(order, OURS, others, 4, 0.0) == {"name": "accuracy", "ours": 0.75, "theirs": 1.0}
    assert primary_values(order, OURS, [np.zeros((4, 3, 2))], 4, 0.0) is None
    assert primary_values(order | {"metrics": ()}, OURS, others, 4, 0.0) is None
    flat = Scoring.of([METRICS.get("r2")], tmp_path, labels=keep_labels(tmp_path, np.ones(4))).to_json()
    assert primary_values(flat, [np.ones((4, 1))], [np.zeros((4, 1))], 4, None) is None


@pytest.mark.parametrize(
    ("is_float", "backend", "kernels", "itself"),
    [
        (True, "onnxruntime", Kernels({}, {"Conv": 2}, {}), True),
        (True, "torch", Kernels({}, {"Conv": 2}, {}), False),
        (False, "onnxruntime", Kernels({}, {"Conv": 2}, {}), False),
        (True, "onnxruntime", Kernels({"QLinearConv": 1}, {}, {}), False),
        (True, "onnxruntime", Kernels({}, {"Conv": 1}, {"DequantizeLinear": 1}), False),
        (True, "onnxruntime", Kernels({}, {"Conv": 1}, {"DynamicQuantizeLinear": 1}), False),
        (True, "onnxruntime", Kernels({}, {"Conv": 1}, {"Transpose": 1}), True),
    ],
)
def test_a_float_model_on_the_reference_is_its_own_simulation(
    is_float: bool, backend: str, kernels: Kernels, itself: bool
) -> None:
    """Unless it came quantized: then other kernels run than the graph says."""
    assert _is_reference({"is_float": is_float, "backend": backend}, kernels) is itself


@pytest.mark.parametrize(("twice", "told"), [(True, [0.25, 1.0]), (False, [0.5, 2.0])])
def test_answers_are_half_of_the_work_where_they_are_simulated_too(twice: bool, told: list[float]) -> None:
    """1 to 2 is the second half."""
    events: list[float] = []
    report = _reporter(lambda event: events.append(event["done"]), twice=twice)
    report(0.5)
    report(2.0)
    assert events == told


def test_memory_is_that_of_loading_and_running_beyond_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline is taken before the file is loaded, the peak at the end, and the first runs belong to neither."""
    did: list[str] = []

    class Session:
        """Notes its runs."""

        def run(self, feeds: dict[str, Any]) -> None:
            """With one sample."""
            did.append(f"run {len(feeds['x'])}")

    def load() -> Any:
        did.append("load")
        return Session()

    peaks = iter([100, 900])
    monkeypatch.setattr(judge_child, "peak_rss_bytes", lambda: (did.append("peak"), next(peaks))[1])
    monkeypatch.setattr(judge_child, "steady_rss_bytes", lambda run: (did.append("steady"), run(), (500, 7))[2])
    found, _ = _measure_memory(load, {"x": np.zeros((5, 2))}, 1)
    assert found == {"peak": 900, "baseline": 100, "steady": 500, "steady_n": 7}
    assert did == ["peak", "load", *["run 1"] * 3, "steady", "run 1", "peak"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts it there")
def test_the_peak_is_linux_s_high_water_mark_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was resident, not what was asked for; None where it is not counted."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  999999 kB\nVmHWM:\t    1234 kB\nVmRSS:\t     900 kB\n")
    monkeypatch.setattr(memory, "_STATUS", status)
    assert memory.peak_rss_bytes() == 1234 * 1024
    status.write_text("Name:\tpython\nVmPeak:\t  999999 kB\n")
    assert memory.peak_rss_bytes() is None
    assert math.isfinite(memory.rss_bytes())
