"""Weights alone on few bits: what each algorithm gains, on the trained samples.

    python benchmarks/weights_alone.py [--only MODEL ...] [--match WORDS]

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
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.tap import open_session
from qexplorer.quantize.layerwise.streams import SIMULATED

RESULT = Path(__file__).parent / "results" / "weights-alone.md"
CASES = {
    "text_lm": (
        "opticks",
        [f"{stem}{more}" for more in ("", "-gptq", "-hqq", "-awq", "-hqq-gptq") for stem in ("w4-b32", "w3-b32")]
        + ["w3-b32-mse", "w3-b32-mse-gptq", "w4-b32-autoround", "w3-b32-autoround", "w4-b32-adaround"]
        + ["w3-b32-adaround", "w4-b32-brecq", "w3-b32-brecq"]
        + [f"{stem}-embed8{more}" for more in ("", "-gptq") for stem in ("w4-b32", "w3-b32")]
        + [f"{stem}-gptq, correction {share}" for share in (0, 1) for stem in ("w4-b32", "w3-b32")],
    ),
    "glyphs_mobilenet": (
        "glyphs",
        ["w4", "w4-gptq", "w4-hqq", "w4-hqq-gptq", "w3", "w3-gptq", "w3-hqq", "w3-hqq-gptq"]
        + [f"w3-gptq, correction {share}" for share in (0, 1)],
    ),
    "digits_cnn": (
        "digits",
        ["w3", "w3-gptq", "w3-hqq", "w2", "w2-gptq", "w2-hqq"] + [f"w2-gptq, correction {share}" for share in (0, 1)],
    ),
}


def recipe_of(text: str) -> Recipe:
    """The recipe that a row is called by: a name, with what differs from it."""
    name, _, more = text.partition(", ")
    found = Recipe.parse(name)
    if more:
        gptq = {"gptq": {"correction": float(more.removeprefix("correction "))}}
        return Recipe.model_validate(found.model_dump() | {"algorithms": [gptq]})
    return found


def written(rows: dict[tuple[str, str], str]) -> None:
    """Writes the rows that were measured, and those that stand in the file of recipes that were not."""
    kept = [line for line in RESULT.read_text().splitlines() if line.startswith("| ")][1:] if RESULT.exists() else []
    before = {(line.split("|")[1].strip(), line.split("`")[1]): line for line in kept}
    lines = [
        "# Weights alone on few bits\n",
        f"{describe_machine().cpu}; `python benchmarks/weights_alone.py`; one seed, grids as they are, in float. "
        "Accuracy in per cent, or perplexity, of which less is better; SQNR of the outputs in dB.\n",
        "| model | recipe | measure | float | found | SQNR |",
        "|---|---|---|---|---|---|",
    ]
    every = [(name, recipe) for name, (_, recipes) in CASES.items() for recipe in recipes]
    lines += [line for key in every if (line := rows.get(key) or before.get(key))]
    RESULT.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--match", default="", help="recipes whose names contain this")
    given, rows = parser.parse_args(), dict[tuple[str, str], str]()
    for name in given.only:
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
        for recipe in (each for each in recipes if given.match in each):
            proto = onnx.load(qx.quantize(model, recipe_of(recipe), data).path)
            found = scores(answers(proto.SerializeToString()), wanted, data)
            row = f"{name} | `{recipe}` | {measure} | {real:.2f} | {found[measure]:.2f} | {found['SQNR (dB)']:.2f}"
            rows[name, recipe] = f"| {row} |"
            print(rows[name, recipe], flush=True)
            written(rows)


if __name__ == "__main__":
    main()
