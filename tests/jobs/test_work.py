"""The real jobs, on the smallest sample, in real children."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.model import Model
from qexplorer.jobs import manager
from qexplorer.jobs.history import History
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.load.model import load_model
from qexplorer.load.samples.shelf import get_sample

SETTING: dict[str, Any] = {"model": "tumour_mlp", "data": "tumour", "preprocessing": None}


def done(kind: str, **arguments: Any) -> JobState:
    """The state of a job of ``kind`` after its end."""
    job_id = manager.submit(kind, arguments)
    end = time.monotonic() + 120
    while manager.state(job_id).is_running:
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.05)
    return manager.state(job_id)


def test_compare_is_kept() -> None:
    """A comparison runs, is kept in the record with its order, and its quantized file is there."""
    job = done("compare", **SETTING, recipes=["w8a8"], backends=["onnxruntime"], effort="quick", samples=60)
    assert job.error is None
    kept = History().get(job.result["comparison"])
    assert [run.recipe for run in kept.runs] == ["float", "w8a8"]
    assert all(run.status == "ok" for run in kept.runs)
    assert all(Path(path).is_file() for path in kept.quantized.values())
    order = History().list()[0].order
    assert order is not None
    assert order["recipes"] == ["w8a8"]
    assert "job" not in order
    assert [run["recipe"] for run in job.partial] == ["float", "w8a8"]


def test_observe() -> None:
    """Observing counts the samples that it was given."""
    assert done("observe", **SETTING, samples=64).result == {"samples": 64}


def test_channels() -> None:
    """Looking into the channels of an activation finds as many as the tensor has."""
    model = load_model(SETTING["model"])
    layer = next(layer for layer in model.layers if layer.weight)
    job = done("channels", **SETTING, samples=64, tensor=layer.inputs[0])
    assert job.result is not None, job.error
    assert job.result["channels"] > 0


def test_quantize_calibrates_if_it_must() -> None:
    """A static recipe is quantized from data, a weight-only one without any."""
    static = done("quantize", **SETTING, recipe="w8a8", samples=None)
    bare = done("quantize", **{**SETTING, "data": None}, recipe="w4-b32", samples=None)
    for job in (static, bare):
        assert job.status is JobStatus.DONE, job.error
        assert Path(job.result["path"]).is_file()
    assert {layer["treatment"] for layer in bare.result["plan"]["layers"]} <= {"weight-only", "float"}


def test_load() -> None:
    """Loading a file gives the model as data."""
    path = get_sample("tumour_mlp").model_path
    model = Model.from_json(done("load", path=str(path), name="mine").result)
    assert model.name == "mine"
    assert model.path.is_file()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "no_such_model"}, "no_such_model"),
        ({"data": "/nowhere/data.npz"}, "/nowhere/data.npz"),
        ({"recipes": ["w8a8-nonsense"]}, "nonsense"),
        ({"data": "digits"}, "digits"),
    ],
)
def test_what_cannot_work_says_why(changes: dict[str, Any], sentence: str) -> None:
    """A wrong model, data, recipe, or data that does not fit, fails with a sentence that names it; nothing is kept."""
    order = SETTING | {"recipes": ["w8"], "backends": ["onnxruntime"], "effort": "quick", "samples": 20} | changes
    job = done("compare", **order)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert sentence in job.error
    assert "Traceback" not in job.error
    assert History().list() == []
