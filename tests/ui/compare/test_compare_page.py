"""Page Compare as a whole: whose job it shows, which comparison, what fills the window; its samples and texts."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import DataError, InputError, UnknownName
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.kinds.compare import CompareResult
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.jobs.references import ModelRef
from qexplorer.ui.compare import flips, panel, present, texts
from qexplorer.ui.compare.flips import Flip
from tests.jobs.orders import DATA, MODEL
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.ui.screens import Screen, screen_of

RUNNING = JobState("compare-0", "compare", "d", JobStatus.RUNNING, "timing", 0.5, None, None, 1.0)
DONE, FAILED = (replace(RUNNING, status=status) for status in (JobStatus.DONE, JobStatus.FAILED))
ORDER = CompareOrder(model=MODEL, data=DATA, recipes=(Recipe.parse("w8a8"),), backends=("torch",))
WHOLE = comparison()


class _Kind:
    """The kind of job that compares, as a session sees it."""

    order: Any = ORDER
    result: Any = None
    runs: Any = ()

    def order_of(self, _: Any) -> Any:
        """What was asked for."""
        return self.order

    def result_of(self, _: Any) -> Any:
        """What came of it."""
        return self.result

    def partial_of(self, _: Any) -> Any:
        """What has come until now."""
        return self.runs


class _Page:
    """Page Compare of a session."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, opened: str | None = None) -> None:
        self.kind, self.kept, self.drawn = _Kind(), {"c1": WHOLE}, []  # type: ignore[var-annotated]
        self.now = SimpleNamespace(model="m", choices={})
        self.screen: Screen = screen_of(monkeypatch, panel, present, choice=None)
        history = SimpleNamespace(path="r", get=self._get, holds=self.kept.__contains__, list=lambda *_: [*self.kept])
        for name, made in {
            "COMPARE": self.kind,
            "History": lambda: history,
            "state": lambda: self.now,
            "opened": lambda: opened,
            "names_now": dict,
            "model_reference": lambda: MODEL,
            "latest_job": lambda _: None,
            "_kept": lambda record, comparison_id: self._get(comparison_id),  # noqa: ARG005
            "show_error": lambda error: self.drawn.append(str(error)),
            "draw_results": lambda whole: self.drawn.append(f"results {whole.id}"),
            "draw_job": lambda job, **_: self.drawn.append(f"job {job.status}"),
            "draw_picks": lambda: self.drawn.append("picks"),
            "draw_history": lambda sha: self.drawn.append(f"history {sha}"),
            "draw_no_model": lambda _: self.drawn.append("no model"),
            "draw_present": lambda whole: self.drawn.append(f"present {whole.id}"),
            "current_model": lambda: SimpleNamespace(sha256="s", untrained=False),
        }.items():
            monkeypatch.setattr(panel, name, made)
        monkeypatch.setattr(present, "state", lambda: self.now)
        monkeypatch.setattr(present, "keep", lambda _: None)

    def _get(self, comparison_id: str) -> Any:
        if comparison_id not in self.kept:
            raise UnknownName("it is gone")
        return self.kept[comparison_id]


@pytest.mark.parametrize(
    ("job", "model", "shown"),
    [(None, MODEL, False), (DONE, MODEL, True), (DONE, None, False), (DONE, ModelRef(sample="digits_cnn"), False)],
)
def test_a_job_of_another_model_is_not_shown(
    job: JobState | None, model: Any, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one whose order nobody can read."""
    page = _Page(monkeypatch)
    monkeypatch.setattr(panel, "latest_job", lambda _: job)
    monkeypatch.setattr(panel, "model_reference", lambda: model)
    assert (panel._job() is not None) is shown
    page.kind.order = None
    assert panel._job() is None


@pytest.mark.parametrize(
    ("job", "result", "opened", "drawn", "said"),
    [
        (None, None, None, [], "Press Compare"),
        (DONE, None, None, [], "Press Compare"),
        (FAILED, None, None, [], ""),
        (DONE, CompareResult("c1"), None, ["results c1"], ""),
        (DONE, CompareResult("gone"), None, [], "Press Compare"),
        (None, None, "c1", ["results c1"], ""),
        (None, None, "gone", ["it is gone"], ""),
        (DONE, CompareResult("x", "no room", comparison(comparison_id="x").to_json()), None, ["results x"], "no room"),
        (DONE, CompareResult("x", "no room", comparison(comparison_id="x").to_json()), "c1", ["results c1"], ""),
    ],
)
def test_which_comparison_is_shown(
    job: JobState | None,
    result: Any,
    opened: str | None,
    drawn: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that was opened before that of the job; what the record could not take is shown all the same."""
    page = _Page(monkeypatch, opened)
    page.kind.result = result
    panel._result(job)
    assert page.drawn == drawn
    assert said in page.screen.said
    assert bool(page.screen.said) is bool(said)


@pytest.mark.parametrize(("kept", "model", "told"), [(True, True, True), (False, True, False), (True, False, False)])
def test_what_was_compared_before_is_pointed_to(
    kept: bool, model: bool, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is some of this model."""
    page = _Page(monkeypatch)
    if not kept:
        page.kept.clear()
    if not model:
        monkeypatch.setattr(panel, "current_model", lambda: None)
    assert bool(panel._before()) is told


@pytest.mark.parametrize(
    ("job", "opened", "drawn"),
    [
        (None, None, ["picks", "history s"]),
        (RUNNING, None, ["picks", "job running", "history s"]),
        (DONE, None, ["picks", "job done", "results c1", "history s"]),
        (RUNNING, "c1", ["picks", "results c1", "history s"]),
    ],
)
def test_a_page_from_top_to_bottom(
    job: JobState | None, opened: str | None, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work while it runs, then its result; one that was opened stands instead of both."""
    page = _Page(monkeypatch, opened)
    monkeypatch.setattr(panel, "latest_job", lambda _: job)
    page.kind.result = None if job is None or job.is_running else CompareResult("c1")
    panel.draw_compare_page()
    assert page.drawn == drawn
    assert "Untrained" not in page.screen.said
    monkeypatch.setattr(panel, "current_model", lambda: SimpleNamespace(sha256="s", untrained=True))
    panel.draw_compare_page()
    assert "Untrained" in page.screen.said
    page.drawn.clear()
    monkeypatch.setattr(panel, "current_model", lambda: None)
    panel.draw_compare_page()
    assert page.drawn == []
    page.now.model = None
    panel.draw_compare_page()
    assert page.drawn == ["no model", "history None"]


def test_what_has_come_is_drawn_while_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing before the first."""
    page = _Page(monkeypatch)
    panel._partial(RUNNING)
    assert page.screen.of("draw_runs") == []
    page.kind.runs = WHOLE.runs
    panel._partial(RUNNING)
    assert page.screen.of("draw_runs") == [((WHOLE.runs,), {"key": "runs_partial", "finished": False})]


def test_one_comparison_fills_the_window_until_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another that is shown does not, and one that is gone leaves the page as it is."""
    page = _Page(monkeypatch, "c1")
    assert not panel._presented()
    present.draw_present_button(WHOLE)
    args, named = page.screen.of("button")[0]
    named["on_click"](*named["args"])
    assert (args[0], page.now.choices) == ("Present", {"present": "c1"})
    panel.draw_compare_page()
    assert page.drawn == ["present c1"]
    page.kept.clear()
    assert not panel._presented()
    page.kept["c1"] = comparison(comparison_id="c2")
    assert not panel._presented()
    page.now.model = None
    assert not panel._presented()
    present._present(None)
    present._present(None)
    assert not present.is_presenting()


def test_nothing_is_presented_without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float alone is none to show."""
    screen = screen_of(monkeypatch, present)
    present.draw_present_button(comparison(float_run(), quantized_run(status=Status.FAILED)))
    assert screen.calls == []


def test_a_wall_shows_what_the_slider_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first the least loss with two to show; whoever moves it or picks runs sees those; a way out is beside it."""
    worse = replace(quantized_run().accuracy, delta=-0.1, broken=10)  # type: ignore[type-var]
    size = replace(quantized_run().size, file_bytes=9, weight_bytes=9)  # type: ignore[type-var]
    small = quantized_run("w4", accuracy=worse, size=size, latency_ms=float_run().latency_ms)
    whole = comparison(float_run(), quantized_run(), small)
    screen = screen_of(monkeypatch, present)
    monkeypatch.setattr(present, "fragment", lambda shown: shown)
    monkeypatch.setattr(present, "page", lambda shown: str(len(shown.cards)))
    present._wall.__wrapped__(whole)
    slider, picks = f"present_loss_{whole.look}", f"present_runs_{whole.look}"
    places = present.allowances(whole.runs)
    assert len(places) == 3
    assert (screen.session_state[slider], screen.session_state[picks]) == (places[1].text, ["w8a8", "w4"])
    screen.session_state[slider] = places[0].text
    (_, named) = screen.of("select_slider")[0]
    named["on_change"](*named["args"])
    assert screen.session_state[picks] == ["w8a8"]
    screen.session_state[picks] = ["w4", "gone"]
    present._wall.__wrapped__(whole)
    assert [args[1] for args, _ in screen.of("download_button")] == ["3", "2"]
    assert screen.of("download_button")[0][0][2] == "net-2026-01-02T0304.html"
    assert screen.labels[-3:] == ["Full screen", "Save", "Leave"]
    bare = screen_of(monkeypatch, present)
    present._wall.__wrapped__(comparison(float_run(accuracy=None), quantized_run(accuracy=None)))
    assert bare.of("select_slider") == []


FLIPS = (Flip(2, "broken", "left", "left", "right"), Flip(0, "changed", None, "*a*", "b"))


@pytest.mark.parametrize(
    ("shape", "pictures", "columns"),
    [
        ((2, 6, 6), 2, []),
        ((3,), 0, ["x0", "x1", "x2"]),
        ((14,), 0, [f"x{i}" for i in range(12)]),
        ((30, 4, 4, 2), 0, []),
        (None, 0, []),
    ],
)
def test_samples_are_pictures_or_rows(
    shape: tuple[int, ...] | None, pictures: int, columns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the very data that was judged; without it there are rows, and where the samples are is said."""
    screen = screen_of(monkeypatch, flips)
    monkeypatch.setattr(flips, "state", lambda: SimpleNamespace(model="m"))
    shape = (1, 6, 6) if shape == (2, 6, 6) else shape
    values = None if shape is None else np.arange(3 * int(np.prod(shape)), dtype=np.float32).reshape(3, *shape)
    split = SimpleNamespace(take=lambda rows: SimpleNamespace(inputs={"x": values[rows]}))  # type: ignore[index]
    data = SimpleNamespace(digest="d" if values is not None else "other", evaluation=split)
    monkeypatch.setattr(flips, "fitted_data", lambda: data)
    flips._samples(WHOLE, FLIPS)
    assert [named["alt"] for _, named in screen.of("image")] == ["sample 2", "sample 0"][:pictures]
    assert ("The samples themselves are in points" in screen.said) is (values is None)
    tables = [args[0] for args, _ in screen.of("dataframe")]
    assert len(tables) == (not pictures)
    if pictures:
        captions = [args[0] for args, _ in screen.of("caption")]
        assert captions[0] == "label **left**  \nfloat: left  \nnow: right  \n*broken*"
        assert captions[1].startswith("float: \\*a\\*")
        return
    first, second = tables[0]
    assert list(first) == ["sample", "what", "label", "float said", "quantized said", *columns]
    assert list(second) == [name for name in first if name != "label"]
    if values is not None and columns:
        assert [row["x1"] for row in tables[0]] == [values[2][1], values[0][1]]


@pytest.mark.parametrize(
    ("features", "names"),
    [(("a", "b", "c"), ["a", "b", "c"]), (("a", "b"), ["x0", "x1", "x2"]), ((), ["x0", "x1", "x2"])],
)
def test_columns_are_called_as_the_sample_calls_them(
    features: tuple[str, ...], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it names each of them."""
    monkeypatch.setattr(flips, "state", lambda: SimpleNamespace(model="m"))
    monkeypatch.setattr(flips, "samples", lambda: {"m": SimpleNamespace(features=features)})
    assert list(flips._columns(np.zeros((2, 3)))) == names
    assert list(flips._columns(None)) == list(flips._columns(np.zeros((2, 3, 3)))) == []
    monkeypatch.setattr(flips, "state", lambda: SimpleNamespace(model=None))
    assert list(flips._columns(np.zeros((2, 3)))) == ["x0", "x1", "x2"]


@pytest.mark.parametrize(("data", "same"), [("d", True), ("other", False), (None, False), ("does not fit", False)])
def test_samples_are_of_the_data_that_was_judged(data: str | None, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it holds, not by its name."""

    def fitted() -> Any:
        if data == "does not fit":
            raise DataError("it does not fit")
        return None if data is None else SimpleNamespace(digest=data, evaluation="split")

    monkeypatch.setattr(flips, "fitted_data", fitted)
    assert flips._same_data(WHOLE) == ("split" if same else None)


@pytest.mark.parametrize(
    ("prompt", "how", "lacks", "asked"),
    [
        ("Once", "The likeliest", "", (0.0, 0)),
        ("Once", "Drawn", "", (0.5, 7)),
        ("", "The likeliest", "Type the beginning of a text.", None),
        ("unknown", "The likeliest", "no such letter.", None),
    ],
)
def test_a_text_is_asked_for_as_the_controls_say(
    prompt: str, how: str, lacks: str, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the next token is the likeliest there is nothing to draw; what cannot be read is said."""
    screen = screen_of(monkeypatch, texts, **{"Prompt": prompt, "Next token": how, "Temperature": 0.5, "Seed": 7})
    screen.answers["Tokens"] = 64
    monkeypatch.setattr(texts.JobSection, "job", lambda _: None)
    monkeypatch.setattr(texts.JobSection, "draw_button", lambda _: None)

    def encode(text: str) -> list[int]:
        if text == "unknown":
            raise InputError("no such letter")
        return [1]

    words: Any = SimpleNamespace(encode=encode)
    failed = quantized_run("w4", "onnxruntime", status=Status.FAILED)
    whole = comparison(failed, float_run("torch"), quantized_run(backend="torch"))
    order = texts._section(whole, ORDER, words).order
    assert screen.said.casefold() == lacks.casefold()
    assert len(screen.of("number_input")) == (2 if how == "Drawn" else 0)
    assert (order is None) is (asked is None)
    if order is not None:
        assert (order.prompt, order.tokens, order.backend) == ("Once", 64, "torch")
        assert (order.temperature, order.seed) == asked
        assert [recipe.name for recipe in order.recipes] == ["w4", "w8a8"]
