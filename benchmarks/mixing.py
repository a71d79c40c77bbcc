"""Found mixes of 4 and 8 bits on the trained samples: what they lose on the evaluation part, and after training.

``python benchmarks/mixing.py [--epochs 20] [--json FILE]``. Each row: float, the same recipe in int8, all in int4, the
mix found at 60 % of int8's bytes, and (glyphs_mobilenet) that mix trained. Accuracies in percent, on samples that the
search never saw; seconds of the search as a whole.

``--as-float`` instead: the smallest mix of int8, int4, int3 and int2 that no test tells from float on the samples kept
apart, and whether that holds on the evaluation part (the table of docs/mixed_precision.md).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.search.sensitivity.question import with_format

CASES = (
    ("glyphs_mobilenet", "w8a8-bias_correction", True),
    ("digits_vit", "w8a8-smoothquant", False),
    ("digits_cnn", "w8a8", False),
    ("fashion_dscnn", "w8a8-bias_correction", False),
)


def judged(quantized: Any) -> dict[str, float]:
    """Value and difference to float of the task's metric, with its interval."""
    run = qx.measure(quantized, backend="onnxruntime", effort="quick")
    assert run.accuracy is not None
    low, high = run.accuracy.delta_ci95 or (float("nan"), float("nan"))
    return {"accuracy": run.accuracy.value or 0.0, "delta": run.accuracy.delta or 0.0, "low": low, "high": high}


def case(name: str, base: str, epochs: int) -> dict[str, Any]:
    """One sample."""
    recipe = Recipe.parse(base)
    start = time.perf_counter()
    found = qx.search(name, recipe=recipe, share=0.6)
    seconds = time.perf_counter() - start
    best = found.best
    assert best is not None
    mix = Recipe.parse(best.recipe)
    row: dict[str, Any] = {
        "recipe": base,
        "search_s": round(seconds, 1),
        "share": best.weight_bytes / found.whole["weight_bytes"],
        "predicted_loss": best.point.predicted_loss,
        "measured_loss": best.found.loss,
        "mix": judged(qx.quantize(name, mix)),
        "int8": judged(qx.quantize(name, recipe)),
        "int4": judged(qx.quantize(name, with_format(recipe, "int4"))),
    }
    if epochs:
        bare = mix.model_copy(update={"algorithms": ()})
        trained = qx.train(name, bare, epochs=epochs)
        row["trained"] = judged(trained.quantized) | {"epochs": epochs}
    return row


def as_float(name: str, base: str) -> dict[str, Any]:
    """One sample: the mix that is taken for float, on the samples that took it and on those that judge."""
    start = time.perf_counter()
    found = qx.search(name, recipe=base, choices=("int8", "int4", "int3", "int2"), as_float=True)
    seconds = time.perf_counter() - start
    best = found.best
    return {
        "recipe": base,
        "search_s": round(seconds, 1),
        "apart": found.n,
        "mix": None if best is None else best.recipe_name,
        "share": None if best is None else best.weight_bytes / found.whole["weight_bytes"],
        "drop_apart": None if best is None else best.found.metric_drop,
        "judged": None if best is None else judged(qx.quantize(name, Recipe.parse(best.recipe))),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[each[0] for each in CASES])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--as-float", action="store_true")
    given = parser.parse_args()
    rows = {}
    for name, base, trains in CASES:
        if name in given.only:
            rows[name] = as_float(name, base) if given.as_float else case(name, base, given.epochs if trains else 0)
            print(name, json.dumps(rows[name], indent=1), flush=True)
    if given.json:
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
