"""Observing and quantizing a stranger's model in a child with limits, for processes that are nobody's child.

The child leaves statistics and files in the workspace, under their digests. Whoever asks for them afterwards finds them
there, and runs nothing of the model itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import QExplorerError, UnknownName, error_from_json
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.graph.allowance import allowance
from qexplorer.load.datasets.handed import hand_over, taken
from qexplorer.load.samples.shelf import list_samples
from qexplorer.process.child import Emit, in_child
from qexplorer.process.parent import run_in_child
from qexplorer.process.unforeseen import foreseen

__all__ = ["goes_apart", "prepare_apart", "prepare_in_child"]

Progress = Callable[[str, float], None]


def goes_apart(model: Model) -> bool:
    """Whether what runs ``model`` goes to a child: not where this is one already, nor with models of this program."""
    if in_child() or model.untrained:
        return False
    return all(sample.sha256 not in (model.sha256, model.source_sha256) for sample in list_samples())


def prepare_apart(
    model: Model,
    recipes: Sequence[Recipe],
    data: DataSet | None,
    *,
    samples: int,
    observing: Callable[[int, int], None] | None = None,
    working: Progress | None = None,
    diary: Path | None = None,
    told: Callable[[], None] | None = None,
) -> tuple[QExplorerError | None, ...]:
    """Has ``model`` quantized by each recipe in a child; afterwards doing so here only reads what is kept.

    Args:
        model: the float model.
        recipes: what to make of it.
        data: fitted to it; None where no recipe needs any.
        samples: calibration samples, at most.
        observing: told (samples done, samples in all).
        working: told a sentence and a share.
        diary: file in which a training keeps its diary; None: nobody wants to read it.
        told: called where something was written there.

    Returns:
        For each recipe why it could not be applied, or None. A name that only this process knows is None as well.

    Raises:
        ChildError: the child was ended, or died.
    """

    def heard(event: dict[str, Any]) -> None:
        if "samples" in event and observing is not None:
            observing(*event["samples"])
        elif "diary" in event and told is not None:
            told()
        elif "step" in event and working is not None:
            working(event["step"], event["done"])

    with passing_folder("handed") as folder:
        arguments = {
            "model": model.to_json(),
            "recipes": [recipe.to_yaml() for recipe in recipes],
            "data": None if data is None else hand_over(data, Path(folder)),
            "samples": samples,
            "diary": None if diary is None else str(diary),
        }
        target = "qexplorer.quantize.apart:prepare_in_child"
        found = run_in_child(target, arguments, limits=allowance(model), on_event=heard)
    errors = [None if error is None else error_from_json(error) for error in found]
    return tuple(None if isinstance(error, UnknownName) else error for error in errors)


def prepare_in_child(arguments: dict[str, Any], emit: Emit) -> list[dict[str, str | None] | None]:
    """The child's side of :func:`prepare_apart`."""
    from qexplorer.observe.collecting.store import statistics_for
    from qexplorer.quantize.quantize import quantize_model
    from qexplorer.quantize.training.diaries.keeping import DiaryKeeper

    model, samples = Model.from_json(arguments["model"]), arguments["samples"]
    data = None if arguments["data"] is None else taken(arguments["data"])
    path = arguments["diary"]
    watcher = None if path is None else DiaryKeeper(Path(path), told=lambda _: emit({"event": "progress", "diary": 1}))
    found: list[dict[str, str | None] | None] = []
    for text in arguments["recipes"]:
        try:
            recipe = Recipe.parse(text)
            statistics = None
            if recipe.needs_statistics and data is not None:
                told = lambda done, total: emit({"event": "progress", "samples": [done, total]})  # noqa: E731
                statistics = statistics_for(model, data, samples=samples, progress=told)
            given = data if recipe.needs_calibration or recipe.casts else None
            quantize_model(
                model,
                recipe,
                statistics,
                given,
                samples=samples,
                progress=lambda step, done: emit({"event": "progress", "step": step, "done": done}),
                watcher=watcher,
            )
        except QExplorerError as error:
            found.append(foreseen(error).to_json())
        else:
            found.append(None)
    return found
