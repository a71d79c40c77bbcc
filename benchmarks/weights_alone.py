"""Weights alone on few bits: what each algorithm gains, on the trained samples.

    python benchmarks/weights_alone.py [--only MODEL ...]

Each recipe is judged in float as its grids have it, on the evaluation part. Writes
``benchmarks/results/weights-alone.md``, a row as soon as it is known.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx

import qexplorer as qx
from benchmarks.references.subjects import fed, scores
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.tap import open_session
from qexplorer.quantize.layerwise.streams import SIMULATED

RESULT = Path(__file__).parent / "results" / "weights-alone.md"
CASES = {
    "text_lm": (
        "opticks",
        [f"{stem}{more}" for more in ("", "-gptq", "-hqq", "-awq", "-hqq-gptq") for stem in ("w4-b32", "w3-b32")]
        + ["w3-b32-mse", "w3-b32-mse-gptq", "w4-b32-autoround", "w3-b32-autoround", "w4-b32-adaround"]
        + ["w3-b32-adaround", "w4-b32-brecq", "w3-b32-brecq"],
    ),
    "glyphs_mobilenet": (
        "glyphs",
        ["w4", "w4-gptq", "w4-hqq", "w4-hqq-gptq", "w3", "w3-gptq", "w3-hqq", "w3-hqq-gptq"],
    ),
    "digits_cnn": ("digits", ["w3", "w3-gptq", "w3-hqq", "w2", "w2-gptq", "w2-hqq"]),
}


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    lines = [
        "# Weights alone on few bits\n",
        f"{describe_machine().cpu}; `python benchmarks/weights_alone.py`; one seed, grids as they are, in float. "
        "Accuracy in per cent, or perplexity, of which less is better; SQNR of the outputs in dB.\n",
        "| model | recipe | measure | float | found | SQNR |",
        "|---|---|---|---|---|---|",
    ]
    for name in parser.parse_args().only:
        which, recipes = CASES[name]
        model, data = qx.load(name), qx.data(which)
        held = fed(model, data.evaluation)
        count = len(next(iter(held.values())))

        def answers(content: bytes, held: dict[str, np.ndarray] = held, count: int = count) -> np.ndarray:
            session = open_session(content, 1, "model", settings=SIMULATED)
            parts = [{k: v[i : i + 64] for k, v in held.items()} for i in range(0, count, 64)]
            return np.concatenate([session.run(None, part)[0] for part in parts])

        wanted = answers(model.proto().SerializeToString())
        measure, real = next((k, v) for k, v in scores(wanted, wanted, data).items() if not k.startswith("SQNR"))
        for recipe in recipes:
            proto = onnx.load(qx.quantize(model, recipe, data).path)
            found = scores(answers(proto.SerializeToString()), wanted, data)
            row = f"{name} | `{recipe}` | {measure} | {real:.2f} | {found[measure]:.2f} | {found['SQNR (dB)']:.2f}"
            lines.append(f"| {row} |")
            print(lines[-1], flush=True)
            RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
