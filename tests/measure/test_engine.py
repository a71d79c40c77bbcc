"""Judging and timing in child processes, and what happens when they do not come back."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled
from qexplorer.core.model import Model
from qexplorer.core.results import Run, Status
from qexplorer.core.workspace import workspace
from qexplorer.measure import engine as engines
from qexplorer.measure.comparison import Progress
from qexplorer.measure.effort import BATCHES, Effort
from qexplorer.measure.engine import Engine
from qexplorer.measure.judging import Judged, judge_variant
from qexplorer.measure.pace.forecast import FLOAT, Forecast
from qexplorer.measure.pace.progress import Board
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Variant, float_variant, subject_of
from qexplorer.process.limits import Limits
from tests.measure.models import data_set, make_cnn, quantized
from tests.measure.processes import left_over


def run(
    model: Model, variants: list[Variant], data: DataSet, backend: str = "onnxruntime", *, samples: int | None = None
) -> tuple[list[Run], list[Progress]]:
    """Runs the engine on ``variants``; returns the runs and everything it told."""
    told: list[Progress] = []
    subject = subject_of(model, data, samples)
    board = Board(told.append, None)
    with (
        scratch() as folder,
        Engine(subject, keep_samples(folder, subject.inputs), Effort.QUICK, board, None) as engine,
    ):
        engine.expect([backend], ["a recipe"] * (len(variants) - 1))
        for variant in variants:
            engine.submit(backend, variant, FLOAT if variant.is_float else "a recipe")
        engine.finish_judging()
        engine.time_all([backend])
        return list(engine.runs()), told


@pytest.fixture
def both(cnn: Model, int8: Variant) -> list[Variant]:
    """The float model and its quantized one."""
    return [float_variant(cnn), int8]


def test_a_run_has_every_number_with_its_n(cnn: Model, both: list[Variant]) -> None:
    """Accuracy, latency, throughput, memory, energy and fidelity are there, each with how many it rests on."""
    (plain, int8), _ = run(cnn, both, data_set(40))
    for found in (plain, int8):
        assert found.status is Status.OK
        assert found.accuracy is not None
        assert (found.accuracy.metric, found.accuracy.n) == ("accuracy", 40)
        assert found.accuracy.ci95 is not None
        assert found.latency_ms is not None
        assert found.latency_ms.n >= 6
        assert found.latency_ms.p50 is not None
        assert (found.latency_ms.batch, found.latency_ms.threads) == (1, 1)
        assert set(found.throughput_by_batch) == set(BATCHES)
        rates = found.throughput_by_batch.values()
        quiet = [rate for rate in rates if rate.valid] or list(rates)
        assert found.throughput_per_s == max(rate.value for rate in quiet)
        assert all(rate.n >= 6 and rate.ci95 and rate.ci95[0] <= rate.value <= rate.ci95[1] for rate in rates)
        assert found.memory is not None
        assert found.memory.n == 1
        assert found.memory.baseline_rss_bytes is not None
        assert 0 < found.memory.baseline_rss_bytes < (found.memory.peak_rss_bytes or 0)
        assert found.energy_mj is not None
        assert found.energy_mj.n == found.latency_ms.n
        assert found.kernels is not None
    assert int8.fidelity is not None
    assert int8.fidelity.max_lsb is not None
    assert int8.fidelity.max_lsb <= 1
    assert int8.fidelity.n == 40 + 16 + 16, "every sample at batch 32, 16 at batch 1 and at batch 8"
    assert int8.latency_ms is not None
    assert int8.latency_ms.speedup is not None
    assert plain.latency_ms is not None
    assert plain.latency_ms.speedup is None
    assert Run.from_json(int8.to_json()) == int8


def test_progress_never_falls_and_brings_runs_as_they_finish(cnn: Model, both: list[Variant]) -> None:
    """Progress rises to 1, and both runs are told before they are timed, saying so."""
    runs, told = run(cnn, both, data_set(40))
    done = [item.done for item in told]
    assert done == sorted(done)
    assert done[-1] == 1.0
    waiting = [item.runs for item in told if len(item.runs) == 2 and item.runs[1].throughput_per_s is None]
    assert waiting
    assert waiting[0][1].accuracy == runs[1].accuracy
    assert waiting[0][1].latency_ms is not None
    assert waiting[0][1].latency_ms.reason == "not timed yet"


def test_a_model_that_insists_on_a_batch_is_measured_at_it(tmp_path: Path) -> None:
    """With batch 1 fixed in the file, accuracy covers every sample, and time and throughput are of that batch."""
    model = make_cnn(tmp_path, batch=1)
    runs, _ = run(model, [float_variant(model), quantized(model, tmp_path)], data_set(10))
    for found in runs:
        assert found.status is Status.OK
        assert found.accuracy is not None
        assert found.accuracy.n == 10
        assert list(found.throughput_by_batch) == [1]


def test_without_labels_agreement_stands_in(cnn: Model, both: list[Variant]) -> None:
    """The float model agrees with itself by definition, without an interval; the others are counted."""
    (plain, int8), _ = run(cnn, both, data_set(40, labels=False, task="agreement"))
    assert plain.accuracy is not None
    assert int8.accuracy is not None
    assert (plain.accuracy.metric, plain.accuracy.value, plain.accuracy.ci95) == ("agreement", 1.0, None)
    assert int8.accuracy.metric == "agreement"
    assert int8.accuracy.value == 1 - len(int8.accuracy.flipped) / 40
    assert int8.accuracy.delta is None


def test_accuracy_of_an_untrained_model_is_never_shown(tmp_path: Path) -> None:
    """Neither accuracy nor agreement has a value, with or without labels, but time and fidelity do."""
    model = make_cnn(tmp_path, untrained=True)
    variants = [float_variant(model), quantized(model, tmp_path)]
    for labels in (True, False):
        runs, told = run(model, variants, data_set(40, labels=labels))
        for found in [*runs, *(r for item in told for r in item.runs)]:
            assert found.accuracy is not None
            assert found.accuracy.value is None
            assert found.accuracy.flipped == ()
            assert "untrained" in (found.accuracy.reason or "")
        assert runs[1].fidelity is not None
        assert runs[1].fidelity.exact is not None
        assert runs[1].latency_ms is not None
        assert runs[1].latency_ms.p50 is not None


def test_fewer_samples_are_drawn_from_the_whole_split(cnn: Model) -> None:
    """Asking for some samples does not take the first ones, takes the same every time, and knows where they stood."""
    data = data_set(200)
    subject, again = subject_of(cnn, data, 20), subject_of(cnn, data, 20)
    assert subject.n == 20
    assert subject.positions.tolist() == again.positions.tolist() == sorted(set(subject.positions.tolist()))
    assert subject.positions[-1] > 100
    assert (subject.inputs["x"] == data.evaluation.inputs["x"][subject.positions]).all()


@pytest.mark.usefixtures("trials")
def test_wrong_answers_are_refused_and_nothing_of_them_is_shown(cnn: Model, both: list[Variant]) -> None:
    """A backend that is steps beside the simulation gets its fidelity shown, a reason, and no other number."""
    (plain, refused), _ = run(cnn, both, data_set(40), "trial-wrong")
    assert plain.status is Status.OK
    assert refused.status is Status.REFUSED
    assert "steps of the output's grid" in (refused.reason or "")
    assert "(at batch 32, over 40 samples)" in (refused.reason or "")
    assert refused.fidelity is not None
    assert (refused.fidelity.max_lsb or 0) > 1
    assert refused.accuracy is None
    assert refused.latency_ms is None
    assert refused.throughput_per_s is None
    assert refused.energy_mj is None
    assert refused.memory is None


@pytest.mark.usefixtures("trials")
@pytest.mark.parametrize(("backend", "words"), [("trial-crash", "SIGABRT"), ("trial-crash-timed", "timing it failed")])
def test_a_backend_that_crashes_loses_its_own_run_only(
    cnn: Model, both: list[Variant], backend: str, words: str
) -> None:
    """Whether it dies on loading or while it is timed, the float model's run is complete."""
    (plain, dead), _ = run(cnn, both, data_set(40), backend)
    assert dead.status is Status.FAILED
    assert words in (dead.reason or "")
    assert dead.accuracy is None
    assert dead.size is not None
    assert plain.status is Status.OK
    assert plain.latency_ms is not None
    assert plain.latency_ms.p50 is not None


def test_what_takes_longest_is_judged_first_and_shown_in_the_order_that_was_announced(
    cnn: Model, both: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The float model of a quick backend begins beside the first one's work; a slow one's does not."""
    seconds = {"onnxruntime": 3.0, "torch": 2.0, "openvino": 9.0}
    monkeypatch.setattr(Forecast, "judging", lambda _, backend, recipe: seconds[backend])  # noqa: ARG005
    monkeypatch.setattr(engines, "workers", lambda: 2)
    monkeypatch.setattr(engines, "judge_variant", lambda *_, **__: Judged(failed="not here"))
    plain, int8 = both
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, Effort.QUICK, Board(None, None), None) as engine:
            engine.expect(["onnxruntime", "torch", "openvino"], ["a recipe"])
            assert engine.longest_first(["torch", "openvino"]) == ["openvino", "torch"]
            engine.submit_meanwhile(["openvino"], plain, "onnxruntime")
            assert engine.runs() == ()
            assert not engine._slots
            engine.submit_meanwhile(["openvino", "torch"], plain, "onnxruntime")
            assert list(engine._slots) == [("torch", plain.digest)]
            engine.submit("onnxruntime", plain)
            engine.submit("onnxruntime", int8, "a recipe")
            engine.finish_judging()
            shown = [(each.backend, each.recipe) for each in engine.runs()]
    assert shown == [("onnxruntime", "float"), ("onnxruntime", int8.recipe), ("torch", "float")]


def test_a_slow_backend_begins_beside_observing_if_that_takes_as_long(
    cnn: Model, both: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion runs on the processor that observing leaves free, if the first backend hardly waits for it."""
    seconds = {"onnxruntime": 3.0, "litert": 20.0, "openvino": 9.0}
    monkeypatch.setattr(Forecast, "judging", lambda _, backend, recipe: seconds[backend])  # noqa: ARG005
    monkeypatch.setattr(engines, "workers", lambda: 2)
    monkeypatch.setattr(engines, "judge_variant", lambda *_, **__: Judged(failed="not here"))
    plain = both[0]
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, Effort.QUICK, Board(None, None), None) as engine:
            engine.expect(["onnxruntime", "litert", "openvino"], ["a recipe"])
            engine.submit_meanwhile(["litert"], plain, "onnxruntime", 11.0)
            assert not engine._slots
            engine.submit_meanwhile(["litert", "openvino"], plain, "onnxruntime", 13.0)
            assert list(engine._slots) == [("litert", plain.digest)]


def test_observing_leaves_one_processor_less_for_judging(
    cnn: Model, both: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the float model is judged and this process observes, both processors of two are taken."""
    monkeypatch.setattr(Forecast, "judging", lambda *_: 1.0)
    monkeypatch.setattr(engines, "workers", lambda: 2)
    may_end = threading.Event()

    def judge(*_: object, **__: object) -> Judged:
        may_end.wait(30)
        return Judged(failed="not here")

    monkeypatch.setattr(engines, "judge_variant", judge)
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        with Engine(subject, files, Effort.QUICK, Board(None, None), None) as engine:
            engine.expect(["onnxruntime", "openvino"], ["a recipe"])
            engine.submit("onnxruntime", both[0])
            engine.submit_meanwhile(["openvino"], both[0], "onnxruntime", 10.0)
            busy = list(engine._slots)
            may_end.set()
    assert busy == [("onnxruntime", both[0].digest)]


@pytest.mark.usefixtures("trials")
def test_a_backend_that_hangs_is_ended(cnn: Model, int8: Variant) -> None:
    """Its time runs out, and that is the reason."""
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        judged = judge_variant(int8, "trial-hang", subject, files, limits=Limits(wall_s=1.0))
    assert judged.failed is not None
    assert "took longer than 1 s" in judged.failed


@pytest.mark.usefixtures("trials")
def test_cancelling_ends_every_child(cnn: Model, both: list[Variant]) -> None:
    """A comparison that hangs ends when it is cancelled, and leaves no process and no file."""
    begin = time.monotonic()
    subject = subject_of(cnn, data_set(4), None)

    def cancelled() -> bool:
        return time.monotonic() - begin > 0.8

    def hang() -> None:
        board = Board(None, cancelled)
        with scratch() as folder:
            files = keep_samples(folder, subject.inputs)
            with Engine(subject, files, Effort.QUICK, board, cancelled) as engine:
                engine.submit("trial-hang", both[1])
                engine.finish_judging()

    with pytest.raises(Cancelled):
        hang()
    assert not left_over()
    assert list(workspace("scratch").iterdir()) == []


def test_a_missing_file_fails_with_a_sentence(cnn: Model, int8: Variant, tmp_path: Path) -> None:
    """What a backend says about a file that it cannot load becomes the reason of the failed run, by the recipe's name:
    kept files are called by digests, which say nothing to a person."""
    subject = subject_of(cnn, data_set(4), None)
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        judged = judge_variant(replace(int8, path=tmp_path / "gone.onnx"), "onnxruntime", subject, files)
    assert (judged.failed or "").startswith(f"{int8.recipe}: ONNX Runtime cannot load it")
    assert "gone" not in (judged.failed or "").partition("(")[0]
