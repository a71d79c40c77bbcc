"""Nothing leaves the machine: every socket of the server and of its children is looked at."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.serving.stream import serve, visit

SPY = """
import os, sys

def look(event, arguments, path=os.environ["SOCKETS"]):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"):
        told = arguments[1:] if event.startswith(("socket.connect", "socket.send")) else arguments
        line = repr((event, tuple(map(str, told)))) + "\\n"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line.encode())
        os.close(handle)

sys.addaudithook(look)
"""
HOME = ("127.0.0.1", "localhost", "::1", "/")


def _asked(sockets: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [ast.literal_eval(line) for line in sockets.read_text().splitlines()] if sockets.exists() else []


def _outside(sockets: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [each for each in _asked(sockets) if not any(str(part) in str(each[1][:1]) for part in HOME)]


def test_the_spy_sees_what_goes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A UDP socket that is connected to an address outside is noted, so that silence means something."""
    (tmp_path / "sitecustomize.py").write_text(SPY)
    monkeypatch.setenv("SOCKETS", str(tmp_path / "sockets"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 1))"
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert _outside(tmp_path / "sockets") == [("socket.connect", ("('192.0.2.1', 1)",))]


def test_a_start_a_foreign_page_and_a_click_ask_nobody_outside(tmp_path: Path) -> None:
    """From the start over a refused foreign origin and a foreign name to a loaded model, no socket goes elsewhere.

    Streamlit by itself would look up its own address outside as soon as the foreign page connects.
    """
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(SPY)
    sockets = tmp_path / "sockets"
    with serve(tmp_path, PYTHONPATH=str(tmp_path / "spy"), SOCKETS=str(sockets)) as host:
        with pytest.raises(InvalidStatus, match="403"), visit(host, origin="https://elsewhere.example"):
            pass
        name = f"elsewhere.example:{host.split(':')[1]}"
        with pytest.raises(InvalidStatus, match="403"), visit(host, origin=f"http://{name}", name=name):
            pass
        with visit(host, origin=f"http://{host}") as page:
            page.run()
            page.run(click="Use digits_cnn")
            assert "digits_cnn" in page.text
            assert "Layers" in page.text
            page.run(page="system")
            assert "Backends" in page.text
        time.sleep(1)
        assert _outside(sockets) == []
