"""A process that takes places as it is told, writes down when, and can be killed: ``python holder.py NAME KIND LOG``.

KIND is ``alone`` or ``beside``. It writes ``waits``, ``in``, ``out`` with its name to LOG, and leaves when a file
``LOG.NAME`` is there.
"""

import sys
import time
from pathlib import Path

from qexplorer.process.places import taking


def main(name: str, kind: str, log: str) -> None:
    """Waits, holds, leaves."""

    def say(what: str) -> None:
        with Path(log).open("a") as file:
            file.write(f"{name} {what}\n")

    def waits(waiting: object) -> None:
        if waiting is not None:
            say(f"waits {waiting.place}")

    taking._MAKES_WAY_S = 1e6  # however slow the machine, nobody makes way by age
    with taking.turn(waits), getattr(taking, kind)():
        say("in")
        while not Path(f"{log}.{name}").exists():
            time.sleep(0.01)
            taking.give_way()
        say("out")


if __name__ == "__main__":
    main(*sys.argv[1:])
