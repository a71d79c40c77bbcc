"""Saturating sums next to exact ones: layers at risk, what it costs, and both remedies applied and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, QExplorerError, RecipeError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Accuracy
from qexplorer.machine.cpu import cpu_features
from qexplorer.measure.arithmetic.saturation_types import ExactSwitch, LayerArithmetic, ReducedRange, SaturationReport
from qexplorer.measure.kept import kept_path, read_kept, write_kept
from qexplorer.measure.metrics.results import UNTRAINED, changed_at, not_shown, result_of
from qexplorer.measure.metrics.statistics import ratio_interval
from qexplorer.measure.prepare import prepare
from qexplorer.measure.scoring import Scoring, keep_labels
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.variant import Subject, Variant, subject_of
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import alone, beside
from qexplorer.run.registry import reference

__all__ = ["EXACT_FEATURES", "SaturationReport", "kept_saturation", "reduced_recipe", "saturates_here", "saturation"]

EXACT_FEATURES = ("avx_vnni", "avx512_vnni", "amx_int8")
"""Features that make u8 x s8 kernels exact on x86."""
_LIMITS = replace(BASE, quiet_s=900.0)
_VERSION = 1  # of what is kept; another number makes kept reports unread
_CHILD = "qexplorer.measure.arithmetic.saturation_child"

Told = Callable[[str, float], None]


def saturates_here(features: tuple[str, ...] | None = None) -> bool | None:
    """Whether u8 x s8 kernels add in int16 on this processor; None if the system does not tell its features."""
    found = cpu_features() if features is None else features
    if found is None:
        return None
    return "avx2" in found and not any(name in found for name in EXACT_FEATURES)


def reduced_recipe(recipe: Recipe) -> Recipe | None:
    """``recipe`` with 7-bit weights wherever it has 8 (255 * 63 * 2 = 32130 fits int16); None if it has none."""
    value = recipe.model_dump(by_alias=True)
    rules = [rule.get("weights") for rule in value["layers"]]
    changed = [spec for spec in (value["weights"], *rules) if spec and spec.get("format") == "int8"]
    if not changed:
        return None
    for spec in changed:
        spec["format"] = "int7"
    name = recipe.name.replace("w8", "w7", 1) if recipe.name.startswith("w8") else f"{recipe.name}, 7-bit weights"
    return Recipe.model_validate({**value, "name": name})


def kept_saturation(digest: str, data_digest: str, samples: int | None) -> SaturationReport | None:
    """What :func:`saturation` found before for this quantized file, data and number of samples."""
    value = read_kept(_path(digest, data_digest, samples))
    return None if value is None else SaturationReport.from_json(value)


def _path(digest: str, data_digest: str, samples: int | None) -> Path:
    return kept_path("saturation", [_VERSION, digest, data_digest, samples, list(cpu_features() or ())])


def saturation(
    model: Model,
    recipe: Recipe,
    data: DataSet,
    *,
    samples: int | None = None,
    progress: Told | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SaturationReport:
    """Emulates saturating sums on the evaluation samples, applies both remedies, and keeps what it found.

    Args:
        model: the float model.
        recipe: what was made of it.
        data: fitted to the model.
        samples: evaluation samples, at most; None: all (an untrained model: a few).
        progress: told a sentence and the share that is done.
        cancelled: asked at least every 0.2 s.

    Raises:
        RecipeError: the recipe cannot be applied.
        QExplorerError: what the emulation raised.
        Cancelled: ``cancelled()`` became true.
    """
    tell: Told = progress or (lambda _text, _done: None)
    work = _SaturationWork(model, data, subject_of(model, data, samples), tell, cancelled)
    variant = work.variant(recipe, 0.0)
    with scratch() as folder:
        files = keep_samples(folder, work.subject.inputs)
        found = work.emulate(variant, files, "emulating sums that saturate", 0.1, 0.6)
        reduced = work.reduced(recipe, files)
        switch = work.switch(variant, files)
    exact, saturating = work.accuracies(found)
    layers = tuple(LayerArithmetic(**row) for row in found["layers"])
    report = SaturationReport(
        digest=variant.digest,
        recipe=recipe.name,
        n=work.subject.n,
        layers=layers,
        left_out=tuple((name, why) for name, why in found["left_out"]),
        exact=exact,
        saturating=saturating,
        changed=_changed(found),
        worst_steps=found["worst_steps"],
        reduced=reduced,
        switch=switch,
        this_machine=saturates_here(),
        features=cpu_features() or (),
        seconds=float(found["seconds"]),
    )
    write_kept(_path(variant.digest, data.digest, samples), report.to_json())
    return report


def _changed(found: Mapping[str, Any]) -> int | None:
    if found["exact"] is None:
        return None
    return sum(int(a != b) for a, b in zip(found["exact"], found["saturating"], strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class _SaturationWork:
    model: Model
    data: DataSet
    subject: Subject
    tell: Told
    cancelled: Callable[[], bool] | None

    def variant(self, recipe: Recipe, done: float) -> Variant:
        """The quantized file; raises RecipeError."""
        made = next(iter(prepare(self.model, [recipe], self.data, progress=lambda text, _: self.tell(text, done))))
        if made.variant is None:
            raise RecipeError(made.failed or "the recipe could not be applied", where=recipe.name)
        return made.variant

    def emulate(
        self, variant: Variant, files: Mapping[str, str], text: str, start: float, share: float
    ) -> dict[str, Any]:
        """Runs the emulation in a child."""
        metrics = () if self.model.untrained else self.subject.metrics[:1]
        with scratch() as folder:
            labels, kept = keep_labels(folder, self.subject.labels), folder / "answers"
            scorings = (
                Scoring.of(metrics, folder / "exact", labels=labels, keep=kept),
                Scoring.of(metrics, folder / "saturating", labels=labels, floats=kept),
            )
            arguments = {
                "path": str(variant.path),
                "files": dict(files),
                "n": self.subject.n,
                "batch": self.subject.judged_at(variant),
                "fixed_batch": self.model.fixed_batch,
                "threshold": self.subject.threshold,
                "scorings": [scoring.to_json() for scoring in scorings],
            }
            with beside(self.cancelled):
                found: dict[str, Any] = run_in_child(
                    f"{_CHILD}:emulate",
                    arguments,
                    limits=self.subject.allowed(_LIMITS),
                    on_event=lambda event: self.tell(text, start + share * float(event["done"])),
                    cancelled=self.cancelled,
                )
            pairs = zip(scorings, found["without_score"], strict=True)
            return {**found, "scored": [scoring.read(without) for scoring, without in pairs]}

    def accuracies(self, found: Mapping[str, Any]) -> tuple[Accuracy, Accuracy]:
        """The task's primary metric with exact sums, and with saturating ones against them."""
        metric = self.subject.metrics[0]
        if self.model.untrained:
            return not_shown(metric, UNTRAINED), not_shown(metric, UNTRAINED)
        exact, other = found["scored"]
        n = self.subject.n
        first = result_of(metric, exact, None, n, is_float=True)
        second = result_of(metric, other, exact, n, is_float=False)
        if second.value is None or found["exact"] is None:
            return first, second
        said = [np.asarray(found[key], np.int64) for key in ("saturating", "exact")]
        return first, replace(second, flipped=changed_at(said[0], said[1], self.subject.positions))

    def reduced(self, recipe: Recipe, files: Mapping[str, str]) -> ReducedRange | None:
        """The remedy of 7-bit weights, emulated as well."""
        smaller = reduced_recipe(recipe)
        if smaller is None:
            return None
        try:
            variant = self.variant(smaller, 0.7)
            found = self.emulate(variant, files, "emulating 7-bit weights", 0.7, 0.2)
        except Cancelled:
            raise
        except QExplorerError as error:
            return ReducedRange(smaller.name, smaller.to_yaml(), None, None, None, error.sentence)
        risky = sum(row["risky_pairs"] > 0 for row in found["layers"])
        _, saturating = self.accuracies(found)
        return ReducedRange(smaller.name, smaller.to_yaml(), risky, saturating, variant.size.weight_bytes)

    def switch(self, variant: Variant, files: Mapping[str, str]) -> ExactSwitch:
        """The remedy of exact kernels, timed here."""
        batch = self.subject.batches[0]
        arguments = {"backend": reference().name, "path": str(variant.path), "files": dict(files), "threads": 1}
        try:
            with alone(self.cancelled):
                found = run_in_child(
                    f"{_CHILD}:time_switch",
                    {**arguments, "batch": batch},
                    limits=self.subject.allowed(_LIMITS),
                    on_event=lambda event: self.tell("timing exact kernels", 0.9 + 0.1 * float(event["done"])),
                    cancelled=self.cancelled,
                )
        except Cancelled:
            raise
        except QExplorerError as error:
            return ExactSwitch(None, None, None, None, 0, batch, None, error.sentence)
        usual, exact = found["usual_ms"], found["exact_ms"]
        middle, other = float(np.median(usual)), float(np.median(exact))
        interval = ratio_interval(exact, usual)
        return ExactSwitch(middle, other, other / middle, interval, len(usual), batch, bool(found["same"]))
