"""What is asked of whoever does a task, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import digest_json
from qexplorer.process.limits import BASE, Limits
from qexplorer.scheduling.program import computing_packages, program_digest

__all__ = ["InputFile", "SweepTask", "TaskEnd"]

_VERSION = 1  # of what is kept; another number makes it unread


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a task reads.

    Attributes:
        sha256: digest of its bytes: by this it is found on other machines.
        path: where it is on this one.
    """

    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class SweepTask:
    """One task, which needs no other.

    Attributes:
        target: ``qexplorer.module:function``, called in a child process as ``function(arguments, emit)``:
            ``arguments["order"]`` is the order, ``arguments["inputs"]`` has each input's path on that machine by name.
            What it returns is JSON data and follows from these alone. It says by ``process.child.allow`` what it may
            take.
        order: JSON data.
        inputs: files by name.
        exclusive: whether it takes timings: it then has a machine to itself, and what it found is not kept.
        limits: what it is granted before it says anything itself.
        digest: identifies the task: target, order, digests of inputs, this program and the packages that compute.
    """

    target: str
    order: Mapping[str, Any]
    inputs: Mapping[str, InputFile] = field(default_factory=dict)
    exclusive: bool = False
    limits: Limits = BASE
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Works out its digest."""
        inputs = {name: file.sha256 for name, file in self.inputs.items()}
        program = [program_digest(), computing_packages()]
        made_of = [_VERSION, self.target, self.order, inputs, self.exclusive, program]
        object.__setattr__(self, "digest", digest_json(made_of)[:32])


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How a task ended.

    Attributes:
        task: which.
        value: what it returned; None where it failed.
        error: why it failed; None where it did not.
        where: the machine, or worker, that did it.
        seconds: that it took there, without waiting for a place.
        known: whether it was done before and read from the workspace.
    """

    task: SweepTask
    value: Any = None
    error: QExplorerError | None = None
    where: str = ""
    seconds: float = 0.0
    known: bool = False

    def result(self) -> Any:
        """What it returned; raises why it failed."""
        if self.error is not None:
            raise self.error
        return self.value
