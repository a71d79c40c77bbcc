"""What a shared host knows of the people who come to it."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.ui.serving import people
from tests.ui.screens import screen_of


@pytest.mark.parametrize(("said", "jobs"), [("", 2), ("5", 5), ("1", 1), ("0", 2), ("-1", 2), ("many", 2)])
def test_how_many_jobs_a_person_may_have(said: str, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As whoever started the host says; what is no number above 0 says nothing."""
    monkeypatch.setenv("QEXPLORER_PERSON_JOBS", said)
    assert people.jobs_a_person() == jobs


@pytest.mark.parametrize(
    ("shared", "sign_in", "user", "name", "needs"),
    [
        (True, True, {"is_logged_in": True, "email": "a@b", "name": "A"}, "a@b", False),
        (True, True, {"is_logged_in": True, "name": "A"}, "A", False),
        (True, True, {"is_logged_in": True}, "signed in", False),
        (True, True, {"is_logged_in": False, "email": "a@b"}, None, True),
        (True, False, {"is_logged_in": True, "email": "a@b"}, None, False),
        (False, True, {"is_logged_in": False}, None, False),
    ],
)
def test_who_signed_in_is_called_by_what_is_known(
    shared: bool, sign_in: bool, user: dict[str, Any], name: str | None, needs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where people sign in, on a host of several."""

    class _User(dict[str, Any]):
        is_logged_in = user["is_logged_in"]

    screen = screen_of(monkeypatch, people)
    screen.user = _User(user)  # type: ignore[attr-defined]
    monkeypatch.setattr(people, "is_shared", lambda: shared)
    monkeypatch.setattr(people, "_has_sign_in", lambda: sign_in)
    assert people.signed_in_as() == name
    assert people.needs_sign_in() is needs


@pytest.mark.parametrize(("said", "shared"), [("1", True), ("0", False), ("", False), (None, False)])
def test_a_host_is_shared_where_that_was_said(said: str | None, shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only then has everybody a workspace of their own."""
    given: list[Any] = []
    monkeypatch.setattr(people, "share", given.append)
    if said is None:
        monkeypatch.delenv(people.SHARED, raising=False)
    else:
        monkeypatch.setenv(people.SHARED, said)
    people.serve_people()
    assert given == ([people.person] if shared else [])
    assert people.is_shared() is shared
