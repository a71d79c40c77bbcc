"""Measured mixes timed beside the float model and int8, in turns, as comparisons are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.measure.effort import PLANS, Effort
from qexplorer.measure.scratch import keep_samples, scratch
from qexplorer.measure.timing.latency import Timed, time_variants
from qexplorer.measure.variant import float_variant, quantized_variant, subject_of
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.search.mixing.mix_types import MixClock, MixReport, PlainMix

__all__ = ["timed_mixes"]

_FLOAT, _INT8 = "float", "int8"


def timed_mixes(report: MixReport, model: Model, data: DataSet, files: Mapping[str, QuantizedModel]) -> MixReport:
    """``report`` with the latency and energy of its measured mixes, of float and of int8.

    Args:
        report: with a clock.
        model: in float.
        data: fitted to it; a calibration sample is run.
        files: by the name of the recipe, and int8.
    """
    assert report.clock is not None
    variants = {_FLOAT: float_variant(model)} | {name: quantized_variant(made) for name, made in files.items()}
    subject = replace(
        subject_of(model, replace(data, evaluation=data.calibration.take(slice(0, 32))), None),
        batches=(model.fixed_batch or 1,),
    )
    plan = replace(PLANS[Effort.QUICK], throughput_s=0.0)
    with scratch() as folder:
        found = time_variants(
            variants,
            report.clock.backend,
            subject,
            keep_samples(folder, subject.inputs),
            plan,
            threads=report.clock.threads,
            reference=_FLOAT,
        )
    verified = tuple(
        replace(mix, latency=found[mix.recipe_name].latency, energy=found[mix.recipe_name].energy)
        for mix in report.verified
    )
    return replace(report, verified=verified, clock=_with_plain(report.clock, found))


def _with_plain(clock: MixClock, found: Mapping[str, Timed]) -> MixClock:
    return replace(
        clock,
        plain=tuple(
            PlainMix(each.name, each.call_ms, found[each.name].latency if each.name in (_FLOAT, _INT8) else None)
            for each in clock.plain
        ),
    )
