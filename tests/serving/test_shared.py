"""A shared host, served for real: people see what is theirs, and nothing of the host."""

from __future__ import annotations

import os
import stat
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.serving.stream import serve, visit

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("", "distributions", "quantize", "compare", "live", "system")
TOKENS = ("a" * 43, "b" * 43)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the host's workspace lies."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    """A shared host."""
    with serve(folder, "--shared") as found:
        yield found


def _people(folder: Path) -> set[str]:
    home = folder / "workspace" / "people"
    return {path.name for path in home.iterdir()} if home.is_dir() else set()


def _as(token: str) -> dict[str, str]:
    return {"Cookie": f"qexplorer_visitor={token}"}


def test_two_people_have_workspaces_of_their_own(host: str, folder: Path) -> None:
    """A model that one of them chose is not the other's, not even with the first one's address; back again, it is."""
    before = _people(folder)
    with visit(host, headers=_as(TOKENS[0])) as one:
        one.run()
        one.run(click="Use digits_cnn")
        assert "Layers" in one.text
        address = one.query
    with visit(host, headers=_as(TOKENS[1])) as other:
        other.query = address
        other.run()
        assert other.button("Use digits_cnn")
        assert "Layers" not in other.text
    assert len(_people(folder) - before) == 2
    with visit(host, headers=_as(TOKENS[0])) as again:
        again.query = address
        again.run()
        assert "Layers" in again.text
    assert len(_people(folder) - before) == 2


def test_who_comes_for_the_first_time_gets_a_key_that_no_folder_tells(host: str, folder: Path) -> None:
    """The cookie is written by the page, once; the folder's name on disk is not the cookie."""
    with visit(host) as page:
        page.run()
        scripts = [str(html.body) for html in page.elements["html"] if "document.cookie" in str(html.body)]
    assert len(scripts) == 1
    token = scripts[0].split("qexplorer_visitor=")[1].split(";")[0]
    assert "SameSite=Strict" in scripts[0]
    assert not any(token in name for name in _people(folder))
    with visit(host, headers=_as(token)) as page:
        page.run()
        assert not any("document.cookie" in str(html.body) for html in page.elements["html"])


def test_no_page_takes_or_tells_a_path_of_the_host(host: str, folder: Path) -> None:
    """On every page, with a model loaded, there is no box for a path and no path of workspace, home or program."""
    told = {str(folder), str(Path.home()) + os.sep, str(ROOT), sys.prefix}
    with visit(host, headers=_as(TOKENS[0])) as page:
        page.run()
        page.run(click="Use digits_cnn")
        for name in PAGES:
            page.run(page=name)
            boxes = [each.label for each in page.elements.get("text_input", [])]
            assert not [label for label in boxes if "path" in label.lower()]
            assert not [path for path in told if path in page.text], name
        assert "This is your part of a shared host" in page.text


def test_what_a_page_makes_up_is_not_read(host: str, folder: Path) -> None:
    """A browser may send any text as the choice of a list: a file of the host is not opened for that."""
    secret = folder / "secret.csv"
    secret.write_text("a,b\n" + "123.456,2\n" * 40)
    with visit(host, headers=_as(TOKENS[1])) as page:
        page.run()
        page.run(click="Use digits_cnn")
        chosen = {each.label: each.id for each in page.elements["selectbox"]}
        page.run(values={chosen["Data"]: str(secret), chosen["Recipe"]: str(folder / "secret.yaml")})
        page.run()
        assert "secret" not in page.text
        assert "digits" in page.text


@pytest.mark.skipif(os.name == "nt", reason="modes say nothing on Windows")
def test_everything_in_the_workspace_is_the_hosts_alone(host: str, folder: Path) -> None:
    """After all that, no file or folder of the host's workspace can be read by another user of the machine."""
    with visit(host) as page:
        page.run()
    root = folder / "workspace"
    found = [root, *root.rglob("*")]
    assert len(found) > 10
    assert [str(path) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_the_health_check_answers(host: str) -> None:
    """What a container asks is answered without a session."""
    with urllib.request.urlopen(f"http://{host}/_stcore/health", timeout=5) as reply:
        assert (reply.status, reply.read()) == (200, b"ok")


def test_a_name_that_was_not_given_is_not_answered(tmp_path: Path) -> None:
    """With --site only that name, and this machine's own, reach the app."""
    with serve(tmp_path, "--shared", "--site", "qexplorer.example") as host:
        port = host.split(":")[1]
        with pytest.raises(InvalidStatus, match="403"), visit(host, name=f"elsewhere.example:{port}"):
            pass
        with visit(host, name=f"qexplorer.example:{port}", origin=f"http://qexplorer.example:{port}") as page:
            page.run()
            assert page.button("Use digits_cnn")
