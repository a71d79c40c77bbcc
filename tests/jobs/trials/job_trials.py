"""Small pieces of work with every kind of ending."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from qexplorer.core.errors import DataError
from qexplorer.jobs.processes import MARK

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def report(arguments, emit):
    """Reports three steps, then returns its arguments."""
    for i in range(3):
        emit({"event": "progress", "step": f"step {i}", "done": i / 3, "seconds_left": 3.0 - i, "runs": [{"n": i}]})
    return {"given": arguments["value"]}


def wait(_arguments, emit):
    """Never ends by itself."""
    emit({"event": "progress", "step": "waiting", "done": 0.5, "seconds_left": 7.0})
    time.sleep(600)


def crash(_arguments, emit):
    """Dies without a word."""
    emit({"event": "progress", "step": "dying", "done": 0.2, "seconds_left": None})
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_arguments, _emit):
    """Raises one of the program's own errors."""
    raise DataError("the labels are shorter than the images", where="labels.csv", do="give one label for each image")


def family(arguments, emit):
    """Starts a child and a grandchild in sessions of their own, writes their ids down, and waits."""
    os.environ[MARK] = arguments["job"]
    code = f"import subprocess, time; p = subprocess.Popen({SLEEP!r}, start_new_session=True)"
    code += "; print(p.pid, flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    grandchild = int(child.stdout.readline())
    Path(arguments["pids"]).write_text(f"{child.pid} {grandchild}")
    wait(arguments, emit)


def orphan(arguments, emit):
    """Leaves a process behind whose parent is dead, so that only its mark says whose it is."""
    os.environ[MARK] = arguments["job"]
    code = f"import subprocess as s; print(s.Popen({SLEEP!r}, stdout=s.DEVNULL, start_new_session=True).pid)"
    stray = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    Path(arguments["pids"]).write_text(stray.strip())
    wait(arguments, emit)
