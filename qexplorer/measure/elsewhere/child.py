"""The worker's side of a comparison on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qexplorer.core.errors import InputError
from qexplorer.load.handing import data_in, model_in
from qexplorer.measure.effort import TimingPlan
from qexplorer.measure.elsewhere.found import JudgedThere, TimedThere, named_here, variant_in
from qexplorer.measure.judging import Judged, judge_variant, samples_digest
from qexplorer.measure.scoring import Scoring, keep_labels
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.timing.latency import time_variants
from qexplorer.measure.variant import Subject, Variant, float_variant, subject_of
from qexplorer.process.child import Emit
from qexplorer.run.packages import versions_of

__all__ = ["judge", "time_there"]


def judge(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Judges one file on one backend, in a child of its own.

    Args:
        arguments: the order names ``samples`` (evaluation samples, at most), ``threads``, the ``backend`` with the
            ``packages`` that it must have, and the ``variant`` but for its path; inputs are the model, its data and
            the ``file``.
        emit: told that it gets on.

    Returns:
        A :class:`JudgedThere`.
    """
    order, inputs = arguments["order"], arguments["inputs"]
    _same_packages(order["backend"], order["packages"])
    subject = subject_of(model_in(inputs), data_in(inputs), order["samples"])
    variant = variant_in(order["variant"], inputs["file"])
    with scratch() as folder:
        judged = _SamplesThere(subject, folder, order["backend"], order["threads"], emit).of(variant)
    return JudgedThere.of(judged).to_json()


def time_there(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Times variants on backends, one backend after the other.

    Args:
        arguments: the order names ``samples``, ``threads``, the ``plan``, ``packages`` by backend, ``backends`` (keys
            of the variants, by backend) and ``variants`` (by key, but for their paths); inputs are the model, its
            data and a ``file KEY`` for each variant.
        emit: told that it gets on.

    Returns:
        A :class:`TimedThere`.
    """
    order, inputs = arguments["order"], arguments["inputs"]
    for backend, packages in order["packages"].items():
        _same_packages(backend, packages)
    subject = subject_of(model_in(inputs), data_in(inputs), order["samples"])
    variants = {key: variant_in(value, inputs[f"file {key}"]) for key, value in order["variants"].items()}
    found = {}
    with scratch() as folder:
        files = keep_samples(folder, subject.inputs)
        for backend, keys in order["backends"].items():
            found[backend] = time_variants(
                {key: variants[key] for key in keys},
                backend,
                subject,
                files,
                TimingPlan(**order["plan"]),
                threads=order["threads"],
                reference=next((key for key in keys if variants[key].is_float), None),
                on_progress=lambda _: emit({"event": "progress"}),
            )
    return TimedThere.of(found).to_json()


class _SamplesThere:
    """Samples on disk, and whoever is judged on them."""

    def __init__(self, subject: Subject, folder: Path, backend: str, threads: int, emit: Emit) -> None:
        self._subject, self._folder, self._backend, self._threads = subject, folder, backend, threads
        self._emit = emit
        self._files = keep_samples(folder, subject.inputs)
        self._labels = keep_labels(folder, subject.labels)
        self._metrics = () if subject.model.untrained else subject.metrics

    def of(self, variant: Variant) -> Judged:
        """What is found of a variant; where a metric compares with the float model's answers, these are found first,
        on this very machine."""
        floats = None
        if not variant.is_float and any(metric.needs_float for metric in self._metrics):
            floats = self._folder / "answers"
            self._judged(float_variant(self._subject.model), "float", keep=floats)
        return self._judged(variant, "own", floats=floats)

    def _judged(self, variant: Variant, name: str, *, keep: Path | None = None, floats: Path | None = None) -> Judged:
        return judge_variant(
            variant,
            self._backend,
            self._subject,
            self._files,
            scoring=Scoring.of(self._metrics, self._folder / name, labels=self._labels, keep=keep, floats=floats),
            threads=self._threads,
            on_progress=lambda _: self._emit({"event": "progress"}),
            samples=samples_digest(self._subject),
        )


def _same_packages(backend: str, wanted: Mapping[str, str]) -> None:
    """Raises InputError if this machine computes with other packages than the one that asks."""
    here = versions_of(wanted)
    for package, version in wanted.items():
        if here.get(package) != version:
            has = here.get(package) or "not at all"
            raise InputError(
                f"the worker {named_here()} has {package} {has}, and the machine that asks {version}",
                where=backend,
                do="install the same on all machines (see docs/cluster.md)",
            )
