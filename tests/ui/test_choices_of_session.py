"""What a session chooses in its sidebar and forgets with another choice, and what pages say that have nothing yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo

from qexplorer.core.errors import DataError, InputError
from qexplorer.core.short_names import examples
from qexplorer.core.workspace import workspace
from qexplorer.ui import calibrator_controls, empty_page, page_list, session, sidebar, status_line
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.ui.screens import Screen, screen_of

SAMPLES = {"digits_cnn": SimpleNamespace(name="digits_cnn", data="digits")}
OWN = "/somewhere/" + "7" * 64 + ".onnx"


class _Chosen:
    """A session whose sidebar is drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **choices: Any) -> None:
        first = {"model": "digits_cnn", "data": "digits", "recipe": "w8a8", "backend": "torch", "choices": {}}
        self.now: Any = SimpleNamespace(**first | choices)
        self.kept: list[Any] = []
        self.screen: Screen = screen_of(monkeypatch, sidebar)
        monkeypatch.setattr(sidebar, "state", lambda: self.now)
        monkeypatch.setattr(sidebar, "samples", lambda: SAMPLES)
        monkeypatch.setattr(sidebar, "keep", self.kept.append)
        monkeypatch.setattr(sidebar, "kept_data_name", lambda _: None)

    def options(self) -> list[Any]:
        """What the last box offers."""
        return list(self.screen.of("selectbox")[-1][0][1])


@pytest.mark.parametrize(
    ("model", "offered"), [(None, ["digits_cnn"]), ("digits_cnn", ["digits_cnn"]), (OWN, [OWN, "digits_cnn"])]
)
def test_a_model_of_ones_own_is_offered_while_it_is_chosen(
    model: str | None, offered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the samples; without one nothing is chosen, and a box that shows something cannot be emptied."""
    chosen = _Chosen(monkeypatch, model=model)
    sidebar._model(chosen.now)
    assert chosen.options() == offered
    assert chosen.screen.session_state["side_model"] == model
    ((_, named),) = chosen.screen.of("selectbox")
    assert named["index"] == (None if model is None else 0)


@pytest.mark.parametrize(
    ("model", "data", "offered"),
    [
        ("digits_cnn", "digits", ["digits", None]),
        ("digits_cnn", "mine.npz", ["digits", "mine.npz", None]),
        ("digits_cnn", None, ["digits", None]),
        (OWN, "mine.npz", ["mine.npz", None]),
    ],
)
def test_data_are_the_samples_own_those_chosen_or_none(
    model: str, data: str | None, offered: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page sends that was not offered is not taken."""
    taken: list[Any] = []
    chosen = _Chosen(monkeypatch, model=model, data=data)
    monkeypatch.setattr(sidebar, "choose_data", taken.append)
    sidebar._data(chosen.now)
    assert chosen.options() == offered
    for each in (*offered, "/etc/passwd"):
        chosen.screen.session_state["side_data"] = each
        sidebar._data_chosen()
    assert (taken, len(chosen.kept)) == (offered, len(offered))


@pytest.mark.parametrize("recipe", ["w8a8", "name: ours\nweights: {format: int8}\n"])
def test_a_recipe_of_ones_own_stands_before_the_short_names(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no short name changes nothing."""
    chosen = _Chosen(monkeypatch, recipe=recipe)
    sidebar._recipe(chosen.now)
    own = [] if recipe in examples() else [recipe]
    assert chosen.options() == [*own, *examples()]
    for text, now in (("w4a8", "w4a8"), ("something", "w4a8"), (None, "w4a8")):
        chosen.screen.session_state["side_recipe"] = text
        sidebar._recipe_chosen()
        assert chosen.now.recipe == now
    assert len(chosen.kept) == 3
    for name, now in (("openvino", "openvino"), (None, "openvino"), ("", "openvino")):
        chosen.screen.session_state["side_backend"] = name
        sidebar._backend_chosen()
        assert chosen.now.backend == now
    assert len(chosen.kept) == 6


def test_models_and_data_are_called_as_people_call_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples by their names, files by theirs; a text that is no recipe says so."""
    chosen = _Chosen(monkeypatch, choices={"model_name": "net"})
    assert [sidebar.model_label(source) for source in (None, "digits_cnn", OWN)] == ["none", "digits_cnn", "net"]
    chosen.now.choices = {}
    assert sidebar.model_label(OWN) == "7" * 12
    assert [sidebar.data_label(source) for source in (None, "digits", "/a/mine.npz")] == ["none", "digits", "mine"]
    assert [sidebar.recipe_label(text) for text in ("w8a8", "w17")] == ["w8a8", "not a recipe"]
    given: list[Any] = []
    monkeypatch.setattr(sidebar, "choose_model", lambda *args: given.append(args))
    for name in ("digits_cnn", OWN, None):
        chosen.screen.session_state["side_model"] = name
        sidebar._model_chosen()
    assert given == [("digits_cnn", "digits")]


def test_another_model_forgets_what_was_chosen_in_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tensors, its data with all that was said of them, and their names; other choices stay."""
    kept: list[Any] = []
    choices = {"tensor_kind": "weight", "tensor_weight": "w", "effort": "report", "data_name": "mine"}
    now = session.State(model="a", data="b", classes=["x"], choices=choices, task="t", preprocessing={"scale": 2})
    screen = screen_of(monkeypatch, session)
    screen.session_state |= {"keep:tensor_weight": "w", "keep:effort": "report", "my keep:tensor": 1}
    monkeypatch.setattr(session, "state", lambda: now)
    monkeypatch.setattr(session, "keep", kept.append)
    session.choose_model("c", "d", name="net")
    assert (now.model, now.data, now.preprocessing, now.task, now.classes) == ("c", "d", None, None, [])
    assert now.choices == {"effort": "report", "model_name": "net"}
    assert set(screen.session_state) == {"keep:effort", "my keep:tensor"}
    assert kept == [now]
    session.choose_data("e", {"scale": 3}, "regression")
    assert (now.data, now.preprocessing, now.task) == ("e", {"scale": 3}, "regression")


@pytest.mark.parametrize(
    ("inside", "named", "called"), [(True, "mine", "mine"), (True, None, "a" * 12), (False, "mine", None)]
)
def test_data_of_an_earlier_order_are_called_as_they_were(
    inside: bool, named: str | None, called: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the workspace knows them."""
    now = session.State(choices={} if named is None else {"data_name": named})
    monkeypatch.setattr(session, "state", lambda: now)
    folder = workspace("data") if inside else Path("/elsewhere")
    assert session.kept_data_name(str(folder / ("a" * 64))) == called


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("it is wrong", do="mend it"), "It is wrong; mend it."),
        (InputError("it is wrong", where="here"), "here: it is wrong."),
        (InputError("did you mean x?"), "Did you mean x?"),
    ],
)
def test_an_error_is_one_sentence(error: InputError, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one full stop; a name keeps its first letter."""
    screen = screen_of(monkeypatch, session)
    session.show_error(error)
    assert screen.said == said


def test_a_page_without_data_or_model_says_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to some; data that do not fit say why; samples that are not installed are not offered."""
    now = SimpleNamespace(data=None)
    screen = screen_of(monkeypatch, empty_page, **{"Start with the digits sample": True})
    taken: list[Any] = []
    monkeypatch.setattr(empty_page, "state", lambda: now)
    monkeypatch.setattr(empty_page, "samples", lambda: SAMPLES)
    monkeypatch.setattr(empty_page, "choose_model", lambda *args: taken.append(args))
    assert empty_page.lacks_data("it learns from them") == (
        "Choose data in the sidebar or on page Model: it learns from them."
    )
    now.data = "d"
    monkeypatch.setattr(empty_page, "fitted_data", lambda: "data")
    assert empty_page.lacks_data("x") is None

    def unfit() -> None:
        raise DataError("the shapes differ")

    monkeypatch.setattr(empty_page, "fitted_data", unfit)
    assert empty_page.lacks_data("x") == "the shapes differ."
    empty_page.draw_no_model("It shows much.")
    assert ("No model yet. It shows much." in screen.said, taken) == (True, [("digits_cnn", "digits")])
    assert len(screen.of("rerun")) == 1
    monkeypatch.setattr(empty_page, "samples", dict)
    screen = screen_of(monkeypatch, empty_page)
    empty_page.draw_no_model("It shows much.")
    assert (screen.labels, len(screen.of("page_link"))) == ([], 1)


@pytest.mark.parametrize(
    ("changes", "base", "words"),
    [
        (
            {},
            {},
            ": 98.0 % of 100 samples right, 0.25 of the weight bytes, 2.00 times faster (1.90 to 2.10)",
        ),
        ({"accuracy": None}, {}, "ONNX Runtime: 0.25 of the weight bytes, 2.00 times faster"),
        ({"size": None}, {}, "samples right, 2.00 times faster"),
        ({}, {"size": None}, "samples right, 2.00 times faster"),
        ({"latency_ms": None}, {}, "samples right, 0.25 of the weight bytes"),
        ({"accuracy": None, "size": None, "latency_ms": None, "reason": "it died"}, {}, "ONNX Runtime: it died"),
        ({"accuracy": None, "size": None, "latency_ms": None}, {}, "ONNX Runtime: ok"),
    ],
)
def test_the_line_on_top_has_what_was_measured(
    changes: dict[str, Any], base: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside float where both sizes are known; a run without numbers has its reason."""
    run = quantized_run(**changes)
    whole = comparison(float_run(**base), run)
    monkeypatch.setattr("qexplorer.jobs.history.History.get", lambda *_: whole)
    summary = status_line._summary.__wrapped__  # type: ignore[attr-defined]
    found = summary(comparison="c", digest=run.digest, backend=run.backend)
    assert words in found
    assert found.startswith("ONNX Runtime: ")
    assert summary(comparison="c", digest="another", backend=run.backend) is None
    alone = replace(whole, runs=(run,))
    monkeypatch.setattr("qexplorer.jobs.history.History.get", lambda *_: alone)
    assert "weight bytes" not in summary(comparison="c", digest=run.digest, backend=run.backend)


@pytest.mark.parametrize(
    ("field", "kind", "control"),
    [
        (Field(3, ge=1, le=9), int, {"step": 1, "min_value": 1, "max_value": 9}),
        (Field(3, gt=0, lt=9), int, {"step": 1, "min_value": 1, "max_value": 8}),
        (Field(0.5, ge=0.0), float, {"step": 0.01, "min_value": 0.0, "format": "%.3f"}),
        (Field(0.01, gt=0.0), float, {"step": 0.001, "min_value": 0.001, "format": "%.4f"}),
        (Field(0.03), float, {"step": 0.001, "format": "%.4f"}),
        (Field(2.0, json_schema_extra={"step": 0.5}), float, {"step": 0.5, "format": "%.2f"}),
        (Field(2.0, json_schema_extra={"step": 10.0}), float, {"step": 10.0, "format": "%.0f"}),
        (Field(None), float, {"step": 0.01, "format": "%.3f"}),
        (Field(0.0), float, {"step": 0.01, "format": "%.3f"}),
    ],
)
def test_a_numbers_control_follows_from_its_bounds(field: Any, kind: Any, control: dict[str, Any]) -> None:
    """A step inside of a bound that is not allowed itself; digits for a tenth of a step."""
    assert isinstance(field, FieldInfo)
    assert calibrator_controls._number(field, kind) == control


def test_pages_stand_under_their_headings() -> None:
    """In their order; none is lost."""
    pages = page_list.read_pages()
    groups = page_list.grouped()
    assert [page for group in groups.values() for page in group] == sorted(
        pages, key=lambda page: (list(groups).index(page.group), page.place)
    )
    assert sorted(page.place for page in pages) == [page.place for page in pages]
    assert {page.group for page in pages} == set(groups)
    with pytest.raises(ValueError, match="it has no PAGE"):
        page_list._facts(Path(page_list.__file__), 0)
