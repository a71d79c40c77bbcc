"""What a job does before it works, and one that was never begun."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.manager import JobStatus
from tests.jobs.orders import waited_for
from tests.jobs.trials import trial
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("trials")


def started(name: str, **fields: Any) -> str:
    """Starts the trial called so and returns its id."""
    return manager.submit(trial(name), trial(name).order(**fields))


def test_a_job_whose_server_was_killed_before_it_began_does_not_run() -> None:
    """An order without a process is at work only while who wrote it lives; then it may be ordered again at once."""
    job_id = waited_for(started("report_three", value=(1,))).id
    folder = workspace("jobs") / job_id
    order = json.loads((folder / "order.json").read_text())
    for name in ("pid.json", "events.jsonl"):
        (folder / name).unlink()
    (folder / "order.json").write_text(json.dumps(order | {"started": time.time()}))
    assert manager.state(job_id).is_running
    other = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone_now = {"pid": int(other.stdout), "started": time.time() - 5.0}
    (folder / "order.json").write_text(json.dumps(order | {"started": time.time(), "starter": gone_now}))
    assert manager.state(job_id).status is JobStatus.FAILED


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has loaded is read from /proc")
def test_a_job_that_waits_has_loaded_nothing_heavy() -> None:
    """A job stands in the line before it reads its order: behind one that times it has neither NumPy nor pydantic."""
    first = started("timed", value=(1,))
    until(lambda: manager.state(first).step == "waiting")
    second = started("wait")
    until(lambda: manager.state(second).waiting is not None)
    pid = json.loads((workspace("jobs") / second / "pid.json").read_text())["pid"]
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "libpython" in maps or "/python" in maps
    assert not [name for name in ("numpy", "pydantic", "onnx", "torch") if name in maps]
    manager.cancel(first)
    until(lambda: manager.state(second).step == "waiting")
    manager.cancel(second)
