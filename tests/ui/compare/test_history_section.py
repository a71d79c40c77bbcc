"""What was compared before: which rows can be opened, made again and deleted, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import Record
from qexplorer.jobs.references import DataRef, ModelRef
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.ui.compare import history
from tests.jobs.orders import DATA, MODEL
from tests.report.comparisons import comparison
from tests.ui.screens import Screen, screen_of

ORDER = CompareOrder(model=MODEL, data=DATA, recipes=(Recipe.parse("w8a8"),), backends=("torch",))
RECORD = Record("one", "2026-01-02T03:04:05+00:00", "net", "points", (), ORDER, "a" * 64)
ELSEWHERE = ORDER.model_copy(update={"backends": ("openvino",)})


class _History:
    """The record of these comparisons."""

    kept: list[Record]
    deleted: list[str]

    def list(self) -> list[Record]:
        """All of them."""
        return self.kept

    def get(self, comparison_id: str) -> Any:
        """The comparison, unless it is gone."""
        if comparison_id == "gone":
            raise UnknownName("it is gone")
        return comparison(comparison_id=comparison_id)

    def delete(self, comparison_id: str) -> None:
        """Forgets it."""
        self.deleted.append(comparison_id)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> type[_History]:
    """A record with one comparison."""
    _History.kept, _History.deleted = [RECORD], []
    monkeypatch.setattr(history, "History", _History)
    monkeypatch.setattr(history, "names_now", dict)
    return _History


def acted(monkeypatch: pytest.MonkeyPatch, *chosen: Record, **answers: Any) -> Screen:
    """The page after these rows were chosen."""
    screen = screen_of(monkeypatch, history, **answers)
    history._act_on(list(chosen))
    return screen


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("chosen", "buttons", "apart"),
    [
        ((RECORD,), ["Open", "Compare again", "Delete"], False),
        ((replace(RECORD, order=None),), ["Open", "Delete"], False),
        ((RECORD, replace(RECORD, id="two")), ["Compare again", "Delete"], False),
        ((RECORD, replace(RECORD, id="two", order=None)), ["Delete"], True),
        ((RECORD, replace(RECORD, id="two", order=ELSEWHERE)), ["Delete"], True),
        (
            (RECORD, replace(RECORD, order=ORDER.model_copy(update={"model": ModelRef(sample="digits_cnn")}))),
            ["Delete"],
            True,
        ),
        (
            (RECORD, replace(RECORD, order=ORDER.model_copy(update={"data": DataRef(sample="digits")}))),
            ["Delete"],
            True,
        ),
        ((RECORD, replace(RECORD, order=ORDER.model_copy(update={"samples": 7}))), ["Compare again", "Delete"], False),
    ],
)
def test_what_can_be_done_with_the_rows_that_were_chosen(
    chosen: tuple[Record, ...], buttons: list[str], apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One can be opened; those of one model, data and backends are made again as one; any can be deleted."""
    screen = acted(monkeypatch, *chosen)
    assert screen.labels == buttons
    assert ("Different models, data or backends" in screen.said) is apart
    assert len(screen.of("draw_runs")) == (len(chosen) if len(chosen) > 1 else 0)


def test_without_a_row_it_is_said_what_rows_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And there is no button."""
    screen = acted(monkeypatch)
    assert screen.labels == []
    assert "Choose rows to open them" in screen.said


@pytest.mark.usefixtures("known")
def test_several_stand_under_each_other_with_their_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is gone says so in its place, and the others are shown."""
    errors: list[Exception] = []
    monkeypatch.setattr(history, "show_error", errors.append)
    screen = acted(monkeypatch, replace(RECORD, id="gone"), replace(RECORD, id="two"))
    gone, shown = [line for line in screen.said.splitlines() if line.startswith("**net**")]
    assert gone == "**net**, 2026-01-02 03:04"
    assert shown.startswith("**net**, 2026-01-02 03:04, ")
    assert "A CPU" in shown
    assert [str(error) for error in errors] == ["it is gone"]
    assert [named["key"] for _, named in screen.of("draw_runs")] == ["together_two"]


@pytest.mark.usefixtures("known")
def test_made_again_is_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the recipes of all rows that have an order; it starts once the button is pressed."""
    started: list[tuple[Any, str]] = []
    monkeypatch.setattr(history, "again", lambda order, name: started.append((order, name)))
    other = ORDER.model_copy(update={"recipes": (Recipe.parse("w4a8"),)})
    screen = acted(monkeypatch, RECORD, replace(RECORD, order=other), history_again=True)
    ((order, name),) = started
    assert ([recipe.name for recipe in order.recipes], name) == (["w8a8", "w4a8"], "net")
    assert len(screen.of("rerun")) == 1
    joined = history.order_again([replace(RECORD, order=None), RECORD])
    assert joined == ORDER


@pytest.mark.usefixtures("known")
def test_delete_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """About the rows that were chosen."""
    asked: list[list[str]] = []
    monkeypatch.setattr(history, "_confirm", asked.append)
    acted(monkeypatch, RECORD, replace(RECORD, id="two"), history_delete=True)
    assert asked == [["one", "two"]]


@pytest.mark.parametrize(
    ("ids", "opened", "pressed", "deleted", "closed"),
    [
        (["one"], None, "yes", ["one"], False),
        (["one", "two"], "two", "yes", ["one", "two"], True),
        (["one"], "two", "yes", ["one"], False),
        (["one"], "one", "no", [], False),
        (["one"], "one", None, [], False),
    ],
)
def test_what_is_deleted_is_open_no_more(
    ids: list[str],
    opened: str | None,
    pressed: str | None,
    deleted: list[str],
    closed: bool,
    known: type[_History],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only after yes; how many they are is said; either answer closes the question."""
    shut: list[object] = []
    answers = {f"history_delete_{each}": each == pressed for each in ("yes", "no")}
    screen = screen_of(monkeypatch, history)
    monkeypatch.setattr(screen, "called", _by_key(screen, answers))
    monkeypatch.setattr(history, "opened", lambda: opened)
    monkeypatch.setattr(history, "open_kept", shut.append)
    history._confirm.__wrapped__(ids)  # type: ignore[attr-defined]
    assert f"{len(ids)} comparison{'s' if len(ids) == 2 else ''} will be gone" in screen.said
    assert (known.deleted, shut) == (deleted, [None] if closed else [])
    assert len(screen.of("rerun")) == (pressed is not None)


def _by_key(screen: Screen, answers: dict[str, bool]) -> Any:
    before = screen.called

    def called(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        found = before(name, args, named)
        return answers.get(named.get("key", ""), found)

    return called


@pytest.mark.parametrize(
    ("sha256", "choice", "shown"),
    [
        (None, "This model", ["one", "two"]),
        ("a" * 64, "This model", ["one"]),
        ("a" * 64, "All models", ["one", "two"]),
        ("c" * 64, "This model", []),
    ],
)
def test_comparisons_of_this_model_come_first(
    sha256: str | None, choice: str, shown: list[str], known: type[_History], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of others on demand; without a model all are shown, and nobody is asked."""
    known.kept = [RECORD, replace(RECORD, id="two", model="other", sha256="b" * 64)]
    picked: list[list[str]] = []
    monkeypatch.setattr(history, "_act_on", lambda rows: picked.append([row.id for row in rows]))
    rows = SimpleNamespace(selection=SimpleNamespace(rows=[0, 1, 5]))
    screen = screen_of(monkeypatch, history, segmented_control=choice, dataframe=rows)
    history.draw_history(sha256)
    assert len(screen.of("segmented_control")) == (sha256 is not None)
    assert picked == ([shown] if shown else [])
    assert ("Nothing of this model yet." in screen.said) is not shown
    known.kept = []
    screen = screen_of(monkeypatch, history)
    history.draw_history(sha256)
    assert screen.calls == []


PREPARED = DataRef(kept="d" * 64, name="mine", task="regression", preprocessing=Preprocessing(scale=0.5))


@pytest.mark.parametrize(("chosen", "changes"), [(DATA, False), (PREPARED, True)])
def test_made_again_elsewhere_takes_its_model_and_data_along(
    chosen: DataRef, changes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With preprocessing, task and name; where they are the session's already nothing is chosen anew."""
    now = SimpleNamespace(preprocessing="before", task="before", choices={})
    done: list[object] = []
    monkeypatch.setattr(history, "state", lambda: now)
    monkeypatch.setattr(history, "keep", done.append)
    monkeypatch.setattr(history, "start", done.append)
    monkeypatch.setattr(history, "choose_model", lambda *args, **named: done.append((args, named)))
    monkeypatch.setattr(history, "model_reference", lambda: MODEL)
    monkeypatch.setattr(history, "data_reference", lambda: DATA)
    order = ORDER.model_copy(update={"data": chosen})
    history.again(order, "net")
    if not changes:
        assert done == [order]
        return
    assert done == [((MODEL.source, chosen.source), {"name": "net"}), now, order]
    assert (now.task, now.choices) == ("regression", {"data_name": "mine"})
    assert Preprocessing.model_validate(now.preprocessing) == chosen.preprocessing
    monkeypatch.setattr(history, "model_reference", lambda: None)
    history.again(ORDER, "net")
    assert (now.preprocessing, now.task) == (None, None)
