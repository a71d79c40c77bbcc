"""Page Learn: the list, a lesson's way from the question to the end, what links hold, and a class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.learn.group import new_group, open_group
from qexplorer.learn.lesson import LESSONS, LessonPlan
from tests.pages.app import open_app, texts

PAGE = "pages/learn.py"


def _opened(lesson: str, **query: str) -> AppTest:
    """The page as a link opens it."""
    app = open_app()
    for key, value in {"lesson": lesson, **query}.items():
        app.query_params[key] = value
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def _verdicts(app: AppTest) -> str:
    return " ".join(str(e.value) for kind in (app.success, app.warning, app.info) for e in kind)


def test_the_list_opens_each_lesson() -> None:
    """All lessons are there in their order, and a button opens one."""
    app = open_app(PAGE)
    assert all(lesson.title in texts(app) for lesson in LESSONS)
    first = next(iter(LESSONS))
    app.button(f"learn_open_{first.name}").click().run()
    assert app.query_params["lesson"] == first.name
    assert "Before you try" in texts(app)


@pytest.mark.parametrize("lesson", list(LESSONS), ids=lambda lesson: lesson.name)
def test_a_lesson_from_its_question_to_its_end(lesson: LessonPlan) -> None:
    """Controls wait for an answer; then the reason and the sentence are there, the end counts right answers, and leads
    to the next lesson, but from the last one."""
    app = _opened(lesson.name)
    assert all(slider.disabled for slider in app.slider)
    app.button("learn_pass").click().run()
    assert not app.exception
    assert lesson.prediction.asks in _verdicts(app)
    assert not any(slider.disabled for slider in app.slider)
    for number in range(len(lesson.closing)):
        app.radio(f"learn_closing:{lesson.name}:{number}").set_value(0)
    app.run()
    assert "3 of 3 right" in texts(app)
    assert not app.error
    assert any(button.key == "learn_on" for button in app.button) == (lesson is not list(LESSONS)[-1])


def test_a_link_with_rubbish_keeps_the_last_good_state() -> None:
    """A value that a control cannot have is told in one sentence without its HTML, and the start stays."""
    app = _opened("scale_and_zero_point", bits="0", x="<img src=x>", low="nan", values="<img>", ask="off")
    (said,) = (str(each.value) for each in app.error)
    assert all(f"{name} " in said for name in ("bits", "x", "low"))
    assert "<img src=x>" not in said
    assert app.slider("keep:learn:scale_and_zero_point:bits").value == 3
    assert "becomes code" in texts(app)


def test_an_unknown_lesson_is_one_sentence_above_the_list() -> None:
    """And the list is there to go on from."""
    app = open_app()
    app.query_params["lesson"] = "scale_and_zero"
    app.switch_page(PAGE).run()
    assert len(app.error) == 1
    assert "did you mean" in app.error[0].value
    assert any(button.label == "Open" for button in app.button)


def test_a_prepared_view_hides_controls_and_holds_their_values() -> None:
    """A hidden control keeps the link's value, and a moved one goes into the address."""
    app = _opened("scale_and_zero_point", bits="5", hide="bits,low", ask="off")
    assert [slider.label for slider in app.slider] == ["Number x", "Highest value"]
    app.slider("keep:learn:scale_and_zero_point:x").set_value(1.0).run()
    assert {key: app.query_params[key] for key in ("bits", "x", "hide")} == {
        "bits": "5",
        "x": "1",
        "hide": "bits,low",
    }


def test_a_question_is_asked_at_the_view_that_it_speaks_of() -> None:
    """Controls that the question changes stand at their start while it waits, whatever the link says; others do not."""
    app = _opened("rounding_or_clipping", share="60", bits="6")
    assert app.slider("keep:learn:rounding_or_clipping:share").value == 100
    assert app.slider("keep:learn:rounding_or_clipping:bits").value == 6
    assert "share" not in app.query_params


def test_a_reload_finds_what_was_answered_and_a_link_holds_none_of_it() -> None:
    """Answers are kept with the session, for whoever comes back, and begin anew when that is wanted."""
    app = _opened("packing", first="5", second="-3")
    app.button("learn_choice_1").click().run()
    app.radio("learn_closing:packing:0").set_value(2).run()
    app.radio("learn_closing:packing:0").set_value(0).run()
    app.radio("learn_closing:packing:1").set_value(0).run()
    assert "2 of 3 right, 1 at the first try" in texts(app)
    query = {name: app.query_params[name] for name in app.query_params}
    assert set(query) == {"s", "lesson", "first", "second", "block"}
    again = _opened(**query)
    assert again.radio("learn_closing:packing:0").value == 0
    assert LESSONS.get("packing").prediction.asks in _verdicts(again)
    assert again.slider("keep:learn:packing:first").value == 5
    other = _opened(**{name: text for name, text in query.items() if name != "s"})
    assert other.button("learn_pass") is not None
    again.query_params.clear()
    again.query_params["s"] = query["s"]
    again.run()
    assert "2 of 3 right" in texts(again), "the list says how far one is"
    again.button("learn_open_packing").click().run()
    assert again.slider("keep:learn:packing:first").value == 5
    again.button("learn_again").click().run()
    assert again.button("learn_pass") is not None
    assert again.slider("keep:learn:packing:first").value == 3
    assert again.radio("learn_closing:packing:0").value is None


def test_a_session_file_from_elsewhere_breaks_nothing(workspace_folder: Path) -> None:
    """Kept values that a lesson cannot have any more give way to its start."""
    answers = {"closing": [1], "first": {"0": 99}, "given": "x", "at": 3}
    choices = {f"learn:packing:answer:{name}": value for name, value in answers.items()}
    kept = workspace_folder / "sessions" / "from-elsewhere.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"choices": choices | {"learn:packing:first": {"a": 1}, "learn:packing:block": "x"}}))
    app = _opened("packing", s="from-elsewhere")
    assert app.slider("keep:learn:packing:first").value == 3
    assert app.button("learn_pass") is not None


def test_a_link_is_the_whole_view_in_a_session_that_was_there_before() -> None:
    """What a link leaves out is at its start, and a lesson that was left by the buttons is found as it was left."""
    app = _opened("scale_and_zero_point", bits="5", ask="off")
    app.button("learn_on").click().run()
    app.button("learn_back").click().run()
    assert app.slider("keep:learn:scale_and_zero_point:bits").value == 5
    app.query_params.clear()
    app.query_params["lesson"], app.query_params["ask"] = "scale_and_zero_point", "off"
    app.run()
    assert app.slider("keep:learn:scale_and_zero_point:bits").value == 3


def test_a_link_about_a_tensor_brings_its_model() -> None:
    """A session without one opens the sample that the link names; of a model that is not here it says what to load."""
    app = _opened("granularity", values="model:hidden1.weight", model="tumour_mlp", ask="off")
    assert not app.error
    assert app.selectbox("keep:learn:granularity:values").value == "model:hidden1.weight"
    assert "".join(app.query_params["model"]) == "tumour_mlp"
    fresh = _opened("granularity", values="model:hidden1.weight", model="mine", digest="0" * 64, ask="off")
    assert "load the file of mine with this SHA-256" in " ".join(str(error.value) for error in fresh.error)
    assert fresh.selectbox("keep:learn:granularity:values").value == "normal"
    pair = _opened("packing", values="model:hidden1.weight", model="tumour_mlp", ask="off")
    assert [slider.label for slider in pair.slider] == ["Which two, % of the way through", "Bits of a code in the file"]


def test_a_class_answers_without_names_and_waits_for_the_reveal(workspace_folder: Path) -> None:
    """An answer is counted once, the reason comes after the reveal, and the files name nobody."""
    lesson, group = LESSONS.get("scale_and_zero_point"), new_group()
    app = _opened(lesson.name, group=group.code)
    app.button("learn_choice_1").click().run()
    assert group.counts(lesson.name, 3) == (0, 1, 0)
    assert "Your answer is in" in _verdicts(app)
    assert lesson.prediction.asks not in _verdicts(app)
    assert app.slider("keep:learn:scale_and_zero_point:bits").value == 3, "the picture does not tell the answer yet"
    group.reveal(lesson.name)
    app.run()
    assert app.slider("keep:learn:scale_and_zero_point:bits").value == 4
    assert "Right" in _verdicts(app)
    app.button("learn_on").click().run()
    assert app.query_params["group"] == group.code, "the class stays one in the next lesson"
    group.answer(lesson.name, "another-browser", 0)
    assert open_group(group.code).counts(lesson.name, 3) == (0, 1, 0), "nobody answers behind the reveal"
    assert all(path.is_file() for path in (workspace_folder / "groups" / group.code).iterdir())


def test_a_teacher_finds_the_group_again_after_a_reload(workspace_folder: Path) -> None:
    """The answers stand there in the session that made the group, in no other, and no longer than the group is kept."""
    app = _opened("packing")
    next(button for button in app.button if button.label == "Collect a class's answers").click().run()
    (folder,) = (workspace_folder / "groups").iterdir()
    open_group(folder.name).answer("packing", "some-browser", 1)
    session = app.query_params["s"]
    again = _opened("packing", s=session)
    assert "1 answer of the class" in texts(again)
    next(button for button in again.button if button.label == "Reveal").click().run()
    assert LESSONS.get("packing").prediction.asks in _verdicts(again), "the teacher sees the answer as well"
    assert open_group(folder.name).is_revealed("packing")
    assert "of the class" not in texts(_opened("packing"))
    shutil.rmtree(folder)
    assert "of the class" not in texts(_opened("packing", s=session))


def test_a_group_that_there_is_not_is_one_sentence() -> None:
    """A wrong code says so, and the lesson goes on alone."""
    app = _opened("scale_and_zero_point", group="../../x")
    assert [e.value for e in app.error] == ["There is no such group on this machine; ask for the link again."]
    assert app.button("learn_pass") is not None
