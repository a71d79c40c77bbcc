"""One process prepares all files of a backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import BackendError, Cancelled, ChildError
from qexplorer.core.model import Model
from qexplorer.measure.pace.preparer import Preparer, can_prepare
from qexplorer.process.parent import run_in_child
from qexplorer.run.registry import BACKENDS
from qexplorer.scheduling import working_child
from qexplorer.scheduling.task import SweepTask, TaskEnd
from qexplorer.scheduling.working_child import WorkingChild


def never() -> bool:
    """Nobody cancels."""
    return False


def test_files_are_prepared_by_one_child_also_after_one_that_is_none(
    cnn: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the backend refuses raises what loading it says, and the same process goes on with the next."""
    starts: list[str] = []
    start: Callable[..., Any] = run_in_child

    def counted(target: str, *others: Any, **more: Any) -> Any:
        starts.append(target)
        return start(target, *others, **more)

    monkeypatch.setattr(working_child, "run_in_child", counted)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    found = Preparer("onnxruntime", 1)
    try:
        found.prepare(cnn.path, never)
        with pytest.raises(BackendError) as caught:
            found.prepare(broken, never)
        found.prepare(cnn.path, never)
        assert caught.value.sentence.startswith("broken.onnx: ")
        with pytest.raises(Cancelled):
            found.prepare(cnn.path, lambda: True)
    finally:
        found.close()
    assert len(starts) == 1


def test_a_child_that_died_is_not_asked_again(cnn: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash is told by whoever loads the file itself; it is not repeated here."""
    asked: list[SweepTask] = []

    def dies(self: WorkingChild, task: SweepTask, *_: object) -> TaskEnd:
        assert self._tries == 1
        asked.append(task)
        return TaskEnd(task, error=ChildError("it crashed"))

    monkeypatch.setattr(WorkingChild, "do", dies)
    found = Preparer("onnxruntime", 1)
    for _ in range(2):
        found.prepare(cnn.path, never)
    assert len(asked) == 1


def test_whoever_waits_for_another_file_can_be_cancelled(cnn: Model) -> None:
    """One file is prepared at a time, and a wait for that ends when the work is cancelled."""
    found = Preparer("onnxruntime", 1)
    with found._turn, pytest.raises(Cancelled):
        found.prepare(cnn.path, lambda: True)


def test_only_what_serves_every_batch_is_prepared_once_for_all() -> None:
    """LiteRT's conversion does; a compilation for every shape, or a backend that prepares nothing, does not."""
    found = {name: can_prepare(BACKENDS.get(name)) for name in ("litert", "torch-inductor", "onnxruntime")}
    assert found == {"litert": True, "torch-inductor": False, "onnxruntime": False}
