"""What does a step of quantization-aware training cost?

For each sample model, one step (samples in, loss, gradients, AdamW) of three networks with the same weights, in turn in
rounds: the network written as torch modules, the float graph in the executor, and the graph with its rounding points
as ``qat`` trains it with its defaults, w4a8 (scales learn, the float network teaches). Shown are
medians of the rounds' processor times, and of the ratios within a round; then the seconds of a whole run of ``qat``
of 5 epochs. Results go to ``benchmarks/results/training-speed.md``.

    python benchmarks/training_speed.py [--threads 1] [--rounds 15] [--steps 4] [--whole]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.algorithms.qat import Qat
from qexplorer.quantize.changes.drafts import Materials, PlanDraft
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.training.judging import Judge
from qexplorer.quantize.training.lessons import Lessons
from qexplorer.quantize.training.losses import task_loss
from qexplorer.quantize.training.network import QuantizedNetwork
from qexplorer.quantize.training.options import TrainingOptions
from qexplorer.quantize.training.rounding.quantizers import Learns
from qexplorer.quantize.training.schedule import optimizer_of
from qexplorer.torchgraph.executor import GraphModule

RESULTS = Path(__file__).parent / "results"
MODELS = {"digits_cnn": "digits", "glyphs_mobilenet": "glyphs"}
NETWORKS = ("torch modules", "executor, float", "executor, rounded")
Step = Callable[[], object]


def as_modules(proto: onnx.ModelProto) -> nn.Module:
    """The graph as somebody would write it: modules as attributes, and a forward that calls one after the other."""
    weights = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in proto.graph.initializer}
    names = {proto.graph.input[0].name: "x"}
    whole, lines = nn.Module(), ["def forward(self, x):"]
    for number, node in enumerate(proto.graph.node):
        given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        names[node.output[0]] = f"v{number}"
        inputs = [names[name] for name in node.input if name in names]
        if node.op_type == "Add":
            lines.append(f"    v{number} = {inputs[0]} + {inputs[1]}")
            continue
        whole.add_module(f"m{number}", module_of(node, given, weights))
        lines.append(f"    v{number} = self.m{number}({inputs[0]})")
    lines.append(f"    return {names[proto.graph.output[0].name]}")
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - written from the sample's own graph
    kind = type("Written", (nn.Module,), {"forward": scope["forward"]})
    whole.__class__ = kind
    return whole


def module_of(node: onnx.NodeProto, given: dict[str, Any], weights: dict[str, torch.Tensor]) -> nn.Module:
    """The module of one node of the samples."""
    if node.op_type in ("Conv", "Gemm"):
        weight, bias = (weights[name] for name in node.input[1:3])
        module: nn.Module
        if node.op_type == "Gemm":
            module = nn.Linear(weight.shape[1], weight.shape[0])
        else:
            groups, stride, pad = given["group"], tuple(given["strides"]), tuple(given["pads"][:2])
            module = nn.Conv2d(
                weight.shape[1] * groups,
                weight.shape[0],
                (weight.shape[2], weight.shape[3]),
                stride,
                pad,
                groups=groups,
            )
        module.load_state_dict({"weight": weight, "bias": bias})
        return module
    found: dict[str, Callable[[], nn.Module]] = {
        "Relu": nn.ReLU,
        "Clip": nn.ReLU6,
        "GlobalAveragePool": lambda: nn.AdaptiveAvgPool2d(1),
        "Flatten": nn.Flatten,
    }
    return found[node.op_type]()


def steps_of(name: str, batch: int) -> tuple[Step, Step, Step]:
    """A step of each of :data:`NETWORKS`."""
    model, data = qx.load(name), qx.data(MODELS[name])
    split = data.calibration
    assert split.labels is not None
    rows = np.arange(batch)
    x = torch.from_numpy(np.ascontiguousarray(next(iter(split.inputs.values()))[rows])).float()
    labels = torch.from_numpy(split.labels[rows])

    def plain(network: nn.Module) -> Step:
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-6)

        def step() -> None:
            optimizer.zero_grad()
            found = network(x)
            scores = found[0] if isinstance(found, tuple) else found
            torch.nn.functional.cross_entropy(scores, labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return step

    options = TrainingOptions(batch=batch, rate=1e-6, grid_rate=1e-6)
    statistics_, recipe = collect(model, split, threads=1), Recipe.parse("w4a8")
    draft = PlanDraft(model, recipe, make_plan(model, recipe, statistics_), Materials(statistics_, data), Qat())
    network = QuantizedNetwork(draft, learns=Learns())
    lessons = Lessons(network, model, task_loss("cross_entropy"), options, 1, Judge())
    lessons.teach(split, rows, lambda *_: None)
    optimizer = optimizer_of(network, options)

    def rounded() -> None:
        optimizer.zero_grad()
        lessons.value(split, rows).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    written, float_ = as_modules(model.proto()), GraphModule(model.proto(), trainable=True)
    with torch.no_grad():
        torch.testing.assert_close(written(x), float_(x)[0], rtol=1e-3, atol=1e-3)
    return plain(written), plain(float_), rounded


def measured(name: str, rounds: int, steps: int, batch: int) -> tuple[list[float], list[float]]:
    """Milliseconds of a step of each network; float over modules and rounded over float, within a round."""
    calls = steps_of(name, batch)
    for call in calls * 3:
        call()
    times: list[list[float]] = []
    for _ in range(rounds):
        row = []
        for call in calls:
            start = time.process_time()
            for _ in range(steps):
                call()
            row.append((time.process_time() - start) / steps * 1e3)
        times.append(row)
    ratios = [statistics.median(row[k + 1] / row[k] for row in times) for k in (0, 1)]
    return [statistics.median(row[k] for row in times) for k in range(3)], ratios


def whole_run(name: str) -> tuple[float, float]:
    """Wall and processor seconds of quantizing with ``w4a8-qat``, 5 epochs, everything observed before."""
    model, data = qx.load(name), qx.data(MODELS[name])
    qx.quantize(model, "w4a8", data)
    recipe = Recipe.parse(Recipe.parse("w4a8-qat").to_yaml().replace("- qat", "- qat: {epochs: 5}"))
    wall, busy = time.perf_counter(), time.process_time()
    qx.quantize(model, recipe, data)
    return time.perf_counter() - wall, time.process_time() - busy


def main() -> int:
    """Measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4, help="of each network in a round")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--whole", action="store_true", help="time 5 epochs too")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    lines = [
        "# What a step of training costs\n",
        f"{describe_machine().cpu}; {given.threads} threads, batches of {given.batch}, {given.rounds} rounds of "
        f"{given.steps} steps; processor time, medians.\n",
        "| model | "
        + " | ".join(f"{each} (ms)" for each in NETWORKS)
        + " | float / modules | rounded / float |"
        + (" 5 epochs (s, wall; processor) |" if given.whole else ""),
        "|---|---|---|---|---|---|" + ("---|" if given.whole else ""),
    ]
    for name in MODELS:
        times, ratios = measured(name, given.rounds, given.steps, given.batch)
        cells = [name, *(f"{each:.1f}" for each in times), *(f"{each:.2f}" for each in ratios)]
        if given.whole:
            wall, busy = whole_run(name)
            cells.append(f"{wall:.1f}; {busy:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    (RESULTS / "training-speed.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
