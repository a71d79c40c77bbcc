"""From what was typed to values: model, recipe, data with its preprocessing."""

from __future__ import annotations

import argparse
from pathlib import Path

from qexplorer import api
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.core.recipe_words.faults import words_of

__all__ = ["data_of"]


def data_of(order: argparse.Namespace, model: Model) -> DataSet | None:
    """The data that ``--data`` names for ``model``, preprocessed as asked; None when there is no ``--data``.

    Raises:
        DataError: preprocessing that cannot be, preprocessing or a task without data, or a list of classes that is not
            one, or is not the model's.
        UnknownName: there is no such task.
    """
    typed = {k: getattr(order, k) for k in ("layout", "scale", "mean", "std", "size")}
    given = {name: value for name, value in typed.items() if value is not None}
    task, listed = order.task, order.classes
    if order.data is None:
        if given or task is not None or listed is not None:
            lone = next(iter(given), "task" if task is not None else "classes")
            raise DataError(f"--{lone} needs --data", do="name the data that it is for")
        return None
    classes = () if listed is None else _classes(Path(listed), model)
    if not given:
        return api.data(order.data, task=task, classes=classes)
    from pydantic import ValidationError

    from qexplorer.load.datasets.preprocess import Preprocessing

    try:
        preprocessing = Preprocessing.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(words_of(first), where=f"--{first['loc'][0]}") from None
    return api.data(order.data, preprocessing=preprocessing, task=task, classes=classes)


def _classes(path: Path, model: Model) -> tuple[str, ...]:
    """The names in a list of the model's classes. Raises DataError."""
    from qexplorer.core.foreign.texts import TooMuch, why_unread
    from qexplorer.load.class_names import names_in_file
    from qexplorer.load.datasets.classes import check_listed

    try:
        names = names_in_file(path)
    except TooMuch as error:
        raise DataError(f"{error}, which no list of class names has", where=str(path), allowed="at most 1 MB") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(why_unread(error), where=str(path), do="check the path") from None
    if not names:
        allowed = "two names or more that differ, one a line, in the model's order"
        raise DataError("this is no list of class names", where=str(path), allowed=allowed)
    check_listed(names, model, where=str(path))
    return names
