"""Page Joint search: what is asked, the search as a job that goes on, and the ways on from its front."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.precision.joint import JOINT
from qexplorer.search.joint import study
from qexplorer.search.joint.joint_types import JointReport
from qexplorer.ui.job_section import JobSection
from tests.pages.app import check_cancel, failed_job, open_app, texts, when_ended

PAGE = "pages/joint.py"


def _opened(folder: Path, recipe: str = "w8a8", **choices: Any) -> AppTest:
    """The page in a session that has chosen these."""
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    value = {"model": "tumour_mlp", "data": "tumour", "recipe": recipe, "choices": choices}
    (folder / "sessions" / "the-session.json").write_text(json.dumps(value))
    return open_app(PAGE, session="the-session")


def test_without_a_model_the_page_offers_one() -> None:
    """And then says what it will do."""
    app = open_app(PAGE)
    next(b for b in app.button if b.label == "Start with the digits sample").click().run()
    assert not app.exception
    assert "The search starts from plain recipes" in texts(app)


def test_without_optuna_the_page_says_how_to_get_it(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, and nothing else can be pressed."""
    monkeypatch.setattr(study, "find_spec", lambda _name: None)
    app = _opened(workspace_folder)
    assert "pip install 'qexplorer[tune]'" in texts(app)
    assert "joint_start" not in [button.key for button in app.button]


def test_without_a_format_it_cannot_be_started(workspace_folder: Path) -> None:
    """The button says what is missing."""
    app = _opened(workspace_folder, joint_formats=[])
    assert app.button("joint_start").disabled


def test_a_front_is_found_a_recipe_of_it_taken_and_the_search_goes_on(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage's path is shown; with more trials the study goes on from what it has."""
    few = {"joint_formats": ["int8", "int4", "int2"], "joint_per_layer": False, "joint_activation_cal": ["minmax"]}
    app = _opened(workspace_folder, joint_trials=5, joint_algorithms=["equalize"], **few)
    app.button("joint_start").click().run()
    job = when_ended(app, "joint")
    assert job.status == "done", job.error
    app.run()
    assert not app.exception
    assert not app.error
    assert "5 recipes" in texts(app)
    assert any("optuna-dashboard" in code.value and "journal.log" in code.value for code in app.code)
    app.button("joint_more").click().run()
    job = when_ended(app, "joint")
    assert job.status == "done", job.error
    app.run()
    assert "Every recipe of the space was tried" in texts(app)
    assert "12 recipes" in texts(app)
    report = JOINT.result_of(job)
    assert report is not None
    app.select_slider[0].set_value(report.front[0].number).run()
    app.button("joint_take").click().run()
    taken = Recipe.parse(app.session_state["qexplorer_state"].recipe)
    assert taken.weights is not None
    assert taken.weights.format == "int2"
    alone = _drawn(replace(report, trials=report.front[:1]))
    assert not alone.exception
    assert not alone.select_slider
    assert alone.button("joint_take")
    with monkeypatch.context() as patch:
        patch.setattr(JobSection, "job", lambda _section: failed_job("joint", report))
        killed = _opened(workspace_folder)
    assert "was ended" in killed.error[0].value
    assert "started again, the search goes on from it" in texts(killed)
    assert killed.button("joint_take")
    monkeypatch.setenv("QEXPLORER_SHARED", "1")
    assert not _drawn(report).code, "nobody sees paths on a shared host"


def _drawn(report: JointReport) -> AppTest:
    """What a report looks like by itself."""

    def page(value: object) -> None:
        from qexplorer.search.joint.joint_types import JointReport
        from qexplorer.ui.joint.outcome import draw_outcome

        draw_outcome(JointReport.from_json(value))

    return AppTest.from_function(page, kwargs={"value": report.to_json()}, default_timeout=60).run()


def test_a_search_can_be_cancelled(workspace_folder: Path) -> None:
    """It says so and offers the start again."""
    check_cancel(_opened(workspace_folder), "joint")
