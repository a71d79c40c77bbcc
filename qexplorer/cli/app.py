"""``qexplorer app``: the app in a browser, with the same settings wherever it is started from."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from qexplorer.cli.terminal import warn
from qexplorer.core.errors import QExplorerError
from qexplorer.machine.addresses import reaches_others

__all__ = ["app_folder", "run", "streamlit_command"]

_ADDRESS, _UPLOAD = "STREAMLIT_SERVER_ADDRESS", "STREAMLIT_SERVER_MAX_UPLOAD_SIZE"
SHARED_UPLOAD_MB = 200


def run(order: argparse.Namespace) -> int:
    """Serves the app until Ctrl-C, and returns what Streamlit returns."""
    if find_spec("streamlit") is None:
        raise QExplorerError("Streamlit is not installed", do="install qexplorer again: pip install qexplorer")
    folder = app_folder()
    address = order.address or os.environ.get(_ADDRESS) or "127.0.0.1"
    if reaches_others(address) and not order.shared:
        warn(f"the app answers on {address} without --shared: whoever can reach it can read files of this machine")
    opens = not order.no_browser and not order.shared and _can_open_browser()
    command = streamlit_command(folder, order.port, address, opens_browser=opens)
    if order.site or order.shared or reaches_others(address):
        for name in [*order.site, "localhost", "127.0.0.1"] if order.site else ["*"]:
            command += ["--server.allowedHosts", name]
    if order.shared and _UPLOAD not in os.environ:
        command += ["--server.maxUploadSize", str(SHARED_UPLOAD_MB)]
    # Streamlit reads .streamlit/config.toml of the folder it is started in, so it is started in the app's
    environment = _environment(shared=order.shared)
    server = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.PIPE)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
        return 130


def app_folder() -> Path:
    """The folder with app.py, pages and .streamlit: inside an installed package, or the root of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_app", package.parent):
        if (folder / "app.py").is_file():
            return folder
    raise QExplorerError("app.py was not found beside the package", do="install qexplorer again")


def streamlit_command(folder: Path, port: int | None, address: str, *, opens_browser: bool) -> list[str]:
    """The command that serves the app on ``address``; without a port, on the first free one from 8501."""
    command = [sys.executable, "-m", "qexplorer.ui.serving.server", "run", str(folder / "app.py")]
    command += ["--server.headless", "false" if opens_browser else "true", "--server.address", address]
    if port is not None:
        command += ["--server.port", str(port)]
    return command


def _environment(*, shared: bool) -> dict[str, str]:
    """This process's environment, in which the package is found wherever the server is started."""
    known = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).resolve().parent.parent.parent)
    here = {"PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root}
    here["QEXPLORER_STARTED_BY_APP"] = "1"  # the server ends with this process, see ui.serving.server
    return os.environ | here | ({"QEXPLORER_SHARED": "1"} if shared else {})


def _can_open_browser() -> bool:
    """Whether somebody sits in front of this machine: not in CI, and with a display where one is needed."""
    if os.environ.get("CI"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
