"""A browser's half of the conversation with the app's server, without a browser: Streamlit's own messages."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.cli.conftest import environment

__all__ = ["Visit", "serve", "visit"]


@contextmanager
def serve(folder: Path, *options: str, **variables: str) -> Iterator[str]:
    """``qexplorer app`` on a free port of 127.0.0.1 with a workspace in ``folder``, and its host and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "qexplorer", "app", "--no-browser", "--port", str(port), *options]
    known = environment() | {"QEXPLORER_WORKSPACE": str(folder / "workspace")} | variables
    known["PYTHONPATH"] = ":".join(filter(None, (variables.get("PYTHONPATH"), environment()["PYTHONPATH"])))
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=folder, env=known, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text()[-2000:]}")


@dataclass
class Visit:
    """One connected page: what it was told in its last run.

    Attributes:
        socket: the connection.
        elements: kind of element -> those that were drawn, in order.
        query: of the address, as the server last asked for it.
    """

    socket: ClientConnection
    elements: dict[str, list[Any]] = field(default_factory=dict)
    query: str = ""

    def run(self, *, page: str = "", click: str | None = None, values: Mapping[str, str] | None = None) -> None:
        """Runs the page until the script has finished.

        Args:
            page: the page's name in the address; the first one by default.
            click: label of a button to press.
            values: what a browser claims was chosen, by the widget's id.
        """
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_name = self.query, page
        if click is not None:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.trigger_value = self.button(click).id, True
        for name, value in (values or {}).items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.string_value = name, value
        self.elements = {}
        self.socket.send(message.SerializeToString())
        while True:
            told = ForwardMsg.FromString(self.socket.recv(timeout=120))  # type: ignore[arg-type]
            kind = told.WhichOneof("type")
            if kind == "page_info_changed":
                self.query = told.page_info_changed.query_string
            elif kind == "delta" and told.delta.WhichOneof("type") == "new_element":
                element = told.delta.new_element
                name = str(element.WhichOneof("type"))
                self.elements.setdefault(name, []).append(getattr(element, name))
            elif kind == "script_finished":
                if told.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    self.elements = {}
                    continue
                return

    def button(self, label: str) -> Any:
        """The button with this label; fails if there is none."""
        found = [each for each in self.elements.get("button", []) if each.label == label]
        assert found, [each.label for each in self.elements.get("button", [])]
        return found[0]

    @property
    def text(self) -> str:
        """Everything that was sent in the last run, as text."""
        return "\n".join(str(element) for kind in self.elements.values() for element in kind)


@contextmanager
def visit(
    host: str, *, origin: str | None = None, name: str | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[Visit]:
    """A page that connects to the server at ``host``; ``name`` is what it calls that, as after DNS rebinding."""
    place, port = host.split(":")
    told: dict[str, Any] = {"origin": origin, "additional_headers": headers, "subprotocols": ["streamlit"]}
    with connect(f"ws://{name or host}/_stcore/stream", address=(place, int(port)), max_size=None, **told) as found:
        yield Visit(found)
