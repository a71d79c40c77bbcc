"""Small networks found for quantization."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.api.given import fitted, load
from qexplorer.api.number_checks import check_whole
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import InputError
from qexplorer.core.model import Model

if TYPE_CHECKING:
    from qexplorer.search.architecture.architecture_types import ArchitectureReport

__all__ = ["design"]


def design(
    model: Model | str | Path,
    data: DataSet | str | Path | None = None,
    *,
    networks: int = 16,
    rounds: int = 3,
    epochs: int = 8,
    rounded_epochs: int = 4,
    judged: int = 5,
    seed: int = 0,
    pictures: int = 16384,
    progress: Callable[[str, float], None] | None = None,
    partly: Callable[[ArchitectureReport], None] | None = None,
) -> ArchitectureReport:
    """Width, depth, kernel, kind of block, activation and bits of small networks, searched together.

    Networks are trained briefly in float and then with rounding in the way, on the model's own answers to moved
    pictures; each round the better half goes on and is trained twice as long. The best are judged on the evaluation
    part and timed on ONNX Runtime, beside the model quantized alike.

    Args:
        model: a sample model that sorts pictures into classes.
        data: a data set, or what :func:`data` takes; a sample model brings its own.
        networks: shapes that are tried in the first round; 2 to 128, which are all.
        rounds: how many; each keeps half of the networks, so that 16 are one in the fifth.
        epochs: of float training in the last round; each round before has half as many, and at least one.
        rounded_epochs: of training with rounding in the way in the last round.
        judged: found networks that are judged and timed, at most.
        seed: of every draw.
        pictures: that are drawn from those that there are, moved and blended, to learn from; 64 to 200,000.
        progress: called with (a sentence, the share that is done).
        partly: called with what is known before the end.

    Raises:
        InputError: the model is no sample that sorts pictures into classes, or a number that cannot be.
    """
    from qexplorer.search.architecture.architecture_types import ArchitectureQuestion
    from qexplorer.search.architecture.finding import find_networks
    from qexplorer.search.architecture.shapes import N_SHAPES

    asked = {"networks": networks, "rounds": rounds, "epochs": epochs, "rounded_epochs": rounded_epochs}
    for name, value in (asked | {"judged": judged}).items():
        check_whole(name, value, *((2, N_SHAPES) if name == "networks" else (1, 1000)))
    _check_rounds(networks, rounds, epochs)
    check_whole("pictures", pictures, 64, 200_000)
    check_whole("seed", seed, 0)
    question = ArchitectureQuestion(networks, rounds, epochs, rounded_epochs, judged, seed, pictures)
    float_model = load(model)
    given = fitted(float_model, data, "networks learn from data")
    return find_networks(float_model, given, question, progress=progress, partly=partly)


def _check_rounds(networks: int, rounds: int, epochs: int) -> None:
    """Raises InputError if a round could choose among none, or trains no longer than the one before."""
    from qexplorer.search.architecture.architecture_types import most_rounds

    most = most_rounds(networks, epochs)
    if rounds <= most:
        return
    of, why = "networks", f"{networks} networks, halved each time, are one in round {most}"
    if epochs.bit_length() == most:
        of, why = "epochs", f"{epochs} epochs, halved for each round before, are one in the first of {most}"
    raise InputError(f"rounds cannot be {rounds}: {why}", allowed=f"1 to {most} rounds", do=f"or ask for more {of}")
