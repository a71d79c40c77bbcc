"""Is one checkout slower than another? Three things that a person waits for, paired, in one run on one machine.

    python benchmarks/two_checkouts.py BEFORE AFTER [--rounds 6] [--json out.json]

The two take turns, and which goes first changes every round, so that other load falls on both:

1. ``qexplorer compare digits_cnn --recipe w8a8 w4a8 --quick`` on a new workspace;
2. from the start of the app's server to the first page drawn in a headless Chromium, on a new workspace;
3. a control on Distributions to the redrawn chart, 25 million values (``benchmarks/distributions.py`` of each).

For each the median of either side and the median of the rounds' ratios after / before, with the smallest and largest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
COMPARE = ("compare", "digits_cnn", "--recipe", "w8a8", "w4a8", "--quick", "--json")


def environment(checkout: Path, workspace: str) -> dict[str, str]:
    """What makes a child use ``checkout`` and a workspace of its own."""
    return os.environ | {"PYTHONPATH": str(checkout), "QEXPLORER_WORKSPACE": workspace}


def comparison_s(checkout: Path) -> float:
    """Seconds of a whole comparison in the terminal."""
    with tempfile.TemporaryDirectory() as workspace:
        begun = time.perf_counter()
        command = [sys.executable, "-m", "qexplorer", *COMPARE]
        subprocess.run(command, cwd=checkout, env=environment(checkout, workspace), check=True, capture_output=True)
        return time.perf_counter() - begun


def first_page_s(checkout: Path) -> float:
    """Seconds from the server's start to the first page, as a browser that waits for it sees it."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as workspace, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=own, args=FLAGS)
        page = browser.new_page()
        begun = time.perf_counter()
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(command, cwd=checkout, env=environment(checkout, workspace), **quiet)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            page.goto(f"http://127.0.0.1:{port}")
            page.get_by_role("button", name="Start with the digits sample").wait_for(timeout=60_000)
            return time.perf_counter() - begun
        finally:
            browser.close()
            server.terminate()
            server.wait()


def control_ms(checkout: Path) -> float:
    """Milliseconds from a control on Distributions to the redrawn chart: the median over the kinds of controls."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "benchmarks/distributions.py", "--moves", "6", "--json", str(out)]
        subprocess.run(command, cwd=checkout, env=environment(checkout, folder), check=True, capture_output=True)
        found = json.loads(out.read_text(encoding="utf-8"))["controls"]
    return float(statistics.median(control["redrawn_ms_p50"] for control in found.values()))


MEASURES: dict[str, tuple[Callable[[Path], float], int]] = {  # what is measured, and every how many rounds
    "compare digits_cnn, s": (comparison_s, 1),
    "server to first page, s": (first_page_s, 1),
    "control on Distributions, ms": (control_ms, 2),
}


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--json", type=Path)
    order = parser.parse_args()
    sides = [order.before.resolve(), order.after.resolve()]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in MEASURES}
    for round_ in range(-1, order.rounds):  # one that does not count fills caches
        for name, (work, every) in MEASURES.items():
            if max(round_, 0) % every:
                continue
            turn = sides if round_ % 2 == 0 else sides[::-1]
            times = {side: work(side) for side in turn}
            if round_ >= 0:
                found[name].append((times[sides[0]], times[sides[1]]))
                print(f"{name:30s} {times[sides[0]]:8.2f} {times[sides[1]]:8.2f}", flush=True)
    record = {}
    for name, pairs in found.items():
        ratios = sorted(after / before for before, after in pairs)
        record[name] = {
            "before": round(statistics.median(b for b, _ in pairs), 3),
            "after": round(statistics.median(a for _, a in pairs), 3),
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
        }
        print(f"{name:30s} {record[name]}")
    if order.json:
        order.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
