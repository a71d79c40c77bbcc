"""A search about a stranger's model is done by a child with limits: what goes there, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from qexplorer.core.dataset import DataSet
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.model import Model
from qexplorer.core.wire import Wire
from qexplorer.graph.allowance import allowance
from qexplorer.load.datasets.handed import hand_over, taken
from qexplorer.process.child import Emit, allow
from qexplorer.process.parent import run_in_child

__all__ = ["AskedOfChild", "asked_of_child", "in_child"]

Report = TypeVar("Report", bound=Wire)


def in_child(
    entry: str,
    model: Model,
    data: DataSet,
    question: Mapping[str, Any],
    report: type[Report],
    *,
    tell: Callable[[str, float], None],
    partly: Callable[[Report], None] | None,
    batch: int = 1,
) -> Report:
    """What the child answers.

    Args:
        entry: its function, as ``module:name``; it begins with :func:`asked_of_child`.
        model: what the search is about.
        data: fitted to it.
        question: plain data.
        report: what comes back, whole and in between.
        tell: told a sentence and the share that is done.
        partly: handed what is known before the end.
        batch: samples at a time, which the limits grow with.
    """

    def hear(event: dict[str, Any]) -> None:
        if "step" in event:
            tell(event["step"], event["done"])
        elif "partly" in event and partly is not None:
            partly(report.from_json(event["partly"]))

    with passing_folder("handed") as folder:
        arguments = {
            "model": model.to_json(),
            "data": hand_over(data, Path(folder)),
            "question": dict(question),
            "batch": batch,
        }
        return report.from_json(run_in_child(entry, arguments, limits=allowance(model, batch=batch), on_event=hear))


@dataclass(frozen=True, slots=True, eq=False)
class AskedOfChild:
    """What a child was asked.

    Attributes:
        model: what the search is about.
        data: fitted to it.
        question: plain data.
        tell: sends a sentence and the share that is done.
        partly: sends what is known before the end.
    """

    model: Model
    data: DataSet
    question: dict[str, Any]
    tell: Callable[[str, float], None]
    partly: Callable[[Wire], None]


def asked_of_child(arguments: Mapping[str, Any], emit: Emit) -> AskedOfChild:
    """What :func:`in_child` asked, and the ways to answer; from here on the child's limits hold."""
    model = Model.from_json(arguments["model"])
    allow(allowance(model, batch=int(arguments["batch"])))
    return AskedOfChild(
        model,
        taken(arguments["data"]),
        dict(arguments["question"]),
        lambda step, done: emit({"event": "progress", "step": step, "done": done}),
        lambda report: emit({"event": "partly", "partly": report.to_json()}),
    )
