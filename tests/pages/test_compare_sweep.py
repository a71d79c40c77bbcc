"""Sections of page Compare on measuring: batch and threads, and hardware use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamlit.testing.v1 import AppTest

from qexplorer.core.usage import Usage, UsageSample
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.sweep import SWEEP, SweepOrder, sweep_path
from qexplorer.jobs.records import write_json
from qexplorer.load.model import load_model
from qexplorer.measure.comparison import Comparison
from qexplorer.measure.kept import write_kept
from tests.jobs import orders
from tests.measure.timing.test_sweep import SWEPT
from tests.pages.app import open_app, texts
from tests.report.comparisons import BACKEND, comparison, float_run, quantized_run

SESSION = "sweep-tests"
MODEL = "tumour_mlp"


def compared(**changes: Any) -> Comparison:
    """A comparison of the model that the session has."""
    model = load_model(MODEL)
    return replace(comparison(**changes), model={"name": MODEL, "sha256": model.sha256})


def show(kept: Comparison, section: str, model: str = MODEL) -> AppTest:
    """Page Compare with the comparison opened at a section."""
    History().add(kept)
    choices = {"comparison": [kept.id, model], "behind": section}
    state = {"model": model, "data": "tumour", "choices": choices}
    write_json(workspace("sessions") / f"{SESSION}.json", state)
    return open_app("pages/compare.py", session=SESSION)


def order(kept: Comparison) -> SweepOrder:
    """What the page asks for with its first choices."""
    recipes = (kept.recipes[kept.runs[1].digest],)
    return SweepOrder(model=orders.MODEL, data=orders.DATA, recipes=recipes, backend=BACKEND)


def test_a_sweep_is_offered_and_started_once() -> None:
    """Without a result the section says what it would do; its button starts the job and shows it with a cancel."""
    app = show(compared(), "Batch and threads")
    assert not app.exception
    assert "How many samples in a call" in texts(app)
    app.button("sweep_start").click().run()
    assert not app.exception
    job = app.session_state["qexplorer_state"].jobs["sweep"]
    assert SWEEP.order_of(manager.state(job)) == order(compared())
    app.button(f"cancel_page_sweep_{job}").click().run()
    assert manager.state(job).status == "cancelled"


def test_the_limit_moves_the_sweet_spot_without_measuring() -> None:
    """A kept sweep is drawn at once; another limit gives another sweet spot, and no job runs."""
    kept = compared()
    write_kept(sweep_path(order(kept)), SWEPT.to_json())
    app = show(kept, "Batch and threads")
    assert not app.exception
    slider = app.select_slider[0]
    slider.set_value(3.0).run()
    assert "3,000 samples/s at batch 8 on 2 threads" in texts(app)
    app.select_slider[0].set_value(10.0).run()
    assert "8,000 samples/s at batch 32 on 1 thread" in texts(app)
    assert "1 of 7 cells were noisy" in texts(app)
    assert "No numbers, float, batch 8 on 1 thread: left out" in texts(app).replace("\\", "")
    assert manager.running() == []


def test_another_model_cannot_be_swept() -> None:
    """A comparison of another model than the session's says which one to choose."""
    app = show(comparison(), "Batch and threads")
    assert not app.exception
    assert "Choose the model net and its data" in texts(app)


def test_hardware_use_is_drawn_where_it_was_seen() -> None:
    """The section says in words what each strip shows; a comparison without looks says so."""
    looks = Usage.of([UsageSample(0.25 * i, (10.0, 90.0), 50_000_000) for i in range(8)])
    app = show(compared_with(looks), "Hardware use")
    assert not app.exception
    assert "CPU 1: 90 % on average, 90 % at most; memory: 50.0 MB on average" in texts(app).replace("\\", "")
    assert "No NVIDIA GPU was seen" in texts(app)
    assert "Nobody looked at the hardware" in texts(show(compared(comparison_id="c2"), "Hardware use"))


def compared_with(looks: Usage) -> Comparison:
    """A comparison whose runs were looked at."""
    runs = (float_run(usage=looks), quantized_run(usage=looks))
    return replace(comparison(*runs), model={"name": MODEL, "sha256": load_model(MODEL).sha256})
