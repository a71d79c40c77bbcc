"""The temperature at which a divergence is decided by enough samples.

A network is sure of nearly every sample that it was trained on. Of 128 such samples of digits_vit ten decide the
divergence, and of a layer whose rounding moves none of these ten it says next to nothing. At a higher temperature more
samples count, as in distillation (Hinton, Vinyals and Dean 2015).
"""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.dataset import Array, DataSet
from qexplorer.core.model import Model
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.search.mixing.verifying import answers_on
from qexplorer.search.sensitivity.distances import Yardstick
from qexplorer.search.sensitivity.finding import yardstick_of
from qexplorer.search.sensitivity.float_answers import FloatAnswers

__all__ = ["temperature_for", "tempered", "tempering_note"]

_TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 4.0)
_LEAST = 0.25  # of all samples, that have to count


def temperature_for(model: Model, data: DataSet, samples: int) -> float:
    """What :func:`tempered` says of a model on calibration samples, so many at most."""
    yard = yardstick_of(model, data)
    answers = [] if yard.axis is None else answers_on(model, model.path, calibration_sample(data, samples).split)
    return tempered(yard, answers)


def tempered(yard: Yardstick, answers: Sequence[Array]) -> float:
    """The lowest temperature at which a quarter of the samples in effect decides; 1 where answers are no classes.

    Args:
        yard: what answers are judged by.
        answers: of the float network on samples that choices are made by.
    """
    if yard.axis is None:
        return 1.0
    for temperature in _TEMPERATURES:
        beside = FloatAnswers.of(answers, (), yard.axis, probabilities=yard.probabilities, temperature=temperature)
        if beside.evenness >= _LEAST:
            return temperature
    return _TEMPERATURES[-1]


def tempering_note(temperature: float) -> tuple[str, ...]:
    """What a reader should know of a temperature; nothing of 1."""
    if temperature == 1:
        return ()
    return (
        f"Divergences are taken at a temperature of {temperature:g}: the network is sure of nearly every calibration "
        "sample, and at 1 a few others alone would decide.",
    )
