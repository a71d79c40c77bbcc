"""The int32 sums of every integer layer on a few samples, as the PyTorch integer backend makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.wire import Wire
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.measure.prepare import prepare
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Subject, Variant, subject_of
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import beside

__all__ = ["SAMPLES", "LayerSums", "Sums", "accumulators", "kept_accumulators"]

SAMPLES = 8
"""Samples that the sums are of, at most: each gives a sum for every value of a layer's output."""
_LIMITS = replace(BASE, quiet_s=600.0)
_VERSION = 1  # of what is kept; another number makes it unread


@dataclass(frozen=True, slots=True)
class LayerSums:
    """One layer's sums, bias included, before they are rescaled.

    Attributes:
        layer: its name.
        low: the smallest.
        high: the largest.
        bits: width of the signed integer that holds all of them.
        count: how many sums there are.
        edges: borders of the bins, whole numbers, one more than there are bins.
        counts: sums in each bin.
    """

    layer: str
    low: int
    high: int
    bits: int
    count: int
    edges: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sums(Wire):
    """The sums of one quantized file, layer by layer in the order of execution, over ``n`` samples."""

    digest: str
    recipe: str
    n: int
    layers: tuple[LayerSums, ...]


def kept_accumulators(digest: str, data_digest: str) -> Sums | None:
    """What :func:`accumulators` found before for this quantized file and data."""
    value = read_kept(_path(digest, data_digest))
    return None if value is None else Sums.from_json(value)


def _path(digest: str, data_digest: str) -> Path:
    return kept_path("sums", [_VERSION, digest, data_digest, SAMPLES])


def accumulators(
    model: Model, recipe: Recipe, data: DataSet, *, progress: Callable[[str, float], None] | None = None
) -> Sums:
    """Runs a few evaluation samples in true integer arithmetic, and keeps the histogram of every layer's int32 sums.

    Args:
        model: the float model.
        recipe: what was made of it.
        data: fitted to the model.
        progress: told a sentence and the share that is done.

    Raises:
        QExplorerError: the recipe cannot be applied, or the graph cannot be run in integers.
    """
    tell = progress or (lambda _text, _done: None)
    subject = subject_of(model, data, min(SAMPLES, data.evaluation.n))
    (made,) = prepare(model, [recipe], data, progress=lambda text, share: tell(text, share / 2))
    if made.variant is None:
        raise QExplorerError(made.failed or "the recipe could not be applied", where=recipe.name)
    tell("adding up in integers", 0.6)
    found = _run(made.variant, subject)
    write_kept(_path(made.variant.digest, data.digest), found.to_json())
    return found


def _run(variant: Variant, subject: Subject) -> Sums:
    with scratch() as folder, beside():
        value = run_in_child(
            "qexplorer.measure.arithmetic.accumulators_child:look",
            {
                "path": str(variant.path),
                "files": keep_samples(folder, subject.inputs),
                "batch": subject.model.fixed_batch or subject.n,
            },
            limits=subject.allowed(_LIMITS),
        )
    return Sums.from_json({"digest": variant.digest, "recipe": variant.recipe, **value})
