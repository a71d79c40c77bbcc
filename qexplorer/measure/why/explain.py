"""Why is it not faster? For one run: what its layers ran as and why, where the time goes, and what would help.

Two steps: :func:`known_why` reads what the file, the recipe and the backend's declaration tell, without running
anything; :func:`measure_why` profiles the float and the quantized model side by side in a child and keeps the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Kernels
from qexplorer.core.words.numbers import percent_text
from qexplorer.core.workspace import digest_json, workspace
from qexplorer.graph.allowance import allowance
from qexplorer.machine.ceiling import Ceiling
from qexplorer.machine.cpu import cpu_features
from qexplorer.measure.timing.paired import paired_speedup
from qexplorer.measure.why.causes import causes_of
from qexplorer.measure.why.explanation import Calls, Why
from qexplorer.measure.why.facts import facts_of
from qexplorer.measure.why.layers import Owners, parts_of, rows_expected, rows_of
from qexplorer.measure.why.rule_types import World
from qexplorer.measure.why.rules import EXPECTED_FLOAT
from qexplorer.measure.why.verdict import verdict_sentence
from qexplorer.process.limits import BASE
from qexplorer.process.parent import run_in_child
from qexplorer.process.places.taking import alone
from qexplorer.run.protocol import Backend, Executed, KernelKind
from qexplorer.run.registry import BACKENDS, usable

__all__ = ["WhyOrder", "kept_why", "known_why", "measure_why", "why_from"]

_LIMITS = replace(BASE, quiet_s=600.0)
_VERSION = 1
_SPREAD = 0.15  # of rounds: from here on something else was using the processor


@dataclass(frozen=True, slots=True)
class WhyOrder:
    """What is to be explained.

    Attributes:
        model: the float model.
        recipe: what was asked for.
        path: the quantized file.
        digest: of that file.
        backend: a backend's name.
        threads: threads of one operator.
        batch: samples in one call; a file that insists on another gets its own.
    """

    model: Model
    recipe: Recipe
    path: Path
    digest: str
    backend: str
    threads: int = 1
    batch: int = 1

    @property
    def samples(self) -> int:
        """Samples in one call, as the file allows."""
        return self.model.fixed_batch or self.batch


def known_why(order: WhyOrder, kernels: Kernels | None = None) -> Why:
    """What is known without running anything; milliseconds for a small model.

    Args:
        order: what is to be explained.
        kernels: those that ran when the run was judged: where none of them is a float one, nothing is expected to be.

    Raises:
        RecipeError, UnknownName: the recipe does not fit the model; no such backend.
    """
    backend = BACKENDS.get(order.backend)
    facts = facts_of(order.model, order.recipe)
    rows = rows_expected(order.model, facts, backend, order.samples)
    world = World(order.recipe, backend, cpu_features(), None, facts, rows)
    found, causes = causes_of(world, None, None)
    if kernels is not None and not kernels.float:
        causes = tuple(cause for cause in causes if cause.key not in EXPECTED_FLOAT)
    verdict = verdict_sentence(None, None, causes, found)
    return _why(order, layers=found, causes=causes, verdict=verdict)


def measure_why(
    order: WhyOrder,
    files: Mapping[str, str],
    *,
    progress: Callable[[str, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Why:
    """Profiles both models in a child, explains what comes of it, and keeps the explanation in the workspace.

    Args:
        order: what is to be explained.
        files: samples by input name (see ``scratch.keep_samples``).
        progress: told the step and the share done.
        cancelled: asked at least every 0.2 s.

    Raises:
        BackendError: the backend cannot be used here, or gave up.
        ChildError: the child died.
        Cancelled: ``cancelled()`` became true.
    """
    backend = usable(order.backend)
    arguments = {
        "backend": order.backend,
        "float": str(order.model.path),
        "quantized": str(order.path),
        "files": dict(files),
        "threads": order.threads,
        "batch": order.samples,
    }
    with alone(cancelled):
        found = run_in_child(
            "qexplorer.measure.why.profile_child:profile_both",
            arguments,
            limits=allowance(order.model, batch=order.samples, base=_LIMITS),
            on_event=lambda event: progress(event["step"], float(event["done"])) if progress else None,
            cancelled=cancelled,
        )
    explained = why_from(order, backend, found)
    write_sealed(_file(order), json.dumps(explained.to_json()).encode())
    return explained


def kept_why(order: WhyOrder) -> Why | None:
    """The explanation that was kept for exactly this, or None."""
    try:
        return Why.from_json(json.loads(read_sealed(_file(order)) or b""))
    except (ValueError, TypeError, KeyError):
        return None


def why_from(order: WhyOrder, backend: Backend, found: Mapping[str, Any]) -> Why:
    """The explanation of what the child measured (see ``why_child.profile_both``)."""
    kernels = _kernels(found["float"]), _kernels(found["quantized"])
    calls = _calls(found)
    ceiling = None if found["ceiling"] is None else Ceiling.from_json(found["ceiling"])
    facts, owners = facts_of(order.model, order.recipe), Owners(order.model)
    least = (None, None) if calls.noisy else calls.least_ms
    float_parts, parts = (parts_of(run, owners, call) for run, call in zip(kernels, least, strict=True))
    if kernels[1]:
        rows = rows_of(order.model, facts, kernels, owners, order.samples)
    else:
        rows = rows_expected(order.model, facts, backend, order.samples)
    world = World(
        order.recipe,
        backend,
        cpu_features(),
        ceiling,
        facts,
        rows,
        calls.quantized_ms,
        None if parts is None else parts.least_kernel_ms,
    )
    rows, causes = causes_of(world, parts, calls)
    return _why(
        order,
        layers=rows,
        float_parts=float_parts,
        quantized_parts=parts,
        calls=calls,
        causes=causes,
        verdict=verdict_sentence(calls, parts, causes, rows),
        ceiling=ceiling,
        missing=_missing(backend, kernels, found["unprofiled"], ceiling, calls),
        runs=int(found["runs"]),
    )


def _why(order: WhyOrder, **found: Any) -> Why:
    empty: dict[str, Any] = {"float_parts": None, "quantized_parts": None, "calls": None}
    return Why(
        recipe=order.recipe.name,
        digest=order.digest,
        backend=order.backend,
        threads=order.threads,
        batch=order.samples,
        created=datetime.now(UTC).isoformat(),
        **{**empty, **found},
    )


def _kernels(values: list[dict[str, Any]]) -> tuple[Executed, ...]:
    return tuple(Executed(**{**v, "kind": KernelKind(v["kind"]), "layers": tuple(v["layers"])}) for v in values)


def _calls(found: Mapping[str, Any]) -> Calls:
    import numpy as np

    plain, quantized = (np.asarray(found["rounds"][key], np.float64) / 1e6 for key in ("float", "quantized"))
    float_ms, quantized_ms = float(np.median(plain)), float(np.median(quantized))
    least = float(plain.min()), float(quantized.min())
    spread = max(float(np.quantile(plain, 0.75)) / least[0], float(np.quantile(quantized, 0.75)) / least[1]) - 1
    longer = f"a quarter of the rounds took {percent_text(spread)} longer than the quickest, or more"
    noisy = longer if spread > _SPREAD else None
    paired = paired_speedup(plain, quantized)
    ratio = float_ms / quantized_ms if paired.ratio is None else paired.ratio
    return Calls(float_ms, quantized_ms, ratio, paired.ci95, int(found["n"]), least, noisy)


def _missing(
    backend: Backend,
    kernels: tuple[tuple[Executed, ...], tuple[Executed, ...]],
    unprofiled: Mapping[str, str],
    ceiling: Ceiling | None,
    calls: Calls,
) -> tuple[str, ...]:
    """One sentence for each thing that could not be had."""
    found = []
    if calls.noisy:
        found.append(f"what a call takes outside of its kernels: the machine was busy ({calls.noisy}); measure again")
    if not any(kernels):
        why = next(iter(unprofiled.values()), "it has no profiler that tells the time of single kernels")
        found.append(f"no times of single layers on {backend.label}: {why}")
    elif not all(kernels):
        why = next(iter(unprofiled.values()), "its profiler told nothing")
        found.append(f"only one of the two models could be profiled on {backend.label}: {why}")
    if ceiling is None:
        found.append("no roofline: the limits of a GPU are not measured here")
    else:
        found += [f"{name}: {why}" for name, why in ceiling.missing.items()]
    return tuple(found)


def _file(order: WhyOrder) -> Path:
    key = [_VERSION, order.model.sha256, order.digest, order.backend, order.threads, order.samples]
    return workspace("why") / f"{digest_json(key)[:16]}.json"
