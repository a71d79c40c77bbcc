"""The command line as a process: what it imports, how it ends, what the app is started with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from qexplorer.cli.app import app_folder, streamlit_command
from tests.cli.conftest import Outcome, environment
from tests.process.killing import kill_one

COMMAND = [sys.executable, "-m", "qexplorer"]
HEAVY = ("torch", "onnxruntime", "onnx", "streamlit", "numba", "sklearn", "pandas", "altair", "numpy")


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Processes that are started here hear Ctrl-C, also where a shell runs the tests in the background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_help_imports_nothing_heavy() -> None:
    """The parser is there before any library that takes long to load."""
    code = "import sys; from qexplorer.cli import main; main(['--help'])\n"
    code += f"print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_samples_are_listed_without_loading_a_runtime() -> None:
    """A list of names needs neither torch nor ONNX Runtime nor Streamlit."""
    code = "import sys; from qexplorer.cli import main; main(['samples'])\n"
    code += "print([m for m in ('torch', 'onnxruntime', 'streamlit', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(os.name != "posix", reason="pipes end otherwise on Windows")
def test_a_reader_that_leaves_is_no_error() -> None:
    """``qexplorer samples``, piped into what reads nothing, ends without a word on stderr."""
    reader = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    reader.wait()
    assert reader.stdin is not None
    done = subprocess.run([*COMMAND, "samples"], stdout=reader.stdin, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_comparison_leaves_no_child(number: int, tmp_path: Path) -> None:
    """Ctrl-C and kill end with 130, one line, and every child process gone."""
    order = [*COMMAND, "compare", "digits_cnn", "--recipe", "w8a8", "w4a8", "--json"]
    running = subprocess.Popen(
        order, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment()
    )
    me = psutil.Process(running.pid)
    children: list[psutil.Process] = []
    while len(children) < 2 and running.poll() is None:
        children = me.children(recursive=True)
        time.sleep(0.02)
    assert children
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert err == "qexplorer: error: interrupted; nothing half-written was left behind\n"
    assert psutil.wait_procs(children, timeout=60)[1] == []


def test_the_app_is_found_and_served_headless() -> None:
    """The command names app.py of this checkout, the port, and whether a browser opens."""
    folder = app_folder()
    assert (folder / "app.py").is_file()
    assert (folder / ".streamlit" / "config.toml").is_file()
    command = streamlit_command(folder, 8601, "127.0.0.1", opens_browser=False)
    assert command[1:4] == ["-m", "qexplorer.ui.serving.server", "run"]
    assert command[4] == str(folder / "app.py")
    assert command[5:] == [
        *("--server.headless", "true"),
        *("--server.address", "127.0.0.1"),
        *("--server.port", "8601"),
    ]


def test_the_app_listens_on_this_machine_only(tmp_path: Path) -> None:
    """Started from any folder it answers on 127.0.0.1 and on no other address, by the repository's own settings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [*COMMAND, "app", "--port", str(port), "--no-browser"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert _answers(f"http://127.0.0.1:{port}/_stcore/health", server)
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        places = {c.laddr.ip for p in family for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert places == {"127.0.0.1"}
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
    assert server.returncode == 130


def test_the_server_ends_with_the_command_that_started_it() -> None:
    """SIGKILL of ``qexplorer app`` leaves no server that nobody knows of."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done = kill_one(
        [*COMMAND, "app", "--port", str(port), "--no-browser"],
        lambda running: running[0],
        env=environment(),
        ready=lambda running: len(running) >= 2 and _listens(port),
    )
    assert len(done.seen) == 2
    assert done.left == []


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    for _ in range(400):
        if server.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - our own server
                return bool(reply.status == 200)
        except OSError:
            time.sleep(0.1)
    return False


def test_an_address_that_others_reach_is_told_and_names_of_theirs_are_let_in(
    qexplorer: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address from the option or from the environment is warned of in the terminal; 127.0.0.1 is not."""
    started: list[list[str]] = []

    class Server:
        def __init__(self, command: list[str], **_: object) -> None:
            started.append(command)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr("qexplorer.cli.app.subprocess.Popen", Server)
    assert qexplorer("app", "--no-browser").err == ""
    assert (
        "0.0.0.0 without --shared: whoever can reach it can read files" in qexplorer("app", "--address", "0.0.0.0").err
    )
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "192.0.2.7")
    assert "192.0.2.7 without --shared: whoever can reach it" in qexplorer("app").err
    assert [command[command.index("--server.address") + 1] for command in started] == [
        *("127.0.0.1", "0.0.0.0", "192.0.2.7")
    ]
    assert ["*" in command for command in started] == [False, True, True]
