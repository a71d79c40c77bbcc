"""Which of the model's classes each class of the data is, where the data names its classes instead of numbering them.

The names' own alphabetical order says little: data with three of five classes would number them 0, 1 and 2, whatever
they are to the model. They are matched by name with the model's own; where it has none, alphabetical order is believed
only if the data has as many classes as the model, as whoever trains on class folders numbers them so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qexplorer.core.dataset import Array, DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.core.tasks.choose import AGREEMENT, task_of
from qexplorer.core.workspace import digest_json
from qexplorer.load.class_names import matched
from qexplorer.load.datasets.raw import RawData
from qexplorer.load.outputs import class_count

__all__ = ["as_listed", "check_listed", "with_models_classes"]

_SHOWN = 5


def as_listed(raw: RawData, classes: Sequence[str]) -> RawData:
    """``raw`` with its classes numbered as in the list ``classes``. Raises DataError for a name that is not in it."""
    if not classes:
        return raw
    places: tuple[int, ...] | None = tuple(range(len(raw.classes)))
    if raw.classes:
        places = matched(raw.classes, classes)
    if places is None:
        what = f"the data has the classes {_few(raw.classes)}, and not all of them are in the list"
        raise DataError(what, where=raw.name, allowed=_few(classes), do="list every class, in the model's order")
    parts = [None if part is None else _renumbered(part, places) for part in (raw.evaluation, raw.calibration)]
    assert parts[0] is not None
    return replace(raw, evaluation=parts[0], calibration=parts[1], classes=tuple(classes), alphabetical=False)


def check_listed(classes: Sequence[str], model: Model, where: str | None = None) -> None:
    """Raises DataError for a list of another length than the model's first output has classes, where it tells."""
    count = class_count(model.outputs)
    if count is not None and count != len(classes):
        output = f"the model's first output '{model.outputs[0].name}'"
        raise DataError(
            f"the list names {len(classes):,} classes, and {output} has {count:,}",
            where=where,
            do="list every class, in the model's order, one a line",
        )


def with_models_classes(data: DataSet, model: Model) -> DataSet:
    """``data`` with the class numbers that ``model`` has for its classes; without labels where nobody can know them.

    Data whose labels are numbers, or whose names are in an order that somebody gave, stays as it is, unless the model
    names its classes too.
    """
    if not data.classes or data.evaluation.labels is None or not task_of(data).classes(model.outputs):
        return data
    if model.classes:
        places = matched(data.classes, model.classes)
        if places is not None:
            return _matched_by_name(data, model, places)
    count = class_count(model.outputs)
    if not data.alphabetical:
        return data
    if not model.classes and (count is None or count == len(data.classes)):
        note = "The data names its classes and the model does not: they are numbered in alphabetical order"
        return replace(data, notes=(*data.notes, f"{note}, as class folders are as a rule."))
    return _without_labels(data, model, count)


def _matched_by_name(data: DataSet, model: Model, places: tuple[int, ...]) -> DataSet:
    if data.classes == model.classes:
        return data
    note = f"Its {len(data.classes)} classes were matched by name with the {len(model.classes)} of the model."
    calibration = _renumbered(data.calibration, places)
    same = data.evaluation is data.calibration
    return replace(
        data,
        calibration=calibration,
        evaluation=calibration if same else _renumbered(data.evaluation, places),
        classes=model.classes,
        digest=digest_json([data.digest, places]),
        notes=(*data.notes, note),
        alphabetical=False,
    )


def _without_labels(data: DataSet, model: Model, count: int | None) -> DataSet:
    has = f"the model names {_few(model.classes)}" if model.classes else f"the model has {count} and does not name them"
    note = (
        f"The data has the classes {_few(data.classes)}, {has}: they cannot be matched, so there is no accuracy, and "
        "agreement with float stands in. Give all names in the model's order: on page Model, as 'classes' in the .npz, "
        "or in a classes.txt in the folder or beside the model."
    )
    calibration = replace(data.calibration, labels=None)
    return replace(
        data,
        calibration=calibration,
        evaluation=calibration if data.evaluation is data.calibration else replace(data.evaluation, labels=None),
        classes=(),
        digest=digest_json([data.digest, "no labels"]),
        notes=(*data.notes, note),
        task=AGREEMENT,
        alphabetical=False,
    )


def _renumbered(split: Split, places: tuple[int, ...]) -> Split:
    if split.labels is None or not places:
        return split
    table: Array = np.asarray(places, np.int64)
    return replace(split, labels=table[np.asarray(split.labels, np.int64)])


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
