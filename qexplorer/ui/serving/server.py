"""The server's process: ``python -m qexplorer.ui.serving.server run app.py --server.port 8501`` is Streamlit's own
command, with nobody outside asked for anything."""

from __future__ import annotations

import os
import sys

from streamlit.web import cli

from qexplorer.core.disk.tidy import tidy
from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_terminal
from qexplorer.process.lifeline import hold_on
from qexplorer.ui.serving.address import ask_nobody
from qexplorer.ui.serving.people import serve_people

__all__ = ["main"]

STARTED = "QEXPLORER_STARTED_BY_APP"
"""Set by ``qexplorer app``, which holds the other end of the standard input."""


def main() -> None:
    """Serves until it is ended, or whoever started it by ``qexplorer app`` is."""
    if os.environ.pop(STARTED, None):
        hold_on(group=False)
    ask_nobody()  # before the first connection, which may come from a foreign page
    try:
        tidy()
    except QExplorerError as error:  # the page says it too
        sys.stderr.write(f"qexplorer: warning: {in_terminal(str(error))}\n")
    serve_people()
    sys.exit(cli.main(prog_name="streamlit"))


if __name__ == "__main__":
    main()
