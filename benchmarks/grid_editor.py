"""Frames while a grid is dragged, and the server's work when it is let go, for a weight of 25 million values.

A model of one MatMul with a 5120 x 5120 weight (105 MB) is loaded into a workspace of its own, and a headless Chromium
drags the upper clip line of its histogram of 2,048 bins back and forth. Printed are the frames a second (bar: 50), how
long the browser's error takes, the time from letting go to Python's exact sentence, and, run in this process on ranges
that were never asked before, the work of our own that follows a drag (bar: 30 ms).

    python benchmarks/grid_editor.py [--seconds 4] [--json out.json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FRAMES = """() => {
  window.qxFrames = [];
  const tick = (t) => { window.qxFrames.push(t); window.qxAsked = requestAnimationFrame(tick); };
  window.qxAsked = requestAnimationFrame(tick);
}"""
ERROR = """async ([code, bins, format, high]) => {
  const { errorOf, fitGrid, readBins } = await import(`data:text/javascript;base64,${code}`);
  const read = readBins(bins), times = [];
  for (let k = 0; k < 300; k++) {
    const start = performance.now();
    for (let turn = 0; turn < 10; turn++) errorOf(read, fitGrid(format, -high * (1 - k / 400), high * (1 - k / 400)));
    times.push((performance.now() - start) / 10);
  }
  return times.sort((a, b) => a - b)[150];
}"""


def dragged(page: Any, seconds: float) -> dict[str, float]:
    """Frames while the upper clip line goes to and fro, and how long Python's answer takes."""
    box = page.locator(".qx-high").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(FRAMES)
    end, k = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        page.mouse.move(x - 20 - 200 * abs(np.sin(k / 40)), y)
        k += 1
    stamps = page.evaluate("() => { cancelAnimationFrame(window.qxAsked); return window.qxFrames; }")
    start = time.perf_counter()
    page.mouse.up()
    page.wait_for_timeout(30)
    page.locator(".qx-said:not(.qx-late)").wait_for()
    answered = time.perf_counter() - start
    apart = np.diff(stamps)
    return {
        "frames_per_s": round(1000 / float(apart.mean()), 1),
        "frame_ms_p50": round(float(np.median(apart)), 2),
        "frame_ms_p95": round(float(np.percentile(apart, 95)), 2),
        "moves": k,
        "answered_ms": round(1000 * answered, 1),
    }


def in_browser(url: str, session: str, seconds: float, given: list[Any]) -> tuple[list[dict[str, float]], float]:
    """Three drags, and the time of one error over all bins."""
    from playwright.sync_api import sync_playwright

    from benchmarks.distributions import FLAGS

    own = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=own, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{url}/distributions?s={session}")
        page.locator(".qx-said", has_text="Exactly").wait_for(timeout=120_000)
        page.wait_for_timeout(2000)
        found = [dragged(page, seconds) for _ in range(3)]
        error_ms = float(page.evaluate(ERROR, given))
        browser.close()
    return found, error_ms


def server_work(model: Any, moves: int = 30) -> tuple[dict[str, list[float]], list[Any]]:
    """Milliseconds of each part of what follows a drag, and what the browser is sent."""
    from qexplorer.core.formats import get_format
    from qexplorer.observe.tensor_grid import grid_view
    from qexplorer.observe.weights import weight_stats
    from qexplorer.report.tensor_charts.channels import channel_info, channel_spec
    from qexplorer.ui.distributions.controls import BY_HAND, INTEGERS, Settings
    from qexplorer.ui.distributions.drawn_grid import Drawn
    from qexplorer.ui.distributions.editor import said_of
    from qexplorer.ui.grid_editor.formats import format_data
    from qexplorer.ui.grid_editor.payload import EditorView, editor_data
    from qexplorer.ui.grid_editor.state import read_state

    stats = weight_stats(model, next(layer.weight for layer in model.layers if layer.weight))
    int8, reach = get_format("int8"), stats.histogram.maximum
    found: dict[str, list[float]] = {"grid and exact error": [], "advice and words": [], "data": [], "channels": []}
    found["all"] = []
    data: dict[str, Any] = {}
    for move in range(moves + 1):
        clip = (-reach * (1 - move / 40), reach * (1 - move / 40))
        begun = time.perf_counter()
        state = read_state({"seq": move, "clip": list(clip), "value": None, "outlier": 1})
        settings = Settings("weight", INTEGERS, 8, True, "tensor", 32, True, BY_HAND, (), state.clip)
        view = grid_view(stats, format=int8, symmetric=True, clip=state.clip)
        judged = time.perf_counter()
        said = said_of(view, Drawn(stats.histogram, view.grid, clip, None), settings)
        told = time.perf_counter()
        data = editor_data(EditorView("w", stats.histogram, int8, True, clip, said=said, error=view.error), state)
        json.dumps(data)
        drawn = time.perf_counter()
        ranges = stats.channels
        assert ranges is not None
        channel_spec(channel_info("w", ranges.minimum, ranges.maximum, view.grid))
        ended = time.perf_counter()
        if move:  # the first one turns the weight over and merges the bins, which is kept
            parts = (judged - begun, told - judged, drawn - told, ended - drawn, ended - begun)
            for name, part in zip(found, parts, strict=True):
                found[name].append(1000 * part)
    return found, [data["bins"], format_data(int8, symmetric=True), reach]


def main() -> None:
    """Runs the benchmark and prints what it found."""
    import base64

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["QEXPLORER_WORKSPACE"] = str(folder / "workspace")
        from benchmarks.distributions import SIDE, build_model, open_session, server
        from qexplorer.load.model import load_model
        from qexplorer.machine.description import describe_machine
        from qexplorer.ui.grid_editor.bundle import javascript

        path = build_model(folder)
        work, (bins, shape, reach) = server_work(load_model(path))
        code = base64.b64encode(javascript("numbers.js").encode()).decode()
        session = open_session(folder / "workspace", path)
        with server(folder / "workspace") as url:
            drags, error_ms = in_browser(url, session, arguments.seconds, [code, bins, shape, reach])
    record = {
        "machine": describe_machine().to_json(),
        "load_average_1min": os.getloadavg()[0],
        "values": SIDE * SIDE,
        "bins": len(base64.b64decode(bins)) // 12,
        "drags": drags,
        "browser_error_ms": round(error_ms, 3),
        "server_ms": {
            part: {
                "min": round(min(times), 2),  # other work on the machine shows in the others
                "p50": round(statistics.median(times), 2),
                "max": round(max(times), 2),
                "n": len(times),
            }
            for part, times in work.items()
        },
    }
    print(json.dumps({key: value for key, value in record.items() if key != "machine"}, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
