"""Simulated answers are computed once for all who are compared with them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import Array
from qexplorer.measure.fidelity import simulation as module
from qexplorer.measure.fidelity.simulation import Simulation


class _Counted:
    """A session that doubles, slowly, and counts what it is asked; ``reference()`` gives itself."""

    output_names = ("y",)

    def __init__(self) -> None:
        self.loads: list[Path] = []
        self.runs = 0

    def load(self, path: Path, _: object) -> _Counted:
        self.loads.append(path)
        return self

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        self.runs += 1
        time.sleep(0.02)
        return [feeds["x"] * 2, np.asarray(self.loads[-1].name == "b.onnx")]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> _Counted:
    """The backend that stands in for the reference."""
    found = _Counted()
    monkeypatch.setattr(module, "reference", lambda: found)
    return found


def test_a_second_reader_loads_nothing_and_gets_the_same_bits(tmp_path: Path, counted: _Counted) -> None:
    """What one computed, the next reads, names of the outputs too."""
    feeds = {"x": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)}
    first = Simulation(tmp_path / "a.onnx", 1, tmp_path)
    assert list(first.output_names) == ["y"]
    made = first.run(feeds)
    second = Simulation(tmp_path / "a.onnx", 1, tmp_path)
    assert list(second.output_names) == ["y"]
    assert all(a.tobytes() == b.tobytes() and a.dtype == b.dtype for a, b in zip(made, second.run(feeds), strict=True))
    assert (len(counted.loads), counted.runs) == (1, 1)


def test_a_session_that_answers_the_same_is_asked_in_place_of_another(tmp_path: Path, counted: _Counted) -> None:
    """The float model on the reference backend is its own simulation: what it answered, other backends read."""
    feeds, own = {"x": np.ones((2, 2), np.float32)}, _Counted()
    own.load(tmp_path / "a.onnx", None)
    made = Simulation(tmp_path / "a.onnx", 1, tmp_path, own).run(feeds)  # type: ignore[arg-type]
    read = Simulation(tmp_path / "a.onnx", 1, tmp_path).run(feeds)
    assert np.array_equal(made[0], read[0])
    assert (own.runs, counted.runs, counted.loads) == (1, 0, [])


def test_another_graph_batch_type_or_number_of_threads_is_another_answer(tmp_path: Path, counted: _Counted) -> None:
    """Nothing is taken for what it is not: each of these is computed by itself."""
    x = np.zeros((2, 2), np.float32)
    Simulation(tmp_path / "a.onnx", 1, tmp_path).run({"x": x})
    for path, threads, value in (
        ("b.onnx", 1, x),
        ("a.onnx", 2, x),
        ("a.onnx", 1, x + 1),
        ("a.onnx", 1, x.reshape(4)),
        ("a.onnx", 1, x.view(np.int32)),
    ):
        before = counted.runs
        found = Simulation(tmp_path / path, threads, tmp_path).run({"x": value})
        assert counted.runs == before + 1
        assert bool(found[1]) == (path == "b.onnx")


def test_two_who_come_together_compute_once(tmp_path: Path, counted: _Counted) -> None:
    """The second waits for the first, batch by batch, and both have all answers."""
    batches = [{"x": np.full(2, index, np.float32)} for index in range(4)]
    answers: list[list[float]] = []

    def work() -> None:
        mine = Simulation(tmp_path / "a.onnx", 1, tmp_path)
        answers.append([float(mine.run(feeds)[0][0]) for feeds in batches])

    workers = [threading.Thread(target=work) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert answers == [[0.0, 2.0, 4.0, 6.0]] * 2
    assert counted.runs == len(batches)
