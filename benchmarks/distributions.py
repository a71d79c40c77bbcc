"""How long page Distributions takes from a control to the redrawn chart, for a weight of 25 million values.

A model of one MatMul with a 5120 x 5120 weight (105 MB) is loaded into a workspace of its own; a real headless
Chromium opens the page and moves controls. For each move this prints the time from the click or key to the first change
of the drawn chart, and until the page has come to rest; beside it the server's own time, from a run of the page's
script in this process. The bar of the project is 200 ms from control to redrawn chart.

    python benchmarks/distributions.py [--moves 12] [--headed] [--json out.json]
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
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIDE = 5120
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

# Resolves with [ms to the first change of the chart, ms to the last one before 600 ms of rest].
WATCH = """() => new Promise((done) => {
  const drawn = (e) => e.shadowRoot?.querySelector('.qx-editor');
  const chart = [...document.querySelectorAll('[data-testid=stMain] *')].find(drawn).shadowRoot;
  let first = null, last = null, rest = null;
  const start = performance.now();
  const seen = new MutationObserver(() => {
    last = performance.now() - start;
    first = first ?? last;
    clearTimeout(rest);
    rest = setTimeout(() => { seen.disconnect(); done([first, last]); }, 600);
  });
  seen.observe(chart, {subtree: true, childList: true, characterData: true});
  setTimeout(() => { seen.disconnect(); done([first, last]); }, 8000);
})"""


def build_model(folder: Path) -> Path:
    """Writes the model: one MatMul, heavy-tailed weights, channels of different width."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weight = rng.standard_normal((SIDE, SIDE), np.float32) * rng.uniform(0.2, 2.0, (1, SIDE)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="large")],
        "large",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", SIDE])],
        [numpy_helper.from_array(weight, "w")],
    )
    path = folder / "large.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def open_session(workspace: Path, model: Path) -> str:
    """Loads the model and writes a session that has it chosen; returns the session's id."""
    from qexplorer.load.model import load_model

    loaded = load_model(model)
    sessions = workspace / "sessions"
    sessions.mkdir(parents=True)
    value = {"model": str(loaded.path), "data": None, "choices": {"model_name": loaded.name}}
    (sessions / "benchmark.json").write_text(json.dumps(value))
    return "benchmark"


@contextmanager
def server(workspace: Path) -> Iterator[str]:
    """The app on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"QEXPLORER_WORKSPACE": str(workspace)}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        child.terminate()
        child.wait()


def measure(page: Any, act: Any, undo: Any, moves: int) -> dict[str, float]:
    """Median and worst time of ``moves`` moves of one control, each there and back."""
    first, rest = [], []
    for move in range(moves):
        page.evaluate(f"() => {{ window.qxSeen = ({WATCH})(); }}")
        (act if move % 2 == 0 else undo)()
        begun, ended = page.evaluate("() => window.qxSeen")
        if begun is not None:
            first.append(begun)
            rest.append(ended)
    return {
        "redrawn_ms_p50": round(statistics.median(first), 1),
        "redrawn_ms_max": round(max(first), 1),
        "at_rest_ms_p50": round(statistics.median(rest), 1),
        "n": len(first),
    }


def in_browser(url: str, session: str, moves: int, *, headed: bool) -> dict[str, dict[str, float]]:
    """Times of each kind of control."""
    from playwright.sync_api import sync_playwright

    own = shutil.which("chromium") or shutil.which("google-chrome")
    found = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=own, args=FLAGS, headless=not headed)
        page = browser.new_page(viewport={"width": 1440, "height": 1200})
        page.goto(f"{url}/distributions?s={session}")
        page.locator(".qx-said", has_text="Exactly").wait_for(timeout=90_000)
        page.wait_for_timeout(2500)

        def choose(text: str) -> Any:
            return lambda: page.get_by_text(text, exact=True).first.click()

        def key(name: str) -> Any:
            def press() -> None:
                page.get_by_role("slider", name="Bits").focus()
                page.keyboard.press(name)

            return press

        found["bits, per tensor"] = measure(page, key("ArrowLeft"), key("ArrowRight"), moves)
        found["symmetric, per tensor"] = measure(page, choose("Symmetric"), choose("Symmetric"), moves)
        found["logarithmic counts"] = measure(page, choose("logarithmic"), choose("linear"), moves)
        found["granularity tensor / channel"] = measure(page, choose("channel"), choose("tensor"), moves)
        choose("channel")()
        page.get_by_label("Channel", exact=True).fill("3")
        page.keyboard.press("Enter")
        page.wait_for_timeout(2500)
        found["bits, per channel"] = measure(page, key("ArrowLeft"), key("ArrowRight"), moves)
        browser.close()
    return found


def main() -> None:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--moves", type=int, default=12)
    parser.add_argument("--headed", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["QEXPLORER_WORKSPACE"] = str(folder / "workspace")
        sys.path.insert(0, str(ROOT))
        from qexplorer.machine.description import describe_machine

        session = open_session(folder / "workspace", build_model(folder))
        with server(folder / "workspace") as url:
            found = in_browser(url, session, arguments.moves, headed=arguments.headed)
    for control, times in found.items():
        print(f"{control:32s} " + "  ".join(f"{k} {v:g}" for k, v in times.items()))
    if arguments.json:
        record = {
            "machine": describe_machine().to_json(),
            "load_average_1min": os.getloadavg()[0],  # other work on the machine shows in the worst times
            "values": SIDE * SIDE,
            "controls": found,
        }
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
