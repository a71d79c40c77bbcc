"""The job that compares, on the smallest sample, in a real child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.workspace import workspace
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import FILE, History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.manager import JobStatus
from qexplorer.jobs.references import DataRef, ModelRef
from qexplorer.measure.comparison import Comparison
from tests.jobs.orders import DATA, MODEL, finished


def test_compare_is_kept() -> None:
    """A comparison runs, is kept in the record once, with its order, and its quantized file is there."""
    order = CompareOrder(model=MODEL, data=DATA, recipes=("w8a8",), samples=60)
    job = finished(COMPARE, order)
    assert job.error is None
    result, known = COMPARE.result_of(job), COMPARE.partial_of(job)
    assert result is not None
    assert known is not None
    kept = History().get(result.comparison)
    assert [run.recipe for run in kept.runs] == ["float", "w8a8"]
    assert all(run.status == "ok" for run in kept.runs)
    assert all(Path(path).is_file() for path in kept.quantized.values())
    (record,) = History().list()
    assert record.order == order == COMPARE.order_of(job)
    assert [run.recipe for run in known] == ["float", "w8a8"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": ModelRef(sample="no_such_model")}, "no_such_model"),
        ({"model": ModelRef(sha256="0" * 64)}, "the model 000000000000 is not kept here any more; open it again"),
        ({"data": DataRef(kept="0" * 64, name="mine")}, "the data mine is not kept here any more; open it again"),
        ({"data": DataRef(sample="digits")}, "digits"),
    ],
)
def test_what_cannot_work_says_why(changes: dict[str, Any], sentence: str) -> None:
    """A wrong model, data, or data that does not fit, fails with a sentence that names it; nothing is kept."""
    order = CompareOrder(model=MODEL, data=DATA, recipes=("w8",), samples=20).model_copy(update=changes)
    job = finished(COMPARE, order)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert sentence in job.error
    assert "Traceback" not in job.error
    assert History().list() == []


def test_what_is_no_recipe_is_no_order() -> None:
    """A recipe that cannot be read is refused where it is asked for, before anything starts."""
    with pytest.raises(RecipeError, match="nonsense"):
        CompareOrder(model=MODEL, data=DATA, recipes=("w8a8-nonsense",))


def test_what_the_record_cannot_take_is_handed_over_all_the_same() -> None:
    """A comparison whose record cannot be written is done, with the reason and with everything that was measured."""
    (workspace() / FILE).mkdir()
    job = finished(COMPARE, CompareOrder(model=MODEL, data=DATA, recipes=("w8",), samples=20))
    assert job.status is JobStatus.DONE, job.error
    result = COMPARE.result_of(job)
    assert result is not None
    assert result.unkept is not None
    assert FILE in result.unkept
    assert [run.recipe for run in Comparison.from_json(result.body or {}).runs] == ["float", "w8"]
