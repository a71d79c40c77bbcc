"""The workspaces of a shared host: apart from each other, each within its limit and all within the host's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from qexplorer.core.disk.limit import PERSON_VARIABLE, VARIABLE, Whose, make_room, size_limit, trim
from qexplorer.core.disk.tidy import tidy
from qexplorer.core.errors import InputError
from qexplorer.core.workspace import host_workspace, is_someones, share, workspace
from tests.core.disk.things import MB, put

ASKING: list[str | None] = [None]


@pytest.fixture(autouse=True)
def shared() -> Iterator[None]:
    """A host on which whoever stands in ``ASKING`` asks."""
    share(lambda: ASKING[0])
    before = os.umask(0o022)
    yield
    os.umask(before)
    ASKING[0] = None
    share(lambda: None)


def test_everybody_has_a_folder_and_the_server_has_its_own() -> None:
    """The same call is another folder for another person; what is the host's is the same for all."""
    root = workspace()
    assert not is_someones()
    ASKING[0] = "visitor-a"
    assert workspace("models") == root / "people" / "visitor-a" / "models"
    assert is_someones()
    assert host_workspace("numba") == root / "numba"


def test_a_person_has_a_limit_that_takes_nothing_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above one's own limit one's own oldest goes, however old the things of others are."""
    monkeypatch.setenv(PERSON_VARIABLE, "100 MB")
    ASKING[0] = "visitor-a"
    others = put("models", "a.onnx", 90 * MB, hours_ago=500)
    ASKING[0] = "visitor-b"
    own = put("models", "b.onnx", 60 * MB, hours_ago=5), put("models", "c.onnx", 60 * MB, hours_ago=3)
    assert size_limit().limit_bytes == 100 * MB
    assert trim() <= 0
    assert [path.exists() for path in (others, *own)] == [True, False, True]
    put("models", "d.onnx", 60 * MB, hours_ago=0)
    with pytest.raises(
        InputError, match=r"60 MB of 100 MB are in use, and 120 MB more are needed; wait until [a-z ]+$"
    ):
        make_room(120 * MB)


def test_a_person_has_two_gigabytes_or_what_the_host_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody said otherwise; and what is in use is told in the unit of its size."""
    ASKING[0] = "visitor-a"
    for host, wanted in (("20 GB", 2 * 10**9), ("500 MB", 500 * MB)):
        monkeypatch.setenv(VARIABLE, host)
        assert (size_limit().limit_bytes, size_limit().whose) == (wanted, Whose.DEFAULT)
    monkeypatch.setenv(VARIABLE, "20 GB")
    with pytest.raises(InputError, match=r"the workspace is full: 0 MB of 2.0 GB are in use, and 2.5 GB more are"):
        make_room(2500 * MB)


def test_all_together_stay_within_the_limit_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host is full, what nobody used for longest goes, whosever it is."""
    monkeypatch.setenv(VARIABLE, "100 MB")
    found = []
    for hours, name in ((9, "visitor-a"), (8, "visitor-b"), (7, "visitor-c")):
        ASKING[0] = name
        found.append(put("models", "a.onnx", 45 * MB, hours_ago=hours))
    assert trim() <= 0
    assert [path.exists() for path in found] == [False, True, True]


def test_visitors_who_do_not_come_back_are_forgotten_and_those_who_signed_in_are_not() -> None:
    """After a month without a change in any of their sessions, what a cookie was the only key to is removed."""
    then, lately = time.time() - 31 * 86_400, time.time() - 29 * 86_400
    for name in ("visitor-old", "visitor-new", "visitor-lately", "user-old"):
        ASKING[0] = name
        session = workspace("sessions") / "abcdefgh.json"
        session.write_text("{}")
        if name.endswith("old"):
            for path in (session, session.parent, workspace()):
                os.utime(path, (then, then))
        if name.endswith("lately"):
            os.utime(session, (lately, lately))
            for path in (session.parent, workspace()):
                os.utime(path, (then, then))
    ASKING[0] = None
    tidy()
    left = sorted(path.name for path in (host_workspace() / "people").iterdir())
    assert left == ["user-old", "visitor-lately", "visitor-new"]
