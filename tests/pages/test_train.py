"""Page Train, drawn: empty, what keeps it from training, ready, while it trains, stopped, done."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.plugins import ALGORITHMS
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.train import TRAIN, diary_now
from qexplorer.jobs.records import write_json
from qexplorer.ui.own_recipes import read_recipe
from tests.pages.app import job_of, open_app, texts, when_ended

SESSION = "train-tests"


def opened(session: str = SESSION, **state: Any) -> AppTest:
    """The page in a session that has a small model and a recipe that loses much."""
    given = {"model": "tumour_mlp", "data": "tumour", "recipe": "w2a8-tensor"} | state
    write_json(workspace("sessions") / f"{session}.json", given)
    return open_app("pages/train.py", session=session)


def trained(app: AppTest, epochs: int) -> None:
    """Waits for so many whole epochs of the session's training, and draws the page."""
    job_id, end = job_of(app, "train"), time.monotonic() + 120
    order = TRAIN.order_of(manager.state(job_id))
    assert order is not None
    while (diary := diary_now(order)) is None or diary.trained < epochs:
        assert manager.state(job_id).is_running, manager.state(job_id).error
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    app.run()


def test_empty_page_does_something() -> None:
    """Without a model the page says so, and its button loads one."""
    app = open_app("pages/train.py")
    assert "No model yet" in texts(app)
    app.button[0].click().run()
    assert app.session_state["qexplorer_state"].model == "digits_cnn"
    assert not app.exception


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"data": None}, "Choose data in the sidebar or on page Model: training learns from its samples."),
        ({"recipe": "fp16"}, "This recipe leaves every weight in float"),
        ({"model": "resnet18", "data": None}, "This architecture is untrained"),
        ({"recipe": "weights: {format: int4}\nalgorithms: [gptq]"}, "exclude each other"),
    ],
)
def test_what_keeps_it_from_training_is_one_sentence(state: dict[str, Any], says: str) -> None:
    """No data, nothing rounded, an untrained model, an algorithm that excludes training: a sentence, and no start."""
    app = opened(**state)
    assert says in texts(app)
    assert not [button for button in app.button if button.key == "train_start"]
    assert not app.exception


def test_what_to_know_of_the_data_is_said_before() -> None:
    """Without labels, with few samples: a sentence. With one class nothing can be learned from labels: a sentence and a
    button that is off, until the float model alone teaches."""
    folder = workspace("uploads")
    rng = np.random.default_rng(0)
    few = rng.normal(size=(40, 30)).astype(np.float32)
    np.savez(folder / "plain.npz", x=few)
    np.savez(folder / "one.npz", x=few, y=np.zeros(40, np.int64))
    plain = opened(data=str(folder / "plain.npz"))
    assert "No labels: it learns from the float model's answers alone" in texts(plain)
    assert "Only" in texts(plain)
    assert not plain.button("train_start").disabled
    one = opened(session="train-one-class", data=str(folder / "one.npz"))
    assert "calibration samples are of class 0, so that there is nothing to tell apart" in one.warning[0].value
    assert one.button("train_start").disabled
    one.number_input("train_distillation").set_value(1.0).run()
    assert "All calibration labels are one class" in texts(one)
    assert not one.button("train_start").disabled


def test_options_are_drawn_kept_and_taken_back() -> None:
    """Every option but where it stopped has a control; what was chosen is trained by, and the recipe can say again."""
    app = opened()
    fields = {each.key for kind in (app.number_input, app.selectbox, app.text_input) for each in kind}
    assert {"train_epochs", "train_rate", "train_scales", "train_seed", "train_held_back"} <= fields
    assert "train_until" not in fields
    app.number_input("train_epochs").set_value(7).run()
    assert "w2a8-tensor-qat with epochs 7" in texts(app)
    assert app.session_state["qexplorer_state"].recipe == "w2a8-tensor", "the recipe itself is left alone"
    app.button("train_reset").click().run()
    assert app.number_input("train_epochs").value == ALGORITHMS.get("qat").options().model_dump()["epochs"]


def test_training_is_drawn_stopped_compared_and_downloaded() -> None:
    """While it trains the page says how far it is; stopped, the best state is a recipe that can be compared."""
    app = opened(choices={"train_options": {"epochs": 1000}})
    app.button("train_start").click().run()
    job_id = job_of(app, "train")
    trained(app, 2)
    assert "of 1000, best so far" in texts(app)
    assert app.number_input("train_epochs").disabled
    again = open_app("pages/train.py", session=SESSION)
    assert "of 1000, best so far" in texts(again), "a reload finds it"
    app.button(f"stop_{job_id}").click().run()
    assert when_ended(app, "train").status == "done", manager.state(job_id).error
    app.run()
    said = texts(app)
    assert "stopped after epoch" in said
    assert "Accuracy from" in said
    assert "The written file, run in integers:" in said
    assert app.button("train_start").label.startswith("Go on after epoch")
    app.button("train_add").click().run()
    added = read_recipe(app.session_state["qexplorer_state"].compare[-1])
    assert added.algorithms[0].options["until"] > 0
    assert app.button("train_add").disabled
    assert not app.exception


def test_what_was_cancelled_can_be_kept_or_gone_on_with() -> None:
    """Cancel ends it; the page says what is kept, and makes it the result without training on."""
    app = opened(choices={"train_options": {"epochs": 1000, "seed": 4}})
    app.button("train_start").click().run()
    job_id = job_of(app, "train")
    trained(app, 2)
    app.button(f"cancel_page_train_{job_id}").click().run()
    app.run()
    assert "of 1000 of an earlier run are kept" in texts(app)
    app.button("train_keep").click().run()
    assert when_ended(app, "train").status == "done"
    app.run()
    assert "stopped after epoch" in texts(app)
    assert not app.exception


def test_it_is_estimated() -> None:
    """A few steps tell time and memory, and leave nothing behind."""
    app = opened()
    app.button("foretell_start").click().run()
    state = when_ended(app, "foretell")
    assert state.status == "done", state.error
    app.run()
    assert "steps measured" in texts(app)
