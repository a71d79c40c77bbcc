"""Many people on one server: how long a rerun takes while everyone's comparison runs or waits, and what each gets.

Run: python benchmarks/crowd.py [--sessions 10] [--every 3] [--seconds 60] [--json FILE]

A real server (``qexplorer app``'s own settings) with a workspace of its own; each session is a client of Streamlit's
protocol over a websocket, so that no browsers take the processors whose load is measured. As a browser does, it reruns
the parts of a page that ask for it. All press Compare in the same second, each with other samples (equal work would
be shared), and change a control every few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import workspace
from qexplorer.jobs import manager
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.records import read_json, write_json
from qexplorer.machine.cpu import cpu_model

PORT = 8655
CONTROL, START = "side_recipe", "compare_start"


@dataclass
class Visitor:
    """One session: what it saw; of each rerun when it was asked for, and the seconds until the page was whole."""

    name: str
    reruns_s: list[tuple[float, float]] = field(default_factory=list)
    widgets: dict[str, Any] = field(default_factory=dict)
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _socket: Any = None
    _reader: Any = None
    _page: str = ""
    _finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def visit(self) -> None:
        """Opens page Compare and keeps reading what the server sends."""
        address = f"ws://127.0.0.1:{PORT}/_stcore/stream"
        self._socket = await websockets.connect(address, subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]
        self._reader = asyncio.get_running_loop().create_task(self._read())
        await self._rerun()

    async def press(self) -> None:
        """Presses Compare."""
        await self._rerun(WidgetState(id=self._id(START), trigger_value=True))

    async def change(self, turn: int) -> None:
        """Changes a control, and notes how long the page takes to be whole again."""
        options = self.widgets[self._id(CONTROL)]
        state = WidgetState(id=self._id(CONTROL), string_value=options[turn % len(options)])
        begin = time.perf_counter()
        await self._rerun(state)
        self.reruns_s.append((begin, time.perf_counter() - begin))

    def _id(self, key: str) -> str:
        return next(each for each in reversed(self.widgets) if each.endswith(f"-{key}"))

    async def _rerun(self, *states: WidgetState) -> None:
        message = self._message()
        message.rerun_script.widget_states.widgets.extend(states)
        self._finished.clear()
        await self._socket.send(message.SerializeToString())
        finished = asyncio.get_running_loop().create_task(self._finished.wait())
        await asyncio.wait({finished, self._reader}, return_when=asyncio.FIRST_COMPLETED)
        if self._reader.done():
            self._reader.result()
            raise ConnectionError(f"the server hung up on {self.name}")

    def _message(self) -> BackMsg:
        message = BackMsg()
        message.rerun_script.query_string, message.rerun_script.page_script_hash = f"s={self.name}", self._page
        message.rerun_script.page_name = "" if self._page else "compare"
        return message

    async def _read(self) -> None:
        async for data in self._socket:
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                widget = getattr(element, element.WhichOneof("type") or "empty")
                if getattr(widget, "id", ""):
                    self.widgets[widget.id] = list(getattr(widget, "options", ()))
            elif kind == "new_session" and not message.metadata.run.fragment_ids:
                self._stop()
            elif kind == "navigation":
                self._page = message.navigation.page_script_hash
            elif kind == "auto_rerun":
                self._stop(message.auto_rerun.fragment_id)
                task = asyncio.get_running_loop().create_task(self._again(message.auto_rerun))
                self._timers[message.auto_rerun.fragment_id] = task
            elif kind == "stop_auto_rerun":
                self._stop(message.stop_auto_rerun.fragment_id)
            elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self._finished.set()

    def _stop(self, fragment: str | None = None) -> None:
        for each in [fragment] if fragment else list(self._timers):
            if each in self._timers:
                self._timers.pop(each).cancel()

    async def _again(self, asked: Any) -> None:
        """A part of the page that asks to be run again and again."""
        while True:
            await asyncio.sleep(asked.interval)
            message = self._message()
            message.rerun_script.fragment_id, message.rerun_script.is_auto_rerun = asked.fragment_id, True
            await self._socket.send(message.SerializeToString())


@dataclass
class Turn:
    """What became of one session's comparison; seconds are counted from the press."""

    session: str
    first_place: int | None = None
    told: list[str] = field(default_factory=list)
    done_s: float | None = None
    status: str = ""
    valid: bool | None = None
    speedup: bool | None = None
    why_not: str | None = None


def _started(folder: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "streamlit", "run", str(root / "app.py"), "--server.port", str(PORT)]
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(command, cwd=root, stdout=log, stderr=subprocess.STDOUT)


def _session(number: int) -> str:
    name = f"crowd-session-{number:02d}"
    value = {"model": "digits_cnn", "data": "digits", "choices": {"compare_samples": 100 + number}}
    write_json(workspace("sessions") / f"{name}.json", value)
    return name


async def _watch(turns: dict[str, Turn], begin: float, server: psutil.Process, most: dict[str, int]) -> None:
    """Notes what each job tells, until all have ended."""
    while any(turn.done_s is None for turn in turns.values()):
        await asyncio.sleep(0.5)
        family = server.children(recursive=True)
        most["processes"] = max(most.get("processes", 0), len(family))
        for name, turn in turns.items():
            kept = read_json(workspace("sessions") / f"{name}.json") or {}
            job_id = kept.get("jobs", {}).get("compare")
            if job_id is None or turn.done_s is not None:
                continue
            job = manager.state(job_id)
            if job.waiting is not None:
                turn.first_place = turn.first_place or job.waiting.place
                if not turn.told or turn.told[-1] != job.waiting.sentence:
                    turn.told.append(job.waiting.sentence)
            if not job.is_running:
                turn.done_s, turn.status = time.monotonic() - begin, str(job.status)
                turn.why_not = job.error
                _judge(turn, job)


def _judge(turn: Turn, job: manager.JobState) -> None:
    result = COMPARE.result_of(job)
    with contextlib.suppress(QExplorerError):
        if result is not None:
            timed = [run.latency_ms for run in History().get(result.comparison).runs if run.latency_ms is not None]
            turn.valid = all(latency.valid for latency in timed)
            turn.speedup = all(latency.speedup is not None for latency in timed[1:])
            turn.why_not = next((latency.reason for latency in timed if not latency.valid), None)


async def _steps(visitor: Visitor, every: float, until: float, offset: float) -> None:
    await asyncio.sleep(offset)
    turn = 0
    while time.monotonic() < until:
        begin = time.monotonic()
        with contextlib.suppress(StopIteration):
            await visitor.change(turn := turn + 1)
        await asyncio.sleep(max(0.0, every - (time.monotonic() - begin)))


async def _crowd(order: argparse.Namespace, server: psutil.Process) -> dict[str, Any]:
    visitors = [Visitor(_session(number)) for number in range(order.sessions)]
    for visitor in visitors:  # one after the other, as people come
        await visitor.visit()
    turns = {visitor.name: Turn(visitor.name) for visitor in visitors}
    begin, most, clock = time.monotonic(), dict[str, int](), time.perf_counter()
    await asyncio.gather(*(visitor.press() for visitor in visitors))
    watch = asyncio.create_task(_watch(turns, begin, server, most))
    steps = [
        _steps(visitor, order.every, begin + order.seconds, order.every * index / order.sessions)
        for index, visitor in enumerate(visitors)
        if order.every
    ]
    await asyncio.gather(*steps)
    await asyncio.wait({watch}, timeout=order.longest)  # what has not ended by then is told as that
    watch.cancel()
    reruns = np.array([s for visitor in visitors for _, s in visitor.reruns_s])
    ats = np.array([at - clock for visitor in visitors for at, _ in visitor.reruns_s])
    return {
        "cpu": cpu_model(),
        "processors": os.cpu_count(),
        "sessions": order.sessions,
        "every_s": order.every,
        "reruns": len(reruns),
        "rerun_p50_s": float(np.median(reruns)) if len(reruns) else None,
        "rerun_p95_s": float(np.quantile(reruns, 0.95)) if len(reruns) else None,
        "rerun_worst_s": float(reruns.max()) if len(reruns) else None,
        "rerun_p95_s_by_ten_seconds": [
            round(float(np.quantile(reruns[ats // 10 == ten], 0.95)), 2) for ten in np.unique(ats // 10)
        ],
        "most_processes": most.get("processes"),
        "server_mb": server.memory_info().rss / 1e6,
        "turns": [asdict(turn) for turn in sorted(turns.values(), key=lambda each: each.done_s or 0.0)],
    }


def main() -> None:
    """Starts the server, lets the crowd in, prints what it met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two controls of one session; 0: none")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long controls are changed")
    parser.add_argument("--longest", type=float, default=900.0, help="how long jobs may take after that")
    parser.add_argument("--json", type=Path)
    order = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["QEXPLORER_WORKSPACE"] = os.environ["QEXPLORER_PLACES"] = f"{folder}/workspace"
        server = _started(Path(folder))
        try:
            time.sleep(6)
            found = asyncio.run(_crowd(order, psutil.Process(server.pid)))
        finally:
            server.terminate()
            server.wait(timeout=20)
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    if order.json:
        order.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
