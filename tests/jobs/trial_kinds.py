"""Kinds of jobs that only tests need: small pieces of work with every kind of ending."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.errors import DataError
from qexplorer.jobs.kind import JobKind
from qexplorer.jobs.orders import Order
from qexplorer.jobs.processes.mark import MARK
from qexplorer.process.places.taking import alone

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class TrialOrder(Order):
    """What every trial takes: something to give back, and a file for the ids of processes."""

    value: tuple[int, ...] = ()
    pids: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for."""

    value: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before the end."""

    n: int


def report_three(order, report):
    """Reports three steps, then returns its order's value."""
    for i in range(3):
        report.step(f"step {i}", i / 3, 3.0 - i)
        report.partial(Known(i))
    return Given(order.value)


def wait(_order, report):
    """Never ends by itself; something is known by then."""
    report.partial(Known(3))
    report.step("waiting", 0.5, 7.0)
    time.sleep(600)


def crash(_order, report):
    """Dies without a word."""
    report.step("dying", 0.2)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(_order, _report):
    """Raises one of the program's own errors."""
    raise DataError("the labels are shorter than the images", where="labels.csv", do="give one label for each image")


def family(order, report):
    """Starts a child and a grandchild in sessions of their own, writes their ids down, and waits."""
    assert os.environ[MARK] == report.job
    code = f"import subprocess, time; p = subprocess.Popen({SLEEP!r}, start_new_session=True)"
    code += "; print(p.pid, flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    grandchild = int(child.stdout.readline())
    Path(order.pids).write_text(f"{child.pid} {grandchild}")
    wait(order, report)


def orphan(order, report):
    """Leaves a process behind whose parent is dead, so that only its mark says whose it is."""
    code = f"import subprocess as s; print(s.Popen({SLEEP!r}, stdout=s.DEVNULL, start_new_session=True).pid)"
    stray = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    Path(order.pids).write_text(stray.strip())
    wait(order, report)


def many(order, report):
    """Reports one step as fast as it can, a number of times."""
    for i in range(order.value[0]):
        report.step("counting", i / order.value[0])
    return Given(order.value)


def timed(order, report):
    """Has the machine to itself and never ends by itself."""
    with alone():
        wait(order, report)


def spin(_order, report):
    """Computes for ever without getting on."""
    report.step("computing", 0.3)
    while True:
        pass


def fill(_order, report):
    """Takes ever more memory."""
    report.step("taking memory", 0.3)
    taken = []
    while True:
        taken.append(b"x" * 2**20)
        time.sleep(0.002)


ENTRIES = tuple(
    JobKind(
        name=f"trial_{work.__name__}",
        title="Trying",
        page="Trials",
        order=TrialOrder,
        result=Given,
        work=work,
        partial=Known,
        nice=0,
    )
    for work in (report_three, wait, crash, refuse, family, orphan, many, timed, spin, fill)
)
