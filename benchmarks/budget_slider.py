"""From the budget slider of page Mixed precision to the changed picture, as a person sees it.

The app runs with a workspace of its own, a headless Chromium opens page Mixed precision, a search is done there once
for each network, and then its slider is moved, by a key and by dragging its thumb. A time begins with the browser's
own input event (the key, or the pointer that lets the thumb go) and ends with the frame in which the front is drawn
with the new budget; beside it the time until the formats of the layers changed, where they did, and the processor
time that server and browser took until all was at rest: on a busy machine that is what can be compared, and on a quiet
one of two processors a bound of the time. The bar of the project is 200 ms to the redrawn front.

    python benchmarks/budget_slider.py [--moves 20] [--only digits_vit] [--json FILE] [--shots FOLDER]

Networks: digits_vit and glyphs_mobilenet with two choices of 8 and 4 bits, and one of 60 layers, made here, with all
eight choices that the page offers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LAYERS, WIDTH, CLASSES, SAMPLES = 60, 24, 6, 400
SIXTY = "sixty_layers"
TWO, EIGHT = ["int8", "int4"], ["int8", "int4", "int3", "int2", "w8a16", "w4a16", "fp16", "float"]
CASES = {"digits_vit": TWO, "glyphs_mobilenet": TWO, SIXTY: EIGHT}
BAR_MS = 200

# Looks at a picture in the frame behind each change. Vega draws the budget as a rule, and what a mix takes as rings.
WATCH = """() => {
  const marks = {front: ".mark-rule path, .mark-rule line", layers: ".mark-rect path"};
  const places = (at) => [...document.querySelectorAll(`[class*=st-key-chart_mix_${at}]`)];
  const drawn = (at) => places(at).map((place) =>
    [...place.querySelectorAll(marks[at])].map((e) => e.outerHTML).join("") +
    [...place.querySelectorAll("canvas")].map((e) => e.toDataURL()).join("")).filter((each) => each).join("");
  const watch = window.qxWatch = {asked: null, seen: {}, was: {front: drawn("front"), layers: drawn("layers")}};
  const ask = (event) => { watch.asked ??= event.timeStamp; };
  ["keydown", "pointerup"].forEach((kind) => document.addEventListener(kind, ask, {capture: true, once: true}));
  const look = () => requestAnimationFrame(() => {
    for (const at of Object.keys(marks)) {
      if (watch.asked !== null && watch.seen[at] === undefined) {
        const now = drawn(at);
        if (now && now !== watch.was[at]) watch.seen[at] = performance.now();
      }
    }
  });
  const chart = "[class*=st-key-chart_mix]";
  const near = (node) => node.closest?.(chart) || node.querySelector?.(chart);
  watch.observer = new MutationObserver((all) => { if (all.some((each) => near(each.target))) look(); });
  const everything = {subtree: true, childList: true, attributes: true};
  watch.observer.observe(document.querySelector("[data-testid=stMain]"), everything);
}"""
SEEN = """() => window.qxWatch.seen.front !== undefined"""
READ = """() => {
  const {asked, seen, observer} = window.qxWatch;
  observer.disconnect();
  return {asked, seen};
}"""


def sixty_layers(folder: Path) -> tuple[Path, Path]:
    """A residual network of 60 dense layers and samples that it labels itself."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights, now = [], {}, "x"
    for at in range(LAYERS - 1):
        weights[f"w{at}"] = (rng.standard_normal((WIDTH, WIDTH)) * rng.uniform(0.05, 0.4) / WIDTH**0.5).astype("f4")
        nodes.append(helper.make_node("Gemm", [now, f"w{at}"], [f"g{at}"], f"layer.{at}"))
        nodes.append(helper.make_node("Relu", [f"g{at}"], [f"r{at}"], f"relu.{at}"))
        nodes.append(helper.make_node("Add", [now, f"r{at}"], [f"a{at}"], f"add.{at}"))
        now = f"a{at}"
    weights["last"] = rng.standard_normal((WIDTH, CLASSES)).astype("f4")
    nodes.append(helper.make_node("Gemm", [now, "last"], ["y"], "classifier"))
    graph = helper.make_graph(
        nodes,
        SIXTY,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model, data = folder / f"{SIXTY}.onnx", folder / f"{SIXTY}.npz"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), model)
    x = rng.standard_normal((SAMPLES, WIDTH)).astype("f4")
    (y,) = onnxruntime.InferenceSession(model).run(None, {"x": x})
    np.savez(data, x=x, y=y.argmax(1))
    return model, data


def open_session(workspace: Path, name: str, folder: Path) -> str:
    """Writes a session with the model, its data and the choices; returns its id."""
    from qexplorer.load.model import load_model
    from qexplorer.load.samples.shelf import get_sample

    model, data = name, "" if name == SIXTY else get_sample(name).data
    if name == SIXTY:
        path, samples = sixty_layers(folder)
        model, data = str(load_model(path).path), str(samples)
    sessions = workspace / "sessions"
    sessions.mkdir(parents=True, exist_ok=True)
    choices = {"mix_choices": CASES[name], "model_name": None if name != SIXTY else name}
    (sessions / f"{name}.json").write_text(json.dumps({"model": model, "data": data, "choices": choices}))
    return name


def processor_ms() -> dict[str, float]:
    """Processor time of this process's children until now: the server's and the browser's."""
    found = {"server": 0.0, "browser": 0.0}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            name = child.name().lower()
            kind = "server" if name.startswith("python") else "browser" if name.startswith("chrom") else None
            if kind is not None:
                times = child.cpu_times()
                found[kind] += 1000 * (times.user + times.system)
    return found


def moved(page: Any, move: Any) -> dict[str, float] | None:
    """Milliseconds from the input event of one move to each picture; None if the front stayed as it was."""
    page.evaluate(WATCH)
    before = processor_ms()
    move()
    try:
        page.wait_for_function(SEEN, timeout=10_000, polling=50)
    except Exception as error:
        print(f"a move changed nothing: {type(error).__name__}", file=sys.stderr)
    page.wait_for_timeout(900)
    watch = page.evaluate(READ)
    if watch["asked"] is None or "front" not in watch["seen"]:
        return None
    spent = {kind: ms - before[kind] for kind, ms in processor_ms().items()}
    return {at: stamp - watch["asked"] for at, stamp in watch["seen"].items()} | spent


def summary(times: list[dict[str, float] | None]) -> dict[str, Any]:
    """Median and ninth decile of each picture, and of the processor time that was spent."""
    found: dict[str, Any] = {"moves": len(times), "without_a_picture": sum(each is None for each in times)}
    for at in ("front", "layers", "server", "browser"):
        ms = [each[at] for each in times if each is not None and at in each]
        if ms:
            p50, p90 = np.quantile(ms, (0.5, 0.9))
            found[at] = {"n": len(ms), "p50_ms": round(float(p50), 1), "p90_ms": round(float(p90), 1)}
            found[at] |= {"least_ms": round(min(ms), 1), "most_ms": round(max(ms), 1)}
    return found


def in_browser(page: Any, url: str, session: str, moves: int) -> dict[str, Any]:
    """Searches once, then moves the slider."""
    page.goto(f"{url}/mix?s={session}", timeout=300_000)
    page.get_by_role("button", name="Find the best mix").click(timeout=300_000)
    slider = page.locator(".stSlider", has_text="What if the budget were")
    slider.wait_for(timeout=900_000)
    page.wait_for_timeout(4000)
    thumb = slider.get_by_role("slider")
    thumb.focus()
    keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "PageUp", "PageDown"]
    page.keyboard.press("PageDown")
    page.wait_for_timeout(1500)
    found = {"key": summary([moved(page, lambda k=keys[i % 5]: page.keyboard.press(k)) for i in range(moves)])}
    shares = [0.15 + 0.7 * ((7 * i) % moves) / moves for i in range(moves)]

    def dragged(share: float) -> None:
        wide = slider.bounding_box()
        at = thumb.bounding_box()
        page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
        page.mouse.down()
        page.mouse.move(wide["x"] + share * wide["width"], at["y"] + at["height"] / 2, steps=4)
        page.mouse.up()

    found["drag"] = summary([moved(page, lambda s=share: dragged(s)) for share in shares])
    return found


def main() -> None:
    """Runs the benchmark and prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--shots", type=Path)
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    from benchmarks.at_work import machine_now
    from benchmarks.distributions import FLAGS, server

    machine, rows = machine_now(), {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        os.environ["QEXPLORER_WORKSPACE"] = str(folder / "workspace")
        sessions = [open_session(folder / "workspace", each, folder) for each in given.only]
        own = shutil.which("chromium") or shutil.which("google-chrome")
        with server(folder / "workspace") as url:
            browser = play.chromium.launch(executable_path=own, args=FLAGS)
            for session in sessions:
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                rows[session] = in_browser(page, url, session, given.moves)
                print(session, json.dumps(rows[session]), flush=True)
                if given.shots:
                    page.screenshot(path=given.shots / f"{session}.png", full_page=True)
                page.close()
            browser.close()
    if given.json:
        record = {"machine": machine, "bar_ms": BAR_MS, "slider": rows}
        given.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
