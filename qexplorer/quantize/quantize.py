"""One call from a model and a recipe to a quantized file that is kept, named by what it was made from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer import __version__
from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.contents import used
from qexplorer.core.disk.owners import own_prefix
from qexplorer.core.errors import RecipeError
from qexplorer.core.files import move_whole, write_atomically
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.workspace import digest_json, sha256_file, workspace
from qexplorer.graph.allowance import allowance
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.magnitudes import magnitudes_for
from qexplorer.process.child import allow
from qexplorer.process.places.taking import beside
from qexplorer.quantize.changes.apply import check_materials, run_algorithms
from qexplorer.quantize.changes.drafts import Materials
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.findings import Findings, Written, read_written, save_written
from qexplorer.quantize.opening import named_layers, problem_of, search
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan, QuantizedModel
from qexplorer.quantize.size import weight_size

if TYPE_CHECKING:
    from qexplorer.observe.stats import Statistics
    from qexplorer.quantize.training.watching import Watcher

__all__ = ["digest_of", "kept_quantized", "quantize_model", "quantized_path"]

SCHEMA = 20
"""Raise this whenever the same plan is emitted differently or an algorithm answers differently, so that files made
before are not taken for new ones."""

CALIBRATION_SAMPLES = 512
"""Calibration samples that algorithms read, at most, where nobody says otherwise."""


_ALGORITHM_BATCH = 32  # samples that an algorithm runs at a time, at most


def quantize_model(
    model: Model,
    recipe: Recipe,
    statistics: Statistics | None,
    data: DataSet | None = None,
    *,
    samples: int = CALIBRATION_SAMPLES,
    progress: Callable[[str, float], None] | None = None,
    watcher: Watcher | None = None,
) -> QuantizedModel:
    """Quantizes ``model``; a file that was made from the same things before is used again.

    Args:
        model: the float model.
        recipe: what is asked for.
        statistics: what was observed on calibration data; needed where ``recipe.needs_statistics``.
        data: its calibration part is read by algorithms, needed where ``recipe.needs_samples``, and shows what a
            narrow float has to hold where ``recipe.casts``.
        samples: calibration samples that algorithms read, at most.
        progress: told a sentence and the share that is done while algorithms work; may raise Cancelled.
        watcher: told how training goes, where an algorithm trains; may raise Cancelled.

    Raises:
        RecipeError: if the recipe cannot be applied, or needs statistics or data that are not given.
    """
    allow(allowance(model, batch=_ALGORITHM_BATCH))
    materials = Materials(statistics, data, samples, progress, watcher)
    digest = digest_of(model, recipe, statistics, data, samples=samples)
    path = quantized_path(digest)
    written = read_written(path)
    with contextlib.nullcontext() if written else beside():
        largest = magnitudes_for(model, data, samples=samples) if recipe.casts and data is not None else {}
        findings = Findings(largest, written.refused if written else {})
        ready, plan = _planned(model, recipe, materials, path, findings)
        if written is None:
            ready, plan = _written(model, recipe, materials, path, findings)
    used(path)
    size = weight_size(ready, path, plan)
    return QuantizedModel(
        model=model,
        recipe=recipe,
        plan=plan,
        path=path,
        digest=digest,
        weight_bytes=size.packed,
        stored_bytes=size.stored,
        carried=size.carried,
        output_scales=_output_scales(ready, plan),
        calibration=_calibration(recipe, statistics, data, samples),
        ready=ready,
    )


def _calibration(recipe: Recipe, statistics: Statistics | None, data: DataSet | None, samples: int) -> str | None:
    """Which samples were needed, in words."""
    if not recipe.needs_calibration:
        return None
    if data is not None:
        return calibration_sample(data, samples).text
    return None if statistics is None else f"{statistics.samples:,} calibration samples"


def _planned(model: Model, recipe: Recipe, materials: Materials, path: Path, findings: Findings) -> tuple[Model, Plan]:
    """The float model that the plan is about, and the plan."""
    if not recipe.algorithms:
        return model, make_plan(model, recipe, materials.statistics, findings)
    check_materials(recipe, materials)
    changes = path.with_suffix(".npz")
    if findings.refused:  # what was changed for another plan is not for this one
        changes = path.with_suffix(f".{digest_json(findings.refused)[:8]}.npz")
    return run_algorithms(model, recipe, materials, changes, findings)


def _written(model: Model, recipe: Recipe, materials: Materials, path: Path, findings: Findings) -> tuple[Model, Plan]:
    """Writes a file that opens, if need be with more layers in float; the plan that it was made by."""
    draft = path.with_name(f"{own_prefix('draft')}{path.name}")

    def attempt(refused: Mapping[str, str]) -> tuple[Model, Plan, str | None]:
        ready, plan = _planned(model, recipe, materials, path, replace(findings, refused=dict(refused)))
        write_atomically(draft, emit(ready, recipe, plan).SerializeToString())
        return ready, plan, problem_of(draft, ready.path)

    refused = dict(findings.refused)
    try:
        ready, plan, problem = attempt(refused)
        while problem is not None:
            for name in _culprits(plan, problem, refused, attempt):
                refused[name] = f"ONNX Runtime cannot use it in this form ({problem})"
            ready, plan, problem = attempt(refused)
        save_written(Written(sha256_file(draft), refused), path)
        move_whole(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return ready, plan


def _culprits(
    plan: Plan,
    problem: str,
    refused: Mapping[str, str],
    attempt: Callable[[Mapping[str, str]], tuple[Model, Plan, str | None]],
) -> list[str]:
    """Layers to keep in float because of ``problem``.

    Raises:
        RecipeError: it is the same with every layer in float.
    """
    candidates = [layer.name for layer in plan.layers if layer.treatment != "float"]
    named = named_layers(problem, candidates)
    if named:
        return named

    def loads(names: Sequence[str]) -> bool:
        return attempt({**refused, **dict.fromkeys(names, problem)})[2] is None

    found = search(candidates, loads)
    if found is None:
        raise RecipeError(
            f"no file can be written that ONNX Runtime opens ({problem})", do="export the float model again"
        )
    return [found]


def quantized_path(digest: str) -> Path:
    """Where the quantized file with this digest is kept, or would be."""
    return workspace("quantized") / f"{digest}.onnx"


def kept_quantized(digest: str) -> Path | None:
    """The quantized file with this digest; None if it is not kept, or not as it was written."""
    path = quantized_path(digest)
    return None if read_written(path) is None else path


def digest_of(
    model: Model,
    recipe: Recipe,
    statistics: Statistics | None,
    data: DataSet | None = None,
    *,
    samples: int = CALIBRATION_SAMPLES,
) -> str:
    """16 hexadecimal digits over everything that the file depends on; arguments as for :func:`quantize_model`."""
    observed = statistics.digest if statistics is not None and _uses_statistics(recipe) else None
    parts: list[object] = [model.sha256, recipe.digest, observed, __version__, SCHEMA]
    if data is not None and (recipe.needs_samples or recipe.casts):
        n = min(samples, data.calibration.n) if data.calibration.inputs else 0
        parts.append([data.digest, n])
    return digest_json(parts)[:16]


def _uses_statistics(recipe: Recipe) -> bool:
    specs = [recipe.weights.model_dump() if recipe.weights else {}, *(rule.weights or {} for rule in recipe.layers)]
    asked = [spec.get("format") for spec in specs]
    return recipe.needs_statistics or "fp16" in asked


def _output_scales(model: Model, plan: Plan) -> dict[str, float]:
    found = {}
    made = {o for layer in model.layers if plan.layer(layer.name).treatment in _ON_GRID for o in layer.outputs}
    for output in model.outputs:
        tensor = plan.tensors.get(output.name)
        if tensor is not None and tensor.kind == "activation" and output.name in made and tensor.grid.format.is_uniform:
            found[output.name] = float(tensor.grid.scale)
    return found


_ON_GRID = ("quantized", "passthrough")
