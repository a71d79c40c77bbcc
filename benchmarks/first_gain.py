"""How long after the click does a page show the first layer's gain, when AdaRound rounds glyphs_mobilenet?

    python benchmarks/first_gain.py [--rounds 3] [--recipe w4a8-adaround] [--bar 5] [--json out.json]

The app's server and a headless Chromium, in each round a new workspace, so that nothing was observed or rounded
before. Clicked are "Find what changed" on page Better rounding and "Quantize to ONNX" on page Quantize; the browser
notes when it first draws what the job says, when a layer's error stands beside that of nearest rounding, and every
other step before that, with its time. Ends with 1 if a median is above the bar.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.distributions import FLAGS, server
from qexplorer.machine.description import describe_machine

PAGES = {"algorithms": "Find what changed", "quantize": "Quantize to ONNX"}
GAIN = "of the output's size, nearest"
WATCH = """() => {
  window.qxSteps = [];
  const look = () => {
    for (const each of document.querySelectorAll('[data-testid=stMain] [data-testid=stProgress]')) {
      const text = each.innerText.replace(/\\s*\\(about .*left\\)|\\s*\\(almost done\\)/, '').trim();
      const last = window.qxSteps.at(-1);
      if (text && (!last || last[0] !== text)) window.qxSteps.push([text, performance.now()]);
    }
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
  document.addEventListener('click', () => { window.qxClicked ??= performance.now(); }, true);
}"""
SEEN = f"() => window.qxSteps.some(([text]) => text.includes({json.dumps(GAIN)}))"


def session(workspace: Path, recipe: str) -> str:
    """Writes a session that has model, data and recipe chosen; its id."""
    folder = workspace / "sessions"
    folder.mkdir(parents=True)
    value = {"model": "glyphs_mobilenet", "data": "glyphs", "recipe": recipe, "choices": {}}
    (folder / "benchmark.json").write_text(json.dumps(value))
    return "benchmark"


def steps_of(page: Any, url: str, where: str, name: str) -> list[tuple[str, float]]:
    """What one page shows after the click until the first gain, in seconds from the click."""
    page.goto(f"{url}/{where}?s={name}")
    button = page.get_by_role("button", name=PAGES[where])
    button.wait_for(timeout=300_000)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'", timeout=60_000
    )
    page.evaluate(WATCH)
    button.click()
    page.wait_for_function(SEEN, timeout=240_000)
    clicked, steps = page.evaluate("() => [window.qxClicked, window.qxSteps]")
    return [(text, (at - clicked) / 1000) for text, at in steps]


def first_gain(where: str, recipe: str) -> list[tuple[str, float]]:
    """One round on one page."""
    from playwright.sync_api import sync_playwright

    own = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        workspace = Path(folder) / "workspace"
        name = session(workspace, recipe)
        with server(workspace) as url:
            browser = play.chromium.launch(executable_path=own, args=FLAGS)
            found = steps_of(browser.new_page(viewport={"width": 1280, "height": 900}), url, where, name)
            browser.close()
    return found


def main() -> int:
    """Measures and prints; 1 if a page is above the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipe", default="w4a8-adaround")
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--bar", type=float, default=5.0, help="seconds")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    medians, record = {}, dict[str, Any]()
    for where in given.pages:
        rounds = []
        for _ in range(given.rounds):
            rounds.append(first_gain(where, given.recipe))
            for text, at in rounds[-1]:
                print(f"{where:12s} {at:6.2f} s  {text}", flush=True)
        times = [next(at for text, at in each if GAIN in text) for each in rounds]
        medians[where] = statistics.median(times)
        record[where] = {"first_gain_s": times, "median_s": medians[where], "steps": rounds}
        print(f"{where}: {medians[where]:.2f} s in the median of {given.rounds} ({min(times):.2f} to {max(times):.2f})")
    if given.json:
        load = {"recipe": given.recipe, "load_average_1min": os.getloadavg()[0]}
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), **load, **record}, indent=1) + "\n")
    return int(any(each > given.bar for each in medians.values()))


if __name__ == "__main__":
    sys.exit(main())
