"""The job that explains a run's speed: what cannot work ends it with its reason, and leaves no explanation behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.jobs import manager
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.measure.why.explain import WhyOrder, kept_why
from qexplorer.run.registry import BACKENDS
from tests.measure import trial_backends

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Backends that misbehave, registered here and in every child."""
    folder = Path(trial_backends.__file__).parent / "trials"
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
    trial_backends.register()
    yield
    for name in trial_backends.NAMES:
        del BACKENDS._entries[name]


def ordered(**changes: Any) -> tuple[dict[str, Any], WhyOrder]:
    """What the page asks for: tumour_mlp with w8a8, one sample, one thread; and the same as an order."""
    model = qx.load("tumour_mlp")
    made = qx.quantize(model, "w8a8")
    arguments: dict[str, Any] = {
        "model": "tumour_mlp",
        "data": "tumour",
        "preprocessing": None,
        "recipe": "w8a8",
        "path": str(made.path),
        "digest": made.digest,
        "backend": "onnxruntime",
        "threads": 1,
        "batch": 1,
    } | changes
    path, backend = Path(arguments["path"]), arguments["backend"]
    return arguments, WhyOrder(model, Recipe.parse("w8a8"), path, made.digest, backend)


def ended(arguments: dict[str, Any]) -> JobState:
    """The job after its end."""
    job_id = manager.submit("why", arguments)
    end = time.monotonic() + 120
    while manager.state(job_id).is_running:
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.05)
    return manager.state(job_id)


def test_an_explanation_is_kept() -> None:
    """The job that works keeps what the page reads back, and gives its verdict."""
    arguments, order = ordered()
    job = ended(arguments)
    assert job.error is None
    found = kept_why(order)
    assert found is not None
    assert job.result == {"verdict": found.verdict}
    assert found.profiled


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "the quantized file is gone"), (b"no model at all", "ONNX Runtime cannot load it")]
)
def test_a_file_that_cannot_be_run_fails_with_its_name(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """A quantized file that is gone, or no model: the job has failed, says which file and why, and keeps nothing."""
    broken = tmp_path / "broken-w8a8.onnx"
    if content is not None:
        broken.write_bytes(content)
    arguments, order = ordered(path=str(broken))
    job = ended(arguments)
    assert job.status is JobStatus.FAILED
    assert job.result is None
    assert job.error is not None
    assert reason in job.error
    assert "broken-w8a8.onnx" in job.error
    assert "Traceback" not in job.error
    assert kept_why(order) is None


@pytest.mark.usefixtures("trials")
def test_a_child_that_dies_fails_the_job(tmp_path: Path) -> None:
    """A runtime that ends its process takes the job's answer with it, but neither the job's end nor its reason."""
    dies = tmp_path / "w8a8.onnx"  # a name that the trial backend dies on
    dies.write_bytes(ordered()[1].path.read_bytes())
    arguments, order = ordered(backend="trial-crash", path=str(dies))
    job = ended(arguments)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "SIGABRT" in job.error
    assert "Traceback" not in job.error
    assert kept_why(order) is None
