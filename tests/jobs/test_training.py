"""The job that trains: a kill and a stop leave what was learned, sessions share one training, and it is foretold."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qexplorer.core.files import read_sealed
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import sha256_file, workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.train import FORETELL, TRAIN, ForetellOrder, TrainOrder, TrainResult, diary_now
from qexplorer.jobs.manager import JobStatus
from qexplorer.jobs.records import job_folder, read_json
from qexplorer.jobs.report import Report
from qexplorer.jobs.training import look_at, looked_at, stop
from qexplorer.quantize.quantize import kept_quantized
from qexplorer.quantize.training.recipes import trained
from tests.jobs.orders import DATA, MODEL, finished, waited_for

EPOCHS = 60


def order(epochs: int = EPOCHS, seed: int = 0, until: int = 0) -> TrainOrder:
    """A training of the smallest sample: some seconds."""
    recipe = trained(Recipe.parse("w2a8"), epochs=epochs, seed=seed)
    return TrainOrder(model=MODEL, data=DATA, recipe=recipe, until=until)


def made_here(one: TrainOrder) -> TrainResult:
    """What the job makes of an order, made in this process, which has PyTorch loaded."""
    return TRAIN.work(one, Report("train-0123456789ab", lambda _: None))


def until_epoch(job_id: str, one: TrainOrder, epochs: int) -> None:
    """Waits until so many whole epochs are in the diary."""
    _until(lambda: (diary := diary_now(one)) is not None and diary.trained >= epochs, job_id)


def _until(condition: Callable[[], bool], job_id: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert manager.state(job_id).is_running, manager.state(job_id)
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_killed_training_goes_on_to_the_same_bits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kill -9 in the middle; ordered again it says where it goes on, and file and curve are those of a run in one."""
    job_id = manager.submit(TRAIN, order(80))
    until_epoch(job_id, order(80), 3)
    process = read_json(job_folder(job_id) / "pid.json")
    assert process is not None
    os.kill(process["pid"], signal.SIGKILL)
    assert waited_for(job_id).status is JobStatus.FAILED
    before = diary_now(order(80))
    assert before is not None
    assert 3 <= before.trained < 80
    kept = list(workspace("training").glob("*.pt"))
    assert len(kept) == 1
    assert read_sealed(kept[0]) is not None
    again = TRAIN.result_of(finished(TRAIN, order(80)))
    assert again is not None
    diary = diary_now(order(80))
    assert diary is not None
    assert (diary.trained, diary.ended) == (80, True)
    assert diary.went_on >= before.trained
    assert diary.epochs[: before.trained + 1] == before.epochs
    path = kept_quantized(again.digest)
    assert path is not None
    bits = sha256_file(path)
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "other"))
    other, straight = kept_quantized(made_here(order(80)).digest), diary_now(order(80))
    assert other is not None
    assert straight is not None
    assert sha256_file(other) == bits
    assert straight.epochs == diary.epochs


def test_a_stopped_training_is_a_recipe_of_its_own() -> None:
    """Stopped in the middle it gives the best state so far; by the recipe that it says anybody gets the same file."""
    one = order(1000)
    job_id = manager.submit(TRAIN, one)
    until_epoch(job_id, one, 2)
    stop(job_id)
    state = waited_for(job_id)
    made = TRAIN.result_of(state)
    assert made is not None, state.error
    assert 2 <= made.until < 1000
    assert made.recipe.algorithms[0].options["until"] == made.until
    path = kept_quantized(made.digest)
    assert path is not None
    again = made_here(one.model_copy(update={"until": made.until}))
    assert (again.digest, again.until) == (made.digest, made.until)
    plan = {layer.name: layer.reason for layer in made.layers}
    assert f"trained for {made.until} epochs" in plan["hidden1"]


def test_two_sessions_share_one_training_and_what_the_last_leaves_is_kept() -> None:
    """Equal orders are one job; what each looks at is drawn; one who leaves does not end it for the other. The last one
    cancels it: nothing is made, and what the diary had come to can be kept without training on."""
    one = order(1000, seed=3)
    job_id = manager.submit(TRAIN, one, "ada")
    assert manager.submit(TRAIN, one, "bob") == job_id
    until_epoch(job_id, one, 2)
    diary = diary_now(one)
    assert diary is not None
    look_at(job_id, 0)
    look_at(job_id, len(diary.layers) - 1)
    look_at(job_id, 99)
    looked = looked_at(job_folder(job_id), diary.layers)
    assert set(looked) == {diary.layers[0], diary.layers[-1]}
    assert manager.leave(job_id, "ada").is_running
    assert manager.leave(job_id, "bob").status is JobStatus.CANCELLED
    assert not list(workspace("quantized").glob("*.onnx"))
    diary = diary_now(one)
    assert diary is not None
    made = made_here(one.model_copy(update={"until": diary.trained}))
    assert made.until == diary.trained
    after = diary_now(one)
    assert after is not None
    assert after.epochs == diary.epochs, "nothing was trained for it"


def test_a_training_is_foretold_from_a_few_of_its_steps() -> None:
    """Time, memory and the number of steps; no file is made of it, and none of a training that is over."""
    recipe = order(3).recipe
    asked = ForetellOrder(model=MODEL, data=DATA, recipe=recipe)
    found = FORETELL.result_of(finished(FORETELL, asked))
    assert found is not None
    assert found.seconds > 0
    assert found.of == 3 * -(-int(341 * 0.9) // 32) or found.of % 3 == 0
    assert 0 < found.steps <= found.of
    assert found.memory_bytes is None or found.memory_bytes > 50_000_000
    assert not list(workspace("quantized").glob("*.onnx"))
