"""When do the numbers of a comparison come, counted from the click, and where does the time go?

Run: python benchmarks/quick_compare.py [--model digits_cnn] [--backends onnxruntime] [--recipes w8a8] [--busy 2]

``--busy`` starts that many loops that do nothing but keep a processor busy. Conversions and compilations are made anew
unless ``--keep`` is given.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time

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
    order = parser.parse_args()
    loops = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(order.busy)]
    for loop in loops:
        loop.start()
    with tempfile.TemporaryDirectory() as folder:
        if not order.keep:
            os.environ["QEXPLORER_WORKSPACE"] = folder
        model, clock = api.load(order.model), None
        data = None if order.data is None else api.data(order.data)
        clock = Clock()
        table = api.compare(model, order.recipes, data, backends=order.backends, effort=order.effort, progress=clock)
        total = time.perf_counter() - clock.begin
    for loop in loops:
        loop.terminate()
    print("\n".join(clock.table()))
    print(f"{total:7.1f} s  all: {len(table.runs)} runs, {sum(r.status == 'ok' for r in table.runs)} of them ok")


if __name__ == "__main__":
    main()
