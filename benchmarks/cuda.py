"""What INT8 brings on an NVIDIA GPU: are the answers exact, is it faster than FP16 and FP32, and what does it draw?

    python benchmarks/cuda.py [--seconds 2] [--models resnet18] [--out benchmarks/results]

Runs the tests of the CUDA backends (exactness against the NumPy reference, the contract), times matrix products
(``torch._int_mm`` against fp16, bf16 and fp32 with TF32 off) and whole models (int8, fp16, fp32 on ``torch-cuda``,
and on ``onnxruntime-cuda`` where it can be used), and reads the GPU's own energy counter (NVML) around each. Energy is
above idle: the power of the idle GPU, measured first, times the duration is taken off. Results go to
``benchmarks/results/cuda-<gpu>.md``.

Where there is no GPU it says so in one sentence and exits with 0. With one, it exits with 1 if a test fails. Needs
nothing of the app: models are quantized by ONNX Runtime's quantizer.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run from anywhere, installed or not

TESTS = {
    "exact integer layers (tests/run)": [
        "tests/run/torch_integer/test_layers.py",
        "tests/run/torch_integer/test_codes.py",
    ],
    "session (tests/run)": ["tests/run/torch_integer/test_session.py"],
    "contract (tests/contract)": ["tests/contract"],
}
GEMMS = ((256, 256, 256), (1024, 1024, 1024), (4096, 4096, 4096), (8192, 8192, 8192), (64, 4096, 4096))
BATCHES = (1, 8, 32)
BACKENDS = ("torch-cuda", "onnxruntime-cuda")


@dataclass(frozen=True, slots=True)
class Timed:
    """Repeated calls: median and spread in milliseconds, calls, and millijoules above idle for one call."""

    median_ms: float
    p90_ms: float
    calls: int
    millijoules: float | None


def main() -> int:
    """Measures and writes; 0 without a GPU, 1 if a test failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each thing is repeated")
    parser.add_argument("--models", nargs="+", default=["resnet18"], help="architectures of qexplorer")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--skip-tests", action="store_true")
    options = parser.parse_args()
    from qexplorer.run.torch_integer import TORCH_CUDA

    state = TORCH_CUDA.availability()
    if not state.available:
        print(f"Nothing was measured, because {state.reason}.")
        return 0
    with tempfile.TemporaryDirectory(prefix="qexplorer-cuda-") as folder:
        os.environ["QEXPLORER_WORKSPACE"] = folder
        failed, tests = (False, []) if options.skip_tests else run_tests()
        meter = Energy()
        lines = [*facts(), *tests, *meter.lines(), *products(meter, options.seconds)]
        for name in options.models:
            lines += models(name, Path(folder), meter, options.seconds)
    import torch

    label = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name(0).lower()).strip("-")
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"cuda-{label}.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines), f"\nwritten to {path.name}", sep="\n")
    return int(failed)


def facts() -> list[str]:
    """The machine and the versions, as Markdown."""
    import onnxruntime
    import torch

    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    capability = ".".join(map(str, torch.cuda.get_device_capability(0)))
    providers = ", ".join(onnxruntime.get_available_providers())
    return [
        f"# INT8 on {torch.cuda.get_device_name(0)}",
        "",
        f"{memory:.0f} GiB, compute capability {capability}. Python {sys.version.split()[0]}, torch {torch.__version__}"
        f" (CUDA {torch.version.cuda}), onnxruntime {onnxruntime.__version__} ({providers}).",
        f"Written by `benchmarks/cuda.py` on {time.strftime('%Y-%m-%d')}.",
        "",
    ]


def run_tests() -> tuple[bool, list[str]]:
    """Whether one failed, and a table of what pytest said of each group."""
    failed, rows = False, []
    for title, paths in TESTS.items():
        command = [sys.executable, "-m", "pytest", "-q", "-k", "cuda or tensorrt", *paths]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        wrong = [line for line in said if line.startswith(("FAILED", "ERROR", "E  "))][:12]
        failed |= done.returncode not in (0, 5)  # 5: none was selected
        rows.append(f"| {title} | {said[-1].strip('= ') if said else f'exit code {done.returncode}'} |")
        if done.returncode not in (0, 5):
            print(f"{title}:", *(wrong or said[-20:]), sep="\n  ", file=sys.stderr)
    return failed, ["## Tests on the GPU", "", "| tests | pytest |", "|---|---|", *rows, ""]


class Energy:
    """The GPU's energy counter; ``idle_watts`` is measured once, over three seconds with nothing running."""

    def __init__(self) -> None:
        from qexplorer.machine.meters.nvml import NvmlMeter

        self.meter = NvmlMeter()
        state = self.meter.availability()
        self.reason = None if state.available else state.reason
        self.idle_watts: float | None = None
        before = self.read()
        if before is not None:
            time.sleep(3)
            now = self.read()
            self.idle_watts = None if now is None else (now - before) / 3

    def read(self) -> float | None:
        """Joules since the driver was loaded; None without a counter."""
        return None if self.reason else self.meter.read_joules()

    def lines(self) -> list[str]:
        """What is said of energy."""
        if self.idle_watts is None:
            return [f"Energy was not measured: {self.reason}.", ""]
        return [f"Energy is above idle ({self.idle_watts:.0f} W), by NVML's counter, of all GPUs of this machine.", ""]


def timed(call: Callable[[], object], seconds: float, meter: Energy) -> Timed:
    """Calls until ``seconds`` have passed, after five calls that are not counted; ``call`` ends when the GPU has."""
    for _ in range(5):
        call()
    spent: list[float] = []
    joules, began = meter.read(), time.perf_counter()
    while (now := time.perf_counter()) - began < seconds or len(spent) < 20:
        call()
        spent.append(1000 * (time.perf_counter() - now))
    lasted, after = time.perf_counter() - began, meter.read()
    energy = None
    if joules is not None and after is not None and meter.idle_watts is not None:
        energy = 1000 * (after - joules - meter.idle_watts * lasted) / len(spent)
    return Timed(statistics.median(spent), statistics.quantiles(spent, n=10)[-1], len(spent), energy)


def products(meter: Energy, seconds: float) -> list[str]:
    """Matrix products by type of operand."""
    lines = [
        "## Matrix products",
        "",
        "| M x K x N | operands | median ms | TOPS | mJ | calls |",
        "|---|---|---|---|---|---|",
    ]
    for m, k, n in GEMMS:
        for label, call in gemms(m, k, n):
            found = timed(call, seconds, meter)
            tops = 2 * m * k * n / found.median_ms / 1e9
            size = f"{m} x {k} x {n}"
            lines.append(f"| {size} | {label} | {found.median_ms:.3f} | {tops:.1f} | {joules(found)} | {found.calls} |")
    note = "A call is one product and the wait for it, so small products show the cost of a call."
    return [*lines, "", note, ""]


def gemms(m: int, k: int, n: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """A product of each type of operand, as a call that waits for the GPU."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    left, right = (torch.randint(-128, 128, size, dtype=torch.int8, device="cuda") for size in ((m, k), (n, k)))

    def waited(run: Callable[[], object]) -> Callable[[], object]:
        def call() -> None:
            run()
            torch.cuda.synchronize()

        return call

    yield "int8 -> int32 (torch._int_mm)", waited(lambda: torch._int_mm(left, right.t()))
    for kind in (torch.float16, torch.bfloat16, torch.float32):
        a, b = left.to(kind), right.to(kind)
        yield str(kind).removeprefix("torch."), waited(lambda a=a, b=b: a @ b.t())  # type: ignore[misc]


def models(name: str, folder: Path, meter: Energy, seconds: float) -> list[str]:
    """A whole model in three precisions on each CUDA backend that can be used."""
    import numpy as np

    from qexplorer.core.errors import BackendError
    from qexplorer.run.protocol import SessionOptions
    from qexplorer.run.registry import BACKENDS as ALL

    files = variants(name, folder)
    head = "| backend | precision | batch | median ms | p90 ms | images/s | mJ per image | kernels | calls |"
    lines = [f"## {name}, 224 x 224", "", head, "|---|---|---|---|---|---|---|---|---|"]
    notes = []
    for backend in (ALL.get(each) for each in BACKENDS):
        if not backend.availability().available:
            notes.append(f"{backend.name}: {backend.availability().reason}.")
            continue
        for precision, path in files.items():
            for batch in BATCHES:
                feeds = {"image": np.random.default_rng(0).normal(size=(batch, 3, 224, 224)).astype(np.float32)}
                try:
                    session = backend.load(path, SessionOptions())
                    found, kernels = timed(session.call(feeds), seconds, meter), session.kernels()
                except BackendError as error:
                    notes.append(f"{backend.name}, {precision}, batch {batch}: {error.sentence}.")
                    continue
                ran = f"{sum(kernels.integer.values())} integer, {sum(kernels.float.values())} float"
                rate, energy = 1000 * batch / found.median_ms, joules(found, batch)
                row = (backend.name, precision, batch, f"{found.median_ms:.3f}", f"{found.p90_ms:.3f}", f"{rate:.0f}")
                lines.append("| " + " | ".join(map(str, (*row, energy, ran, found.calls))) + " |")
    note = "A call goes from arrays in the processor's memory to arrays in the processor's memory: copies are in it."
    return [*lines, "", note, *notes, ""]


def joules(found: Timed, items: int = 1) -> str:
    """Millijoules for one item, or a dash."""
    return "-" if found.millijoules is None else f"{found.millijoules / items:.3f}"


def variants(name: str, folder: Path) -> dict[str, Path]:
    """Files of an architecture in fp32, fp16 and int8 (uint8 activations, int8 weights per channel)."""
    import onnx

    from qexplorer.load.samples.architectures.registry import build

    plain = build(name)
    half, int8 = folder / f"{name}-fp16.onnx", folder / f"{name}-int8.onnx"
    onnx.save(in_half(onnx.load(str(plain))), str(half))
    quantize(plain, int8)
    return {"fp32": plain, "fp16": half, "int8": int8}


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float16 weights and arithmetic; inputs and outputs stay float32."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    for item in graph.initializer:
        if item.data_type == TensorProto.FLOAT:
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float16), item.name))
    given, wanted = graph.input[0].name, graph.output[0].name
    for node in graph.node:
        node.input[:] = [f"{n}/half" if n == given else n for n in node.input]
        node.output[:] = [f"{n}/half" if n == wanted else n for n in node.output]
    down = helper.make_node("Cast", [given], [f"{given}/half"], to=TensorProto.FLOAT16)
    up = helper.make_node("Cast", [f"{wanted}/half"], [wanted], to=TensorProto.FLOAT)
    graph.node.insert(0, down)
    graph.node.append(up)
    del graph.value_info[:]
    return model


def quantize(source: Path, target: Path) -> None:
    """ONNX Runtime's static quantization with noise for calibration: for speed alone, which does not depend on it."""
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Noise(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(np.random.default_rng(1).normal(size=(4, 1, 3, 224, 224)).astype(np.float32))

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.left, None)
            return None if batch is None else {"image": batch}

    quantize_static(
        str(source),
        str(target),
        Noise(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


if __name__ == "__main__":
    sys.exit(main())
