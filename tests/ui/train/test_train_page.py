"""What page Train says and offers before, while and after something is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import InputError
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.train import TrainOrder, TrainResult
from qexplorer.jobs.manager import JobStatus
from qexplorer.quantize.training.recipes import trained
from qexplorer.ui.train import cautions, controls, curves, panel, result
from tests.jobs.orders import DATA, MODEL
from tests.report.training_charts.test_training_charts import DIARY, LOOK
from tests.ui.screens import Screen, screen_of

RECIPE = trained(Recipe.parse("w2a8"))
ORDER = TrainOrder(model=MODEL, data=DATA, recipe=RECIPE)
MADE = TrainResult("digest", RECIPE, (), 0, 1000, 0.95)
NET: Any = SimpleNamespace(name="net")


def _split(n: int, labels: Any) -> DataSet:
    part = Split({"": np.zeros((n, 1), np.float32)}, labels)
    return DataSet("d", part, part, held_out=True, classes=(), digest="d", task="classification")


@pytest.mark.parametrize(
    ("n", "labels", "said"),
    [
        (99, np.arange(99) % 2, ["Only 99 calibration samples"]),
        (100, np.arange(100) % 2, []),
        (100, None, ["No labels"]),
        (100, np.zeros(100, int), ["All calibration labels are one class"]),
        (100, np.zeros((100, 1), int), []),
        (5, None, ["Only 5 calibration samples", "No labels"]),
    ],
)
def test_what_to_know_of_data_before_training_on_it(
    n: int, labels: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few, without labels, or all of one class; nothing without data."""
    model: Any = SimpleNamespace(outputs=(SimpleNamespace(shape=(None, 2)),))
    monkeypatch.setattr(cautions, "fitted_data", lambda: _split(n, labels))
    monkeypatch.setattr(cautions, "task_of", lambda _: SimpleNamespace(classes=lambda _: True))
    found = cautions.cautions(model)
    assert [text[: len(words)] for text, words in zip(found, said, strict=True)] == said
    monkeypatch.setattr(cautions, "task_of", lambda _: SimpleNamespace(classes=lambda _: False))
    assert not any("one class" in text for text in cautions.cautions(model))
    monkeypatch.setattr(cautions, "fitted_data", lambda: None)
    assert cautions.cautions(model) == ()
    assert cautions.nothing_to_learn(model, RECIPE) is None


@pytest.mark.parametrize(
    ("recipe", "untrained", "said"),
    [
        ("w8a8", False, None),
        ("w8a8", True, "untrained"),
        ("fp16", False, "leaves every weight in float"),
        ("float", False, "leaves every weight in float"),
        ("name: m\nlayers: [{match: a, weights: {format: int4}}]\n", False, None),
    ],
)
def test_what_cannot_be_trained_is_refused(recipe: str, untrained: bool, said: str | None) -> None:
    """An architecture without accuracy, and a recipe that rounds nothing; one rounded layer is enough."""
    layers = [SimpleNamespace(name=name, op="Gemm") for name in "ab"]
    model: Any = SimpleNamespace(untrained=untrained, quantizable_layers=layers)
    found = cautions.refusal(model, Recipe.parse(recipe))
    assert (said is None) is (found is None)
    assert said is None or said in str(found)


def test_an_error_of_data_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its first letter and its full stop; nothing where something can be learned."""
    monkeypatch.setattr(cautions, "fitted_data", lambda: "data")
    monkeypatch.setattr(cautions, "refused", lambda *_: InputError("all labels are one class", do="bring others"))
    assert cautions.nothing_to_learn(NET, RECIPE) == "All labels are one class; bring others."
    monkeypatch.setattr(cautions, "refused", lambda *_: None)
    assert cautions.nothing_to_learn(NET, RECIPE) is None


def _result(monkeypatch: pytest.MonkeyPatch, made: TrainResult, diary: Any, *, compared: bool, file: Any) -> Screen:
    screen = screen_of(monkeypatch, result)
    monkeypatch.setattr(result, "is_compared", lambda _: compared)
    monkeypatch.setattr(result, "kept_quantized", lambda _: file)
    monkeypatch.setattr(result, "draw_trouble", lambda shown: screen.called("trouble", (shown,), {}))
    result.draw_result(NET, made, diary)
    return screen


@pytest.mark.parametrize(
    ("until", "changes", "kept"),
    [
        (0, {}, "Kept: the state after epoch 2. "),
        (1, {}, "Kept: the state after epoch 1; stopped after epoch 1 of 20. "),
        (0, {"best": 0}, "Kept: the untrained state. "),
        (0, {"stopped": "nothing got better"}, "; it ended after epoch 3 of 20, as nothing got better. "),
        (2, {"stopped": "nothing got better"}, "; stopped after epoch 2 of 20. "),
    ],
)
def test_a_training_tells_what_was_kept(
    until: int, changes: dict[str, Any], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch, why it ended there, and what the written file has; numbers are those of the epoch that was kept."""
    made = replace(MADE, until=until)
    screen = _result(monkeypatch, made, replace(DIARY, **changes), compared=False, file=None)
    assert kept in screen.said
    assert "#### Accuracy from 36.2 % to " in screen.said
    ((shown,),) = [args for args, _ in screen.of("trouble")]
    assert len(shown.epochs) == (until + 1 if until else 4)
    assert "The written file" in screen.said
    unknown = _result(monkeypatch, replace(made, integer=None), DIARY, compared=False, file=None)
    assert "The written file" not in unknown.said


@pytest.mark.parametrize(("compared", "label"), [(True, "In the comparison"), (False, "Add to comparison")])
def test_what_was_trained_can_be_compared_and_taken_away(
    compared: bool, label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once; the file only while it is kept; without a diary there is nothing to tell."""
    file = tmp_path / "q.onnx"
    file.write_bytes(b"0")
    screen = _result(monkeypatch, MADE, None, compared=compared, file=file)
    assert screen.labels == [label, "Download ONNX"]
    assert screen.of("button")[0][1]["disabled"] is compared
    assert screen.said == ""
    assert _result(monkeypatch, MADE, None, compared=compared, file=None).labels == [label]


@pytest.mark.parametrize(
    ("layers", "kept", "chosen"),
    [((), "fc", None), (("a", "fc"), None, "a"), (("a", "fc"), "fc", "fc"), (("a",), "fc", "a")],
)
def test_a_layer_is_looked_at(
    layers: tuple[str, ...], kept: str | None, chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was chosen while there is one of that name, else the first."""
    screen = screen_of(monkeypatch, curves)
    if kept is not None:
        screen.session_state["keep:train_layer"] = kept
    assert curves.chosen_layer(replace(DIARY, layers=layers)) == chosen


@pytest.mark.parametrize(
    ("changes", "running", "drawn"),
    [
        ({"looks": {"fc": LOOK}}, False, 5),
        ({}, False, 4),
        ({"metric": None}, False, 3),
        ({"layers": ()}, False, 4),
        ({"looks": {"fc": LOOK}}, True, 5),
    ],
)
def test_a_diary_is_drawn_with_what_it_has(
    changes: dict[str, Any], running: bool, drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loss, metric, weights, scales and gradients; what is missing is said; charts that move cannot be saved."""
    screen = screen_of(monkeypatch, curves, selectbox="fc")
    for name in ("loss_spec", "scale_spec", "gradient_spec", "weight_spec"):
        monkeypatch.setattr(curves, name, lambda *_: {})
    monkeypatch.setattr(curves, "metric_spec", lambda diary: None if diary.metric is None else {})
    diary = replace(DIARY, **changes)
    curves.draw_diary(diary, running=running, cost=not running)
    assert len(screen.of("vega_lite_chart" if running else "draw_chart")) == drawn
    assert not screen.of("draw_chart" if running else "vega_lite_chart")
    assert ("so that the loss judges" in screen.said) is (diary.metric is None)
    assert ("with the next entry" in screen.said) is (bool(diary.layers) and not diary.looks)
    assert ("of training" in screen.said) is not running
    screen = screen_of(monkeypatch, curves, selectbox="fc")
    curves.draw_diary(replace(diary, went_on=2), running=False, cost=True)
    assert "It went on after epoch 2 of an earlier run." in screen.said


def test_scales_belong_to_the_layer_that_their_name_begins_with() -> None:
    """With its dot: fc2 is not fc."""
    moment = replace(DIARY.moments[0], scales={"fc.weight": 1.0, "fc.out": 1.0, "fc2.weight": 1.0})
    diary = replace(DIARY, moments=(*DIARY.moments, moment))
    assert curves._scales_of(diary, "fc") == ("fc.out", "fc.weight")
    assert curves._scales_of(diary, None) == ()


@pytest.mark.parametrize(
    ("diary", "made", "label", "off", "keeps", "result_"),
    [
        (None, None, "Train", False, None, False),
        (replace(DIARY, epochs=DIARY.epochs[:1]), None, "Train", False, None, False),
        (DIARY, None, "Go on after epoch 3", False, "Keep the best of 3 epochs", False),
        (
            replace(DIARY, epochs=DIARY.epochs[:2]),
            None,
            "Go on after epoch 1",
            False,
            "Keep the best of 1 epoch",
            False,
        ),
        (replace(DIARY, of=3), MADE, "Train", True, None, True),
        (DIARY, MADE, "Go on after epoch 3", False, None, True),
        (replace(DIARY, ended=True, stopped="enough"), MADE, "Train", True, None, True),
        (replace(DIARY, ended=True), None, "Go on after epoch 3", False, "Keep the best of 3 epochs", False),
    ],
)
def test_a_training_is_begun_gone_on_with_or_over(
    diary: Any, made: Any, label: str, off: bool, keeps: str | None, result_: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what its diary holds; the best of an ended one can be kept; curves are there once there is a diary."""
    buttons: list[Any] = []
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "model_reference", lambda: MODEL)
    monkeypatch.setattr(panel, "data_reference", lambda: DATA)
    monkeypatch.setattr(panel, "diary_now", lambda _: diary)
    monkeypatch.setattr(panel, "_result", lambda *_: made)
    monkeypatch.setattr(panel, "_draw_forecast", lambda _, off: screen.called("forecast", (), {"off": off}))
    for name in ("draw_result", "draw_so_far", "draw_diary"):
        monkeypatch.setattr(panel, name, lambda *_args, _name=name, **named: screen.called(_name, (), named))

    def section(_kind: object, _order: object, button: Any) -> Any:
        buttons.append(button)
        return SimpleNamespace(draw_button=lambda: None, job=lambda: None)

    monkeypatch.setattr(panel, "JobSection", section)
    panel._draw_ready(NET, RECIPE, None)
    (button,) = buttons
    assert (button.label, button.off, button.primary) == (label, off, made is None)
    assert screen.labels == ([keeps] if keeps else [])
    assert ("of an earlier run are kept" in screen.said) is (keeps is not None)
    assert (bool(screen.of("draw_result")), bool(screen.of("draw_diary"))) == (result_, diary is not None)
    assert bool(screen.of("draw_so_far")) is (diary is not None and made is None)
    assert ("are drawn here as they learn" in screen.said) is (diary is None)
    panel._draw_ready(NET, RECIPE, "no data")
    assert buttons[-1].off
    assert screen.of("forecast")[-1][1]["off"]


@pytest.mark.parametrize(
    ("diary", "owners", "off", "why"),
    [
        (None, ("me",), True, "After the first whole epoch"),
        (replace(DIARY, epochs=DIARY.epochs[:1]), ("me",), True, "After the first whole epoch"),
        (DIARY, ("me",), False, "The state of the best epoch so far becomes the result"),
        (DIARY, ("me", "other"), True, "Another session waits for all epochs of the same training"),
    ],
)
def test_a_training_can_be_stopped_once_there_is_something_to_keep(
    diary: Any, owners: tuple[str, ...], off: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody else waits for it."""
    stopped: list[str] = []
    screen = screen_of(monkeypatch, panel, **{"Stop and keep the best": True})
    monkeypatch.setattr(panel, "diary_now", lambda _: diary)
    monkeypatch.setattr(panel, "stop", stopped.append)
    job: Any = SimpleNamespace(id="train-1", owners=owners)
    panel._beside(ORDER)(job)
    ((_, named),) = screen.of("button")
    assert (named["disabled"], named["help"], stopped) == (off, why, ["train-1"])


@pytest.mark.parametrize("until", [0, 2])
def test_what_a_training_came_to_is_that_of_its_epochs(until: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the best state that was kept, or of all of it."""
    asked: list[int] = []

    def job_for(_: object, order: TrainOrder) -> Any:
        asked.append(order.until)
        return SimpleNamespace(status=JobStatus.DONE) if order.until == until else None

    monkeypatch.setattr(panel, "job_for", job_for)
    monkeypatch.setattr(panel.TRAIN.__class__, "result_of", lambda *_: MADE)
    found = panel._result(ORDER, replace(DIARY, epochs=DIARY.epochs[:3]))
    assert (found, asked) == (MADE, [2] if until else [2, 0])
    asked.clear()
    assert panel._result(ORDER, None) == (None if until else MADE)
    assert asked == [0]


@pytest.mark.parametrize(
    ("model", "data", "status", "mine"),
    [
        (MODEL, DATA, "running", True),
        (None, DATA, "running", False),
        (MODEL, None, "running", False),
        (MODEL, DATA, "done", False),
    ],
)
def test_a_training_at_work_is_shown_for_its_own_model_and_data(
    model: Any, data: Any, status: str, mine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another model is chosen meanwhile, or it is over: then the page is for what is chosen."""
    job = SimpleNamespace(is_running=status == "running")
    monkeypatch.setattr(panel, "latest_job", lambda _: job)
    monkeypatch.setattr(panel.TRAIN.__class__, "order_of", lambda *_: ORDER)
    monkeypatch.setattr(panel, "model_reference", lambda: model)
    monkeypatch.setattr(panel, "data_reference", lambda: data)
    assert (panel._running_job() is job) is mine


def test_options_of_training_are_the_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that there are; one that was changed is kept, one that was emptied is not, and all can be forgotten."""
    now = SimpleNamespace(choices={"train_options": {"epochs": 3, "gone": 1}})
    screen = screen_of(monkeypatch, controls)
    monkeypatch.setattr(controls, "state", lambda: now)
    monkeypatch.setattr(controls, "keep", lambda _: None)
    recipe = controls.recipe_to_train(trained(Recipe.parse("w2a8"), until=2))
    (training,) = recipe.algorithms
    assert (training.options["epochs"], training.options["until"]) == (3, 0)
    screen.session_state["train_batch"] = 16
    controls._changed("batch", "train_batch")
    screen.session_state["train_batch"] = None
    controls._changed("batch", "train_batch")
    assert now.choices["train_options"] == {"epochs": 3, "batch": 16}
    controls._reset()
    assert now.choices == {}


@pytest.mark.parametrize(("off", "label"), [(False, "More options (1 changed)"), (True, "Options (2 changed)")])
def test_options_that_were_changed_are_counted_where_they_are_folded(
    off: bool, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are folded while nothing can be moved; what a stop sets is never drawn."""
    drawn: list[tuple[str, bool]] = []
    screen = screen_of(monkeypatch, controls)
    monkeypatch.setattr(controls, "draw_option", lambda name, *_, disabled, **__: drawn.append((name, disabled)))
    controls.draw_options(trained(Recipe.parse("w2a8"), epochs=3, batch=7), off=off)
    assert screen.of("expander")[0][0] == (label,)
    names = [name for name, _ in drawn]
    assert "until" not in names
    assert len(names) == len(set(names))
    assert names[:4] == ["epochs", "rate", "scales", "distillation"] or off
    assert {disabled for _, disabled in drawn} == {off}
    plain = screen_of(monkeypatch, controls)
    controls.draw_options(trained(Recipe.parse("w2a8")), off=True)
    assert plain.of("expander")[0][0] == ("Options (none changed)",)
