"""One call from a model and a recipe to a quantized file that is kept, named by what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer import __version__
from qexplorer.core.files import write_atomically
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan, QuantizedModel
from qexplorer.quantize.size import weight_bytes

if TYPE_CHECKING:
    from qexplorer.observe.stats import Statistics

__all__ = ["digest_of", "quantize_model", "quantized_path"]

SCHEMA = 2
"""Raise this whenever the same plan is emitted differently, so that files made before are not taken for new ones."""


def quantize_model(model: Model, recipe: Recipe, statistics: Statistics | None) -> QuantizedModel:
    """Quantizes ``model``; a file that was made from the same three things before is used again.

    Args:
        model: the float model.
        recipe: what is asked for.
        statistics: what was observed on calibration data; needed for static activations alone.

    Raises:
        RecipeError: if the recipe cannot be applied, or needs statistics that are not given.
    """
    plan = make_plan(model, recipe, statistics)
    digest = digest_of(model, recipe, statistics)
    path = quantized_path(digest)
    if not path.exists():
        write_atomically(path, emit(model, recipe, plan).SerializeToString())
    return QuantizedModel(
        model=model,
        recipe=recipe,
        plan=plan,
        path=path,
        digest=digest,
        weight_bytes=weight_bytes(model, path, plan),
        output_scales=_output_scales(model, plan),
    )


def quantized_path(digest: str) -> Path:
    """Where the quantized file with this digest is kept, or would be."""
    return workspace("quantized") / f"{digest}.onnx"


def digest_of(model: Model, recipe: Recipe, statistics: Statistics | None) -> str:
    """16 hexadecimal digits over everything that the file depends on."""
    observed = statistics.digest if statistics is not None and _uses_statistics(recipe) else None
    return digest_json([model.sha256, recipe.digest, observed, __version__, SCHEMA])[:16]


def _uses_statistics(recipe: Recipe) -> bool:
    specs = [recipe.weights.model_dump() if recipe.weights else {}, *(rule.weights or {} for rule in recipe.layers)]
    asked = [spec.get("format") for spec in specs]
    return recipe.needs_calibration or "fp16" in asked


def _output_scales(model: Model, plan: Plan) -> dict[str, float]:
    found = {}
    made = {o for layer in model.layers if plan.layer(layer.name).treatment in _ON_GRID for o in layer.outputs}
    for output in model.outputs:
        tensor = plan.tensors.get(output.name)
        if tensor is not None and tensor.kind == "activation" and output.name in made:
            found[output.name] = float(tensor.grid.scale)
    return found


_ON_GRID = ("quantized", "passthrough")
