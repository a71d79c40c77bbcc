"""The job that explains a run's speed: what cannot work ends it with its reason, and leaves no explanation behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import sha256_bytes
from qexplorer.jobs.kinds.why import WHY, ExplainOrder, ExplainResult
from qexplorer.jobs.manager import JobStatus
from qexplorer.measure.why.explain import WhyOrder, kept_why
from qexplorer.quantize.findings import Written, save_written
from qexplorer.quantize.quantize import quantized_path
from qexplorer.run.registry import BACKENDS
from tests.jobs.orders import DATA, MODEL, finished
from tests.measure import trial_backends

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Backends that misbehave, registered here and in every child."""
    folder = Path(trial_backends.__file__).parent / "trials"
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
    trial_backends.register()
    yield
    for name in trial_backends.NAMES:
        del BACKENDS._entries[name]


def ordered(digest: str | None = None, backend: str = "onnxruntime") -> tuple[ExplainOrder, WhyOrder]:
    """What the page asks for: tumour_mlp with w8a8, one sample, one thread; and the same with model and file.

    Args:
        digest: of another file than the right one.
        backend: where it ran.
    """
    model = qx.load("tumour_mlp")
    digest = digest or qx.quantize(model, "w8a8").digest
    order = ExplainOrder(model=MODEL, data=DATA, recipe="w8a8", quantized=digest, backend=backend)
    return order, WhyOrder(model, Recipe.parse("w8a8"), quantized_path(digest), digest, backend)


def written(name: str, content: bytes) -> None:
    """A quantized file of these bytes, kept as one that was just made."""
    save_written(Written(sha256_bytes(content)), quantized_path(name))
    quantized_path(name).write_bytes(content)


def test_an_explanation_is_kept() -> None:
    """The job that works keeps what the page reads back, and gives its verdict."""
    asked, order = ordered()
    job = finished(WHY, asked)
    assert job.error is None
    found = kept_why(order)
    assert found is not None
    assert WHY.result_of(job) == ExplainResult(found.verdict)
    assert found.profiled


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "the quantized file is gone"), (b"no model at all", "ONNX Runtime cannot load it")]
)
def test_a_file_that_cannot_be_run_fails_with_its_name(content: bytes | None, reason: str) -> None:
    """A quantized file that is gone, or no model: the job has failed, says which file and why, and keeps nothing."""
    if content is not None:
        written("broken-w8a8", content)
    asked, order = ordered("broken-w8a8")
    job = finished(WHY, asked)
    assert job.status is JobStatus.FAILED
    assert WHY.result_of(job) is None
    assert job.error is not None
    assert reason in job.error
    assert "broken-w8a8.onnx" in job.error
    assert "Traceback" not in job.error
    assert kept_why(order) is None


@pytest.mark.usefixtures("trials")
def test_a_child_that_dies_fails_the_job() -> None:
    """A runtime that ends its process takes the job's answer with it, but neither the job's end nor its reason."""
    right = ordered()[1].path  # the trial backend dies on files that are called w8a8
    written("w8a8", right.read_bytes())
    asked, order = ordered("w8a8", backend="trial-crash")
    job = finished(WHY, asked)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "SIGABRT" in job.error
    assert "Traceback" not in job.error
    assert kept_why(order) is None
