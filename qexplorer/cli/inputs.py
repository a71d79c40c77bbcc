"""From what was typed to values: model, recipe, data with its preprocessing."""

from __future__ import annotations

import argparse

from qexplorer import api
from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import DataError
from qexplorer.core.recipe_errors import words_of

__all__ = ["data_of"]


def data_of(order: argparse.Namespace) -> DataSet | None:
    """The data that ``--data`` names, preprocessed as asked; None when there is no ``--data``.

    Raises:
        DataError: preprocessing that cannot be, or preprocessing or a task without data.
        UnknownName: there is no such task.
    """
    typed = {k: getattr(order, k) for k in ("layout", "scale", "mean", "std", "size")}
    given = {name: value for name, value in typed.items() if value is not None}
    task = order.task
    if order.data is None:
        if given or task is not None:
            raise DataError(f"--{next(iter(given), 'task')} needs --data", do="name the data that it is for")
        return None
    if not given:
        return api.data(order.data, task=task)
    from pydantic import ValidationError

    from qexplorer.load.datasets.preprocess import Preprocessing

    try:
        preprocessing = Preprocessing.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(words_of(first), where=f"--{first['loc'][0]}") from None
    return api.data(order.data, preprocessing=preprocessing, task=task)
