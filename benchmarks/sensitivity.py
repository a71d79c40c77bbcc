"""What sensitivity costs and how well gradients rank layers; ``python benchmarks/sensitivity.py [cost] [ranks]``.

``cost``: all layers of the resnet18 shape, int8 weights and activations, 128 images at 224, in processor seconds of one
thread, as multiples of a plain float pass over the same images (of ONNX Runtime, one image at a time and sixteen, and
of the executor), and the peak of resident memory with 64 and with 128 images, each in a process of its own.

``ranks``: on the trained samples, at int4 weights alone and with uint8 activations: Spearman's correlation of what was
foretold with what was evaluated, all layers on all samples, and whether the three foretold worst hold the worst.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qexplorer.machine.description import describe_machine

IMAGES = 128
SAMPLES = ("glyphs_mobilenet", "digits_cnn", "digits_vit", "text_lm", "tumour_mlp")
RECIPES = ("w4", "w4a8")
RESULTS = Path(__file__).parent / "results" / "sensitivity.md"


def _cpu(work: Callable[[], Any]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def one_cost(images: int) -> dict[str, Any]:
    """Processor seconds of every part, in this process."""
    import numpy as np
    import torch

    import qexplorer as qx
    from qexplorer.core.dataset import DataSet, Split
    from qexplorer.core.recipe import Recipe
    from qexplorer.observe.collecting.store import statistics_for
    from qexplorer.observe.collecting.tap import open_session
    from qexplorer.search.sensitivity import evaluating, finding
    from qexplorer.search.sensitivity.question import DEFAULT_PASSES, Inquiry
    from qexplorer.torchgraph.executor import GraphModule

    torch.set_num_threads(1)
    setattr(evaluating, "cores", lambda: 1)  # noqa: B010 - one thread, as everything else here
    model = qx.load("resnet18")
    name = model.inputs[0].name
    values = np.random.default_rng(0).standard_normal((images, 3, 224, 224)).astype(np.float32)
    data = DataSet("noise", Split({name: values}), Split({name: values[:1]}), True, (), f"noise-{images}")
    session = open_session(model.proto().SerializeToString(), 1, model.name)

    def plain(batch: int) -> Callable[[], None]:
        def run() -> None:
            for start in range(0, len(values), batch):
                session.run(None, {name: values[start : start + batch]})

        return run

    def executor() -> None:
        module = GraphModule(model.proto())
        with torch.no_grad():
            for start in range(0, len(values), 4):
                module(torch.from_numpy(values[start : start + 4].copy()))

    plain(1)()
    found: dict[str, Any] = {"images": len(values)}
    found["float_1"], found["float_16"], found["executor"] = _cpu(plain(1)), _cpu(plain(16)), _cpu(executor)
    statistics_for(model, data)
    spent: dict[str, float] = {}
    times = [time.process_time()]

    def tell(step: str, done: float) -> None:
        del done
        part = step.split()[0]
        now = time.process_time()
        spent[part] = spent.get(part, 0.0) + now - times[0]
        times[0] = now

    work = finding._Inquest(model, data, Inquiry(Recipe.parse("w8a8"), images, passes=DEFAULT_PASSES), tell, None)
    times[0] = time.process_time()
    report = work.report()
    tell("evaluating", 1.0)
    found |= {"gradient": spent.get("gradients", 0.0), "exact": spent.get("evaluating", 0.0), "rest": spent}
    counts = [layer.exact().n for layer in report.layers if layer.leads and layer.exact() is not None]  # type: ignore[union-attr]
    found |= {"layers": len(counts), "samples": [min(counts), max(counts)], "all_layers": len(report.layers)}
    found["passes"] = report.passes
    found["float_1_again"] = _cpu(plain(1))
    found["accord"] = None if report.accord is None else [report.accord.spearman, report.accord.worst_found]
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def cost() -> list[str]:
    """The table of costs."""
    lines = [
        "| images | gradient | evaluated | of ONNX Runtime, 16 at a time | of the executor | layers | on | peak MB |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for images in (64, IMAGES):
        command = [sys.executable, __file__, "one", str(images)]
        run = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        found = json.loads(run.stdout.splitlines()[-1])
        print(found, file=sys.stderr)
        plain = (found["float_1"] + found["float_1_again"]) / 2
        both = [found["gradient"], found["exact"]]
        lines.append(
            f"| {found['images']} | {both[0] / plain:.2f} | {both[1] / plain:.2f} | "
            f"{both[0] / found['float_16']:.2f}, {both[1] / found['float_16']:.2f} | "
            f"{both[0] / found['executor']:.2f}, {both[1] / found['executor']:.2f} | "
            f"{found['layers']} of {found['all_layers']} | "
            f"{found['samples'][0]} to {found['samples'][1]} | {found['peak_mb']:.0f} |"
        )
    return lines


def ranks() -> list[str]:
    """The table of rankings."""
    import qexplorer as qx

    lines = [
        "| sample | recipe | layers | Spearman | worst among the three | all layers' loss over the sum of single ones |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for sample in SAMPLES:
        for recipe in RECIPES:
            report = qx.sensitivity(sample, recipe=recipe, samples=256, passes=None)
            accord, whole = report.accord, report.whole
            assert accord is not None
            rank = "-" if accord.spearman is None else f"{accord.spearman:.3f}"
            ratio = "-" if whole is None or not whole.alone_sum else f"{whole.evaluated.loss / whole.alone_sum:.2f}"
            worst = "yes" if accord.worst_found else "no"
            lines.append(f"| {sample} | {recipe} | {accord.layers} | {rank} | {worst} | {ratio} |")
            print(lines[-1], file=sys.stderr)
    return lines


def main() -> None:
    """Runs what is named, both by default."""
    asked = sys.argv[1:] or ["cost", "ranks"]
    if asked[0] == "one":
        print(json.dumps(one_cost(int(asked[1]))))
        return
    parts = {"cost": cost, "ranks": ranks}
    text = ["# Sensitivity", "", str(describe_machine()), ""]
    for name in asked:
        text += [f"## {name}", "", *parts[name](), ""]
    RESULTS.write_text("\n".join(text))


if __name__ == "__main__":
    main()
