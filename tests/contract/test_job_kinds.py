"""What every kind of job must keep to; and that a kind brought by one file is had everywhere, nothing else touched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qexplorer.core.errors import UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.child import do_job
from qexplorer.jobs.coding import decode, encode
from qexplorer.jobs.ids import is_job_id, new_job_id
from qexplorer.jobs.kind import JOB_KINDS, AnyKind, JobKind
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.manager import JobStatus
from qexplorer.jobs.orders import Order
from qexplorer.jobs.records import write_json
from qexplorer.jobs.references import DataRef, ModelRef
from qexplorer.load.datasets.preprocess import Layout, Preprocessing
from qexplorer.ui.page_list import read_pages
from tests.contract.throw_away import bring
from tests.pages.app import open_app
from tests.waiting import until

KINDS = pytest.mark.parametrize("kind", JOB_KINDS, ids=lambda kind: kind.name)

FIELDS: dict[str, dict[str, Any]] = {
    "architecture": {"networks": 2, "epochs": 1},
    "channels": {"tensor": "conv/out:0", "samples": 8},
    "compare": {"recipes": ("w8a8", "w4-b32"), "backends": ("onnxruntime", "openvino"), "effort": "report"},
    "effects": {"recipe": "w4a8-adaround", "samples": 16},
    "foretell": {"recipe": "w4a8-qat"},
    "generate": {"recipes": ("w4-b32",), "backend": "onnxruntime", "prompt": "a \u2028 b"},
    "joint": {"recipe": "w8a8", "algorithms": ("equalize",), "seconds": 0.5, "sampler": "tpe"},
    "ladder": {"recipe": "w8a8", "backends": ("onnxruntime",), "samples": 3},
    "lesson": {"recipe": "w4", "layer": "fc"},
    "live": {"sides": {"a": {"recipe": "w99", "backend": "x"}}, "rate": 0.1, "session": "s"},
    "mix": {"recipe": "w8a8", "budgets": {"latency": 1.5}, "most_drop": 0.01},
    "needed": {"recipe": "w8a8-mse", "tensor": "conv/out:0", "draws": 2},
    "quantize": {"recipe": "w8a8"},
    "repair": {"recipe": "w8a8-tensor"},
    "saturation": {"recipe": "w8a8-sym"},
    "sensitivity": {"recipe": "w4a8", "samples": 16, "rounded": ("weights", "both"), "setups": ("alone", "cumulative")},
    "sums": {"recipe": "w8a8", "samples": None},
    "sweep": {"recipes": ("w8a8",), "backend": "onnxruntime"},
    "train": {"recipe": "w4a8-qat", "until": 3},
    "why": {"recipe": "w8a8", "quantized": "abc", "backend": "onnxruntime", "threads": 2, "batch": 8},
}
"""Fields of an order of each kind beside model and data, where it has more that must be given."""
REFERENCES: dict[str, Any] = {"model": ModelRef, "data": DataRef}
"""Fields by which an order refers to its inputs; a kind has those that it needs."""


def models() -> st.SearchStrategy[ModelRef]:
    """References to samples and to kept models."""
    digests = st.text("0123456789abcdef", min_size=64, max_size=64)
    return st.one_of(
        st.builds(lambda n: ModelRef(sample=n), st.text()), st.builds(lambda d: ModelRef(sha256=d), digests)
    )


def datasets() -> st.SearchStrategy[DataRef]:
    """References to shipped and to kept data, with any preprocessing."""
    floats = st.floats(1e-3, 1e3)
    prepared = st.builds(
        Preprocessing,
        layout=st.sampled_from(Layout),
        scale=floats,
        mean=st.tuples(floats, floats),
        std=st.tuples(floats),
        size=st.none() | st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    )
    kept = st.text("0123456789abcdef", min_size=64, max_size=64)
    none = st.none()
    return st.builds(
        lambda own, digest, preprocessing, task: DataRef(
            sample=None if digest else own, kept=digest, name=own, preprocessing=preprocessing, task=task
        ),
        st.text(),
        none | kept,
        none | prepared,
        none | st.text(),
    )


def order_of(kind: AnyKind, model: ModelRef, data: DataRef) -> Order:
    """An order of this kind, about those of the two that it takes."""
    given = {"model": model, "data": data}
    taken = {name: value for name, value in given.items() if name in kind.order.model_fields}
    order: Order = kind.order(**taken, **FIELDS.get(kind.name, {}))
    return order


SOME = (ModelRef(sample="tumour_mlp"), DataRef(sample="tumour"))


@KINDS
def test_jobs_can_be_found_by_their_ids(kind: AnyKind) -> None:
    """The ids that the kind's name makes are ids, and no path."""
    job_id = new_job_id(kind.name)
    assert is_job_id(job_id)
    assert "/" not in job_id


@KINDS
@given(model=models(), data=datasets())
def test_an_order_comes_back_from_json_bit_for_bit(kind: AnyKind, model: ModelRef, data: DataRef) -> None:
    """Written as JSON text and read again, an order is equal, has the same digest and is written as the same text."""
    order = order_of(kind, model, data)
    text = json.dumps(encode(kind.order, order), sort_keys=True)
    again = decode(kind.order, json.loads(text))
    assert again == order
    assert kind.digest(again) == kind.digest(order)
    assert json.dumps(encode(kind.order, again), sort_keys=True) == text


@KINDS
def test_fields_that_are_not_known_are_refused(kind: AnyKind) -> None:
    """An order with a field too many is none, at the top and inside its references."""
    value = encode(kind.order, order_of(kind, *SOME))
    for inner in (value, *(value[name] for name in REFERENCES if name in value)):
        inner["speed"] = 1
        with pytest.raises(ValidationError, match="speed"):
            decode(kind.order, value)
        del inner["speed"]


@KINDS
def test_an_order_names_no_file_of_this_machine(kind: AnyKind) -> None:
    """Model and data, where it takes them, are references, and no field of an order is a path."""
    for name in REFERENCES.keys() & kind.order.model_fields.keys():
        assert kind.order.model_fields[name].annotation in (REFERENCES[name], REFERENCES[name] | None)
    assert "Path" not in str(kind.order.model_json_schema(mode="serialization"))
    assert '"format": "path"' not in json.dumps(kind.order.model_json_schema(mode="serialization"))


@KINDS
def test_a_kind_is_whole(kind: AnyKind) -> None:
    """It has a title, a page that there is, and work that can be imported by its target."""
    assert kind.title
    assert kind.page in {page.title for page in read_pages()}
    module, _, function = kind.target.partition(":")
    assert getattr(import_module(module), function) is kind.work


@KINDS
def test_what_is_of_another_kind_is_not_read(kind: AnyKind) -> None:
    """The state of another kind's job has no order, result or partial result of this one."""
    for other in JOB_KINDS:
        job_id = new_job_id(other.name)
        value = encode(other.order, order_of(other, *SOME))
        order = {"kind": other.name, "order": value, "started": time.time()}
        write_json(workspace("jobs", job_id) / "order.json", order)
        state = manager.state(job_id)
        assert (kind.order_of(state) is not None) is (other is kind)
        assert (kind.result_of(state), kind.partial_of(state)) == (None, None)


@pytest.mark.parametrize("name", ["", "a-b", "Compare", "../x", "1st", "a b", "a/b", "a" * 41, "a\n"])
def test_a_name_whose_jobs_could_not_be_found_is_no_name(name: str) -> None:
    """A kind with such a name cannot be made."""
    with pytest.raises(ValueError, match="no name for a kind of job"):
        JobKind(name, "T", "P", COMPARE.order, COMPARE.result, COMPARE.work, COMPARE.partial)


def test_an_unknown_kind_is_no_work() -> None:
    """A child that is handed a kind that there is not refuses it; no other kind answers for it."""
    with pytest.raises(UnknownName, match="there is no kind of job called 'paint'"):
        do_job({"kind": "paint", "order": {}, "job": "paint-0123456789ab", "asked_ns": 1}, lambda _: None)


THROW_AWAY = '''
"""A kind of job in one file."""

import time
from dataclasses import dataclass

from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.orders import Order


class PaintOrder(Order):
    colour: str


@dataclass(frozen=True)
class Painted:
    colour: str
    coats: int


def paint(order, report):
    report.step(f"painting it {order.colour}", 0.25, 40.0)
    if order.colour == "red":
        time.sleep(600)
    return Painted(order.colour, 2)


ENTRIES = (JobKind("paint_it", "Painting a wall", "Quantize", PaintOrder, Painted, paint),)
'''


@pytest.fixture
def paint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnyKind]:
    """The throw-away kind, brought by a file in a folder."""
    folder = tmp_path / "brought"
    folder.mkdir()
    bring(monkeypatch, JOB_KINDS, "throw_away", THROW_AWAY, folder)
    yield JOB_KINDS.get("paint_it")
    for job in manager.running():
        manager.cancel(job.id)


def test_a_kind_of_one_file_works(paint: AnyKind) -> None:
    """It is among the others, starts in a process of its own, and its typed result comes back."""
    assert {"compare", "paint_it"} <= set(JOB_KINDS.names())
    job_id = manager.submit(paint, paint.order(colour="blue"))
    until(lambda: not manager.state(job_id).is_running)
    job = manager.state(job_id)
    assert (job.status, job.error) == (JobStatus.DONE, None)
    assert paint.result_of(job) == paint.result("blue", 2)
    assert paint.order_of(job) == paint.order(colour="blue")


def test_a_kind_of_one_file_is_found_cancelled_and_in_the_sidebar(paint: AnyKind) -> None:
    """While it runs it is found, stands in the sidebar under its title with its step, and cancel ends it."""
    job_id = manager.submit(paint, paint.order(colour="red"), "paint-session")
    until(lambda: manager.state(job_id).step == "painting it red")
    assert [job.id for job in manager.running()] == [job_id]
    write_json(workspace("sessions") / "paint-session.json", {"jobs": {"paint_it": job_id}})
    app = open_app(session="paint-session")
    assert not app.exception
    (bar,) = app.sidebar.get("progress")
    assert bar.proto.text == "**Painting a wall**: painting it red (about 40 s left)"
    app.sidebar.button(f"cancel_side_{job_id}").click().run()
    assert manager.state(job_id).status is JobStatus.CANCELLED
    assert manager.running() == []


def test_reading_the_kinds_costs_the_app_no_heavy_import() -> None:
    """All kinds, their orders and the jobs' manager are there without torch, ONNX Runtime, ONNX, numba or pandas."""
    code = (
        "import sys; from qexplorer.jobs import manager; from qexplorer.jobs.kind import JOB_KINDS; JOB_KINDS.names(); "
    )
    heavy = ("torch", "onnxruntime", "onnx", "numba", "pandas", "altair", "scipy", "openvino")
    code += f"print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
