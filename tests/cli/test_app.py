"""What ``qexplorer app`` starts, and how it ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qexplorer.cli import app
from qexplorer.core.errors import QExplorerError


class _Server:
    """A server that was started, and does what the test says."""

    started: list[_Server]
    ends: list[Any]

    def __init__(self, command: list[str], *, cwd: Path, env: dict[str, str], stdin: int) -> None:
        self.command, self.folder, self.environment, self.stdin = command, cwd, env, stdin
        self.told: list[str] = []
        type(self).started.append(self)

    def wait(self, timeout: float | None = None) -> int:
        """Ends as it was told to, once for each call."""
        self.told.append("wait" if timeout is None else "wait a little")
        end = type(self).ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return int(end)

    def terminate(self) -> None:
        """Is asked to end."""
        self.told.append("terminate")

    def kill(self) -> None:
        """Is ended."""
        self.told.append("kill")

    def after(self, option: str) -> list[str]:
        """What stands behind an option in its command."""
        return [value for name, value in zip(self.command, self.command[1:], strict=False) if name == option]


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> type[_Server]:
    """Servers that end well, on a machine with a screen."""
    _Server.started, _Server.ends = [], [0] * 20
    monkeypatch.setattr(app.subprocess, "Popen", _Server)
    for name in ("CI", "STREAMLIT_SERVER_ADDRESS", "STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(app.sys, "platform", "linux")
    return _Server


@pytest.mark.parametrize(
    ("typed", "variables", "opens"),
    [
        ((), {}, True),
        (("--no-browser",), {}, False),
        (("--shared",), {}, False),
        ((), {"CI": "true"}, False),
        ((), {"DISPLAY": ""}, False),
        ((), {"DISPLAY": "", "WAYLAND_DISPLAY": "wayland-0"}, True),
    ],
)
def test_a_browser_opens_for_somebody_in_front_of_the_machine(
    typed: tuple[str, ...],
    variables: dict[str, str],
    opens: bool,
    servers: type[_Server],
    qexplorer: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in CI, not without a screen, and not for several people."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert qexplorer("app", *typed).code == 0
    (server,) = servers.started
    assert server.after("--server.headless") == ["false" if opens else "true"]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_some_systems_always_have_a_screen(
    platform: str, servers: type[_Server], qexplorer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no variable says so."""
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr(app.sys, "platform", platform)
    assert qexplorer("app").code == 0
    assert servers.started[0].after("--server.headless") == ["false"]


@pytest.mark.parametrize(
    ("typed", "hosts"),
    [
        ((), []),
        (("--shared",), ["*"]),
        (("--address", "0.0.0.0", "--shared"), ["*"]),
        (("--site", "q.example.org"), ["q.example.org", "localhost", "127.0.0.1"]),
        (("--shared", "--site", "a.org", "b.org"), ["a.org", "b.org", "localhost", "127.0.0.1"]),
    ],
)
def test_names_that_are_answered(
    typed: tuple[str, ...], hosts: list[str], servers: type[_Server], qexplorer: Any
) -> None:
    """Those of the site alone where one is named, any where others reach it, else those of Streamlit."""
    assert qexplorer("app", *typed).err == ""
    assert servers.started[0].after("--server.allowedHosts") == hosts


def test_several_people_have_less_room_for_uploads(
    servers: type[_Server], qexplorer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the environment says how much; they are told apart by a variable that one person alone does not have."""
    monkeypatch.delenv("QEXPLORER_SHARED", raising=False)
    qexplorer("app")
    qexplorer("app", "--shared")
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "7")
    qexplorer("app", "--shared")
    assert [each.after("--server.maxUploadSize") for each in servers.started] == [[], ["200"], []]
    assert [each.environment.get("QEXPLORER_SHARED") for each in servers.started] == [None, "1", "1"]


def test_the_server_finds_the_package_and_the_settings_wherever_it_is_started(
    servers: type[_Server], qexplorer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In front of what the environment has; and its end is that of this process, through a pipe."""
    root = str(Path(app.__file__).resolve().parents[2])
    for before, after in ((None, root), ("there", f"{root}{os.pathsep}there")):
        monkeypatch.setenv("PYTHONPATH", before) if before else monkeypatch.delenv("PYTHONPATH", raising=False)
        qexplorer("app", "--port", "8601")
        server = servers.started[-1]
        assert server.environment["PYTHONPATH"] == after
        assert (server.folder, server.after("run")) == (app.app_folder(), [str(app.app_folder() / "app.py")])
        assert server.after("--server.port") == ["8601"]
        assert (server.stdin, server.environment["QEXPLORER_STARTED_BY_APP"]) == (subprocess.PIPE, "1")
    qexplorer("app")
    assert servers.started[-1].after("--server.port") == []


@pytest.mark.parametrize(
    ("ends", "code", "told"),
    [
        ([0], 0, ["wait"]),
        ([3], 3, ["wait"]),
        ([KeyboardInterrupt(), 0], 130, ["wait", "terminate", "wait a little"]),
        (
            [KeyboardInterrupt(), subprocess.TimeoutExpired("app", 10)],
            130,
            ["wait", "terminate", "wait a little", "kill"],
        ),
    ],
)
def test_the_app_ends_as_its_server_does(
    ends: list[Any], code: int, told: list[str], servers: type[_Server], qexplorer: Any
) -> None:
    """Ctrl-C asks it to end, and ends it if it does not; the exit code says that it was interrupted."""
    servers.ends = ends
    assert qexplorer("app").code == code
    assert servers.started[0].told == told


def test_without_streamlit_there_is_no_app(
    servers: type[_Server], qexplorer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that says what to install, and nothing is started."""
    monkeypatch.setattr(app, "find_spec", lambda _: None)
    outcome = qexplorer("app")
    assert (outcome.code, servers.started) == (1, [])
    assert "Streamlit is not installed; install qexplorer again" in outcome.err


def test_the_app_is_in_the_package_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one inside an installed package goes first; without either it is said."""
    monkeypatch.setattr(app, "__file__", str(tmp_path / "qexplorer" / "cli" / "app.py"))
    with pytest.raises(QExplorerError, match=r"app\.py was not found"):
        app.app_folder()
    for folder in (tmp_path, tmp_path / "qexplorer" / "_app"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.py").touch()
        assert app.app_folder() == folder
