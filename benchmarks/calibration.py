"""What does calibrating cost, beside plain inference on the same images, and does its memory grow?

Bars: full histograms and all calibrators for at most 1.3 times plain float inference on 512 images (resnet18) and 2.5
times (mobilenet_v2); peak memory for 512 images within 10 % of that for 64. One core, one thread, every side in a
process of its own, inference and calibration in turns:

    python benchmarks/calibration.py [--models resnet18 mobilenet_v2] [--images 512] [--rounds 3]
                                     [--peer-images 64] [--nncf-python PYTHON]

Plain inference is the fastest of batch 1 and 4. Ratios are of processor time (the clock's stand beside them), medians
over the rounds. ONNX Runtime's percentile and entropy calibrators keep every tensor of every image, so they run on
``--peer-images``. nncf is taken from ``--nncf-python`` (an environment with ``pip install nncf``) and left out, with a
line that says so, where it is not installed. Memory is the largest private memory (RssAnon) of the process: images come
from a mapped file and do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.load.model import load_model
from qexplorer.machine.description import describe_machine

RESULTS = Path(__file__).parent / "results"
WORKER = Path(__file__).parent / "calibration_worker.py"
BARS = {"resnet18": 1.3, "mobilenet_v2": 2.5}
MEMORY_BAR = 1.1
SIDES = ("qexplorer", "onnxruntime minmax", "onnxruntime percentile", "onnxruntime entropy", "nncf")


def main() -> int:
    """Measures, prints a table, writes the results; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(BARS))
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-images", type=int, default=64)
    parser.add_argument("--nncf-python", default=sys.executable)
    arguments = parser.parse_args()
    machine = describe_machine()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # children stay on it too
    with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
        images = _images(Path(folder), arguments.images)
        rows = [row for model in arguments.models for row in measure_model(model, images, Path(folder), arguments)]
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu}-{machine.logical_cpus}cpu".lower()).strip("-")
    value = {"machine": machine.to_json(), "images": arguments.images, "rows": rows}
    (RESULTS / f"calibration-{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    text = table(rows)
    (RESULTS / f"calibration-{name}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if any(row.get("met") is False for row in rows) else 0


def _images(folder: Path, n: int) -> Path:
    """Noise as images, in a file that is mapped, so that its pages belong to no process."""
    path, rng = folder / "images.npy", np.random.default_rng(0)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, 3, 224, 224))
    for i in range(n):
        array[i] = rng.standard_normal((3, 224, 224), dtype=np.float32)
    array.flush()
    return path


def measure_model(name: str, images: Path, folder: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each side."""
    model = folder / f"{name}.onnx"
    model.write_bytes(load_model(name).path.read_bytes())
    return [measure_side(name, side, model, images, arguments) for side in SIDES]


def measure_side(name: str, side: str, model: Path, images: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Times of one side, and the memory of calibrating alone with few and with all images."""
    ours = side == "qexplorer"
    many = side not in ("onnxruntime percentile", "onnxruntime entropy")
    n = arguments.images if many else arguments.peer_images
    python = arguments.nncf_python if side == "nncf" else sys.executable
    row: dict[str, Any] = {"model": name, "side": side, "images": n}
    try:
        times, _ = run_worker(python, side, model, images, n, arguments.rounds if ours else 1)
        few = min(64, n)
        _, row["peak_few_bytes"] = run_worker(python, side, model, images, few, 0)
        _, row["peak_bytes"] = run_worker(python, side, model, images, n, 0)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or "").strip().splitlines()
        return row | {"reason": lines[-1][:200] if lines else f"exit code {error.returncode}"}
    row["rounds"] = times
    for kind, column in (("clock", 0), ("processor", 1)):
        plain = {key: statistics.median(t[column] for t in values) for key, values in times.items()}
        calibration = plain.pop("calibration")
        row[kind] = {"inference_s": min(plain.values()), "calibration_s": calibration}
        row[kind]["ratio"] = calibration / min(plain.values())
    if ours:
        row["met"] = row["processor"]["ratio"] <= BARS.get(name, np.inf)
        row["met"] = bool(row["met"] and row["peak_bytes"] <= MEMORY_BAR * row["peak_few_bytes"])
    return row


def run_worker(
    python: str, side: str, model: Path, images: Path, n: int, rounds: int
) -> tuple[dict[str, list[list[float]]], int]:
    """What the worker prints, and its largest private memory in bytes (looked at every 5 ms)."""
    command = [python, str(WORKER), side, str(model), str(images), str(n), str(rounds)]
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parent.parent)}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, stdout=output, stderr=errors, text=True, env=environment)
        peak = 0
        while child.poll() is None:
            peak = max(peak, _private_bytes(child.pid))
            time.sleep(0.005 if not rounds else 0.2)
        output.seek(0)
        errors.seek(0)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command, stderr=errors.read())
        return json.loads(output.read().splitlines()[-1]), peak


def _private_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s+(\d+) kB", text)
    return 1024 * int(found.group(1)) if found else 0


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| model | calibration by | images | inference, s | calibration, s | ratio | clock | peak, 64 | peak, all |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        head = f"| {row['model']} | {row['side']} | {row['images']} |"
        if "reason" in row:
            lines.append(f"{head} left out: {row['reason']} |")
            continue
        cpu, clock = row["processor"], row["clock"]
        memory = " | ".join(f"{row[key] / 2**20:.0f} MiB" for key in ("peak_few_bytes", "peak_bytes"))
        numbers = (
            f"{cpu['inference_s']:.2f} | {cpu['calibration_s']:.2f} | **{cpu['ratio']:.2f}** | {clock['ratio']:.2f}"
        )
        lines.append(f"{head} {numbers} | {memory} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
