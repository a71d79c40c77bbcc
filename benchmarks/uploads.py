"""How much memory does the app's server keep after uploads, half of them refused?

Run: python benchmarks/uploads.py [--uploads 200] [--megabytes 30] [--each 10] [--out FILE.md]

A real server and a real headless Chromium: pages are opened, take ``--each`` models one after the other (one that is
read, then one that is refused, each another file), and are closed. Before anything is counted one page does all of it
once, so that what is loaded at the first use is not taken for what stays. Memory is the resident set of the server's
process, without the children that read the files.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
_MB = 2**20


def good_model(path: Path, megabytes: int, seed: int) -> Path:
    """A model of one layer with so many megabytes of weights."""
    rng = np.random.default_rng(seed)
    width = 512
    weight = rng.standard_normal((width, megabytes * _MB // 4 // width), np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "one layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def bad_model(path: Path, megabytes: int, seed: int) -> Path:
    """As many megabytes that are no model."""
    path.write_bytes(b"\x01" + np.random.default_rng(seed).bytes(megabytes * _MB))
    return path


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The app on a free port with a workspace in ``folder``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"QEXPLORER_WORKSPACE": str(folder / "workspace"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (folder / "server.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield url, psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(timeout=30)


def upload(page: Page, path: Path, *, refused: bool) -> None:
    """Hands one file to the page and waits for what the page says of it."""
    page.locator(".st-key-upload_model input[type=file]").set_input_files(path)
    if refused:
        page.get_by_test_id("stAlert").filter(has_text=path.stem).wait_for(state="attached", timeout=120_000)
    else:
        page.get_by_role("heading", name=path.stem, exact=True).first.wait_for(timeout=120_000)


def one_page(page: Page, url: str, folder: Path, first: int, count: int, megabytes: int) -> None:
    """Opens the page and gives it ``count`` files, each second one refused."""
    page.goto(url)
    page.get_by_text("Upload an ONNX file").first.wait_for(timeout=60_000)
    for i in range(first, first + count):
        refused = bool(i % 2)
        name = folder / f"{'bad' if refused else 'good'}{i}.onnx"
        path = (bad_model if refused else good_model)(name, megabytes, i)
        if page.locator(".st-key-upload_model input[type=file]").count() == 0:
            page.get_by_text("Choose another model").first.click()
        upload(page, path, refused=refused)
        path.unlink()


def main() -> None:
    """Measures and prints; writes Markdown where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--megabytes", type=int, default=30)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--out", type=Path)
    order = parser.parse_args()
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="uploads-"))
    own = shutil.which("chromium") or shutil.which("google-chrome")
    lines = ["| uploads | server's memory (MB) |", "|---|---|"]
    try:
        with server(folder) as (url, process), sync_playwright() as play:
            browser = play.chromium.launch(executable_path=own, args=["--no-sandbox", "--disable-gpu"])
            seen: list[tuple[int, float]] = []
            for done in range(-order.each, order.uploads, order.each):
                context = browser.new_context()
                one_page(context.new_page(), url, folder, done + order.each, order.each, order.megabytes)
                context.close()
                seen.append((done + order.each, process.memory_info().rss / _MB))
                lines.append(f"| {seen[-1][0]} | {seen[-1][1]:.0f} |")
                sys.stdout.write(lines[-1] + "\n")
                sys.stdout.flush()
            browser.close()
        grown = seen[-1][1] - seen[0][1]
        text = (
            f"{order.uploads} uploads of {order.megabytes} MB, half of them refused, {order.each} a page, after "
            f"{order.each} that are not counted: {grown:+.0f} MB."
        )
        sys.stdout.write(text + "\n")
        if order.out is not None:
            title = "# Memory that uploads leave in the server"
            order.out.write_text("\n".join([title, "", text, "", *lines]) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
