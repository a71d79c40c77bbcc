"""When do the numbers of a comparison come, counted from the click, and where does the time go?

Run: python benchmarks/quick_compare.py [--model digits_cnn] [--backends onnxruntime] [--recipes w8a8] [--busy 2]

``--busy`` starts that many loops that do nothing but keep a processor busy. Conversions and compilations are made anew
unless ``--keep`` is given. ``--timeline`` also prints a line for each child process (a child's own children below it):
when it began and ended, the processor time that it used, and of what came before the next line began, how many
processors this comparison kept busy. Where that is below their number, something waits.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from qexplorer import api
from qexplorer.measure.comparison import Progress
from qexplorer.run.registry import BACKENDS


def _spin() -> None:
    while True:
        pass


class Clock:
    """Notes when each sentence of the progress and each first number came."""

    def __init__(self) -> None:
        self.begin = time.perf_counter()
        self.said: list[tuple[float, str]] = []
        self.first: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Takes one report of the comparison."""
        now = time.perf_counter() - self.begin
        kind = progress.step.split(" of ")[0].rstrip("0123456789, ")
        if not self.said or self.said[-1][1] != kind:
            self.said.append((now, kind))
        for run in progress.runs:
            if run.accuracy is not None:
                self.first.setdefault("accuracy" if run.recipe == "float" else "accuracy of a recipe", now)
            if run.latency_ms is not None and run.latency_ms.p50 is not None:
                self.first.setdefault("latency", now)

    def table(self) -> list[str]:
        """One line for each sentence and each first number."""
        return [f"{at:7.1f} s  {text}" for at, text in self.said] + [
            f"{at:7.1f} s  first {what}" for what, at in self.first.items()
        ]


@dataclass
class Lived:
    """A process, from its first sight to its last."""

    what: str
    depth: int
    begin: float
    end: float
    cpu_s: float = 0.0


@dataclass
class Timeline:
    """Looks at all processes below this one, ten times a second; works are told apart by what starts them."""

    begin: float
    lived: dict[int, Lived] = field(default_factory=dict)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    works: dict[int, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def watch_starts(self) -> None:
        """Notes what each child of this process is started for."""
        from qexplorer.measure.timing import latency
        from qexplorer.process import parent

        start = parent.start_child

        def noting(target: str, arguments: dict[str, Any], *others: Any, **more: Any) -> Any:
            child = start(target, arguments, *others, **more)
            files = [arguments["path"]] if "path" in arguments else list(arguments.get("variants", {}).values())
            about = " ".join([str(arguments.get("backend", "")), *(Path(each).stem[:6] for each in files)])
            self.works[child.pid] = f"{target.rpartition('.')[2]} {about}"
            return child

        parent.start_child = noting
        early = latency.early_timer

        def noting_early(*given: Any, **more: Any) -> Any:
            child = early(*given, **more)
            self.works[child.pid] = f"time_all {given[0]}, begun early"
            return child

        latency.early_timer = noting_early
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        own = psutil.Process()
        while not self.over.wait(0.1):
            now = time.perf_counter() - self.begin
            times = own.cpu_times()
            self._see(own.pid, "this process", 0, now, times.user + times.system)
            self._below(own, 1, now)
            self.cpu.append((now, sum(each.cpu_s for each in self.lived.values())))

    def _below(self, process: psutil.Process, depth: int, now: float) -> None:
        try:
            for child in process.children():
                times = child.cpu_times()
                self._see(child.pid, self.works.get(child.pid, "its child"), depth, now, times.user + times.system)
                self._below(child, depth + 1, now)
        except psutil.Error:  # it has ended
            return

    def _see(self, pid: int, what: str, depth: int, now: float, cpu_s: float) -> None:
        seen = self.lived.setdefault(pid, Lived(what, depth, now, now))
        seen.what = seen.what if seen.what != "its child" else what
        seen.end, seen.cpu_s = now, max(seen.cpu_s, cpu_s)

    def table(self) -> list[str]:
        """A line for each process in the order of their starts, with the processors that were busy until the next."""
        rows = list(self.lived.values())
        lines = ["  begin     end  cpu s  busy  process"]
        for row, after in zip(rows, [*(each.begin for each in rows[1:]), rows[0].end], strict=True):
            busy = self._busy(row.begin, after)
            what = "  " * row.depth + row.what
            lines.append(f"{row.begin:7.1f} {row.end:7.1f} {row.cpu_s:6.1f}  {busy:4.1f}  {what}")
        return lines

    def _busy(self, begin: float, end: float) -> float:
        inside = [(at, cpu) for at, cpu in self.cpu if begin <= at <= end]
        if len(inside) < 2:
            return 0.0
        return (inside[-1][1] - inside[0][1]) / max(inside[-1][0] - inside[0][0], 0.1)


def main() -> None:
    """Prints the table of one comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits_cnn")
    parser.add_argument("--data")
    parser.add_argument("--backends", nargs="+", default=["onnxruntime"], choices=list(BACKENDS.names()))
    parser.add_argument("--recipes", nargs="+", default=["w8a8"])
    parser.add_argument("--effort", default="quick")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="use the workspace that is set, with what it keeps")
    parser.add_argument("--timeline", action="store_true", help="tell every child process and what it took")
    order = parser.parse_args()
    loops = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(order.busy)]
    for loop in loops:
        loop.start()
    with tempfile.TemporaryDirectory() as folder:
        if not order.keep:
            os.environ["QEXPLORER_WORKSPACE"] = folder
        model = api.load(order.model)
        data = None if order.data is None else api.data(order.data)
        clock = Clock()
        timeline = Timeline(clock.begin)
        if order.timeline:
            timeline.watch_starts()
        table = api.compare(model, order.recipes, data, backends=order.backends, effort=order.effort, progress=clock)
        total = time.perf_counter() - clock.begin
    for loop in loops:
        loop.terminate()
    timeline.over.set()
    print("\n".join(clock.table() + (timeline.table() if order.timeline else [])))
    print(f"{total:7.1f} s  all: {len(table.runs)} runs, {sum(r.status == 'ok' for r in table.runs)} of them ok")


if __name__ == "__main__":
    main()
