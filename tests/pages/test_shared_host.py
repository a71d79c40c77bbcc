"""Pages of a shared host: signing in, a limit of jobs, no paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from qexplorer.core.errors import InputError
from qexplorer.core.workspace import share, workspace
from qexplorer.jobs import manager
from qexplorer.jobs.records import JobState, JobStatus
from qexplorer.ui.serving import people
from qexplorer.ui.serving.paths import without_paths
from qexplorer.ui.session import as_plain, own_source
from tests.pages.app import open_app, texts


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A shared host, until the test is over."""
    monkeypatch.setenv(people.SHARED, "1")
    yield
    share(lambda: None)


class _User(dict[str, Any]):
    """Somebody, as Streamlit tells it."""

    is_logged_in = False


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> _User:
    """Sign-in is configured; whoever comes is this one."""
    found = _User(iss="https://id.example", sub="7", email="ada@example.org")
    monkeypatch.setattr(people, "_has_sign_in", lambda: True)
    monkeypatch.setattr(st, "user", found)
    return found


def test_nothing_is_shown_before_signing_in(user: _User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sign-in is configured, a page has one button; who has signed in sees the app, and a way out."""
    monkeypatch.setattr("qexplorer.ui.serving.sign_in.is_authlib_installed", lambda: True)
    app = open_app()
    assert [button.label for button in app.button] == ["Sign in"]
    assert len(app.selectbox) == 0
    user.is_logged_in = True
    app = open_app()
    assert any(button.label.startswith("Sign out ada") for button in app.button)
    assert "Samples" in texts(app)


def test_a_missing_library_for_signing_in_is_said(user: _User, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator who configured sign-in without its library reads what to install, and nobody gets in."""
    monkeypatch.setattr("qexplorer.ui.serving.sign_in.is_authlib_installed", lambda: False)
    app = open_app()
    assert not user.is_logged_in
    assert "pip install 'qexplorer\\[auth]'" in texts(app).replace("[auth]", "\\[auth]")
    assert len(app.button) == 0


def test_who_signed_in_is_known_by_issuer_and_subject(user: _User) -> None:
    """The same person comes back to the same workspace with another address, and another person does not."""
    user.is_logged_in = True
    home = workspace("people")
    for email, sub in (("ada@example.org", "7"), ("ada@elsewhere.example", "7"), ("ada@example.org", "8")):
        user |= {"email": email, "sub": sub}
        open_app()
    names = [path.name for path in home.iterdir()]
    assert len(names) == 2
    assert all(name.startswith("user-") and "ada" not in name for name in names)


def test_one_person_cannot_start_more_jobs_than_the_host_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one job at work and a limit of one, the button is off and says why; a start is refused as well."""
    monkeypatch.setenv("QEXPLORER_PERSON_JOBS", "1")
    app = open_app()
    next(button for button in app.button if button.label == "Use digits_cnn").click().run()
    page = app.switch_page("pages/compare.py").run()
    assert not page.button("compare_start").disabled
    monkeypatch.setattr(manager, "running", lambda: [JobState("x", "x", "x", JobStatus.RUNNING, "", 0, None, None, 0)])
    start = page.run().button("compare_start")
    assert start.disabled
    assert "1 of your jobs are at work, and this host runs at most 1 a person" in start.help


def test_files_of_the_host_are_nobodys(tmp_path: Path) -> None:
    """A session's state that names a file outside its own workspace, whoever wrote it, is refused."""
    share(lambda: "visitor-a")
    secret = tmp_path / "secret.onnx"
    secret.write_bytes(b"x")
    link = workspace("uploads") / "link.onnx"
    link.symlink_to(secret)
    for path in (secret, link, workspace("models") / ".." / ".." / ".." / "runs.sqlite"):
        with pytest.raises(InputError, match="none of your files"):
            own_source(str(path))
    own = workspace("models") / "a.onnx"
    assert own_source(str(own)) == str(own)
    assert own_source("digits_cnn") == "digits_cnn"
    assert own_source("digits") == "digits"


def test_paths_of_the_host_leave_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file of the host its name is left; names of layers with slashes stay as they are."""
    record = workspace() / "runs.sqlite"
    assert without_paths(f"{record}: the record cannot be used") == "runs.sqlite: the record cannot be used"
    assert without_paths(f"'{Path.home()}/x/y.onnx' is damaged") == "'y.onnx' is damaged"
    assert without_paths("/layer1/conv/Conv and a/b") == "/layer1/conv/Conv and a/b"
    assert str(workspace()) not in as_plain(f"in {workspace()}")
    monkeypatch.delenv(people.SHARED)
    assert without_paths(str(record)) == str(record)


def test_alone_on_a_machine_everything_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --shared nobody has a folder of their own, and a page takes paths."""
    monkeypatch.delenv(people.SHARED)
    app: AppTest = open_app()
    assert "Or a path on this machine" in [box.label for box in app.text_input]
    assert not (workspace() / "people").exists()
