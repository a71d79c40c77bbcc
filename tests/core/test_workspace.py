"""Where the workspace is, who may look into it, and digests by which things in it are named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.workspace import digest_json, host_workspace, sha256_file, workspace, workspace_variables

NAMES = ("QEXPLORER_WORKSPACE", "QEXPLORER_HOST_WORKSPACE", "XDG_DATA_HOME", "LOCALAPPDATA")


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment that says nothing of a workspace, a home folder of its own, and a generous umask."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = os.umask(0o000)
    yield monkeypatch
    os.umask(before)


def test_the_first_that_is_named_is_the_workspace(told: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its own variable, in the user's data folder by one of two others, or in the home folder."""
    assert workspace() == tmp_path / "home/.local/share/qexplorer"
    told.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert workspace() == tmp_path / "local/qexplorer"
    told.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert workspace() == tmp_path / "data/qexplorer"
    told.setenv("QEXPLORER_WORKSPACE", "~/deep/own")
    assert workspace("models") == tmp_path / "home/deep/own/models"
    assert workspace() == host_workspace()
    told.setenv("QEXPLORER_HOST_WORKSPACE", str(tmp_path / "host"))
    assert host_workspace("numba") == tmp_path / "host/numba"
    assert workspace_variables() == {
        "QEXPLORER_WORKSPACE": str(tmp_path / "home/deep/own"),
        "QEXPLORER_HOST_WORKSPACE": str(tmp_path / "host"),
    }


def test_every_folder_that_is_made_is_its_owners_alone(told: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The workspace and each part of what is asked for in it, whatever the system's habit is."""
    told.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "own"))
    found = workspace("jobs", "one")
    assert [path.stat().st_mode & 0o777 for path in (found, found.parent, found.parent.parent)] == [0o700] * 3
    assert workspace("jobs", "one") == found


def test_a_folder_that_cannot_be_made_is_told(told: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that stands in its way."""
    (tmp_path / "file").write_bytes(b"")
    told.setenv("QEXPLORER_WORKSPACE", str(tmp_path / "file"))
    with pytest.raises(InputError):
        workspace("models")


def test_digests_hang_on_what_is_said_and_not_on_its_order(tmp_path: Path) -> None:
    """SHA-256 of JSON with sorted keys and no spaces; a file's is that of its bytes."""
    text = b'{"a":[1,2.5,null],"b":"x"}'
    assert digest_json({"b": "x", "a": [1, 2.5, None]}) == hashlib.sha256(text).hexdigest()
    assert digest_json({"a": 1}) != digest_json({"a": 2})
    (tmp_path / "f").write_bytes(text)
    assert sha256_file(tmp_path / "f") == hashlib.sha256(text).hexdigest()
