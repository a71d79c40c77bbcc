"""What lies in a workspace: every folder of it, what it is called, and whether it may go when room is needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from qexplorer.core.workspace import PEOPLE

__all__ = ["FILES", "KEPT_KINDS", "Going", "KeptKind"]


class Going(StrEnum):
    """Whether what is kept may be removed to make room: it can then be made or given again."""

    OLDEST_FIRST = "oldest first"
    WHEN_IDLE = "while nobody works"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class KeptKind:
    """One folder of the workspace.

    Attributes:
        folder: its path from the workspace's root.
        title: what people call what is in it; several folders may share one.
        going: whether what is in it may be removed.
    """

    folder: str
    title: str
    going: Going = Going.OLDEST_FIRST


KEPT_KINDS: tuple[KeptKind, ...] = (
    KeptKind("data", "data, read"),
    KeptKind("uploads", "uploaded files"),
    KeptKind("models", "models"),
    KeptKind("quantized", "quantized models"),
    KeptKind("statistics", "statistics"),
    KeptKind("litert", "compiled"),
    KeptKind("inductor", "compiled"),
    KeptKind("inductor/cache", "compiled", Going.WHEN_IDLE),
    KeptKind("engines/onnxruntime", "compiled"),
    KeptKind("engines/tensorrt", "compiled"),
    KeptKind("numba", "compiled", Going.NEVER),
    KeptKind("why", "findings"),
    KeptKind("sweeps", "findings"),
    KeptKind("ladder", "findings"),
    KeptKind("saturation", "findings"),
    KeptKind("sums", "findings"),
    KeptKind("durations", "findings"),
    KeptKind("alone", "findings"),
    KeptKind("effects", "findings"),
    KeptKind("lessons", "findings"),
    KeptKind("sensitivity", "findings"),
    KeptKind("latencies", "findings"),
    KeptKind("judged", "findings"),
    KeptKind("tasks", "findings"),
    KeptKind("inputs", "data, read"),
    KeptKind("studies", "searches that can go on"),
    KeptKind("jobs", "jobs and sessions", Going.NEVER),
    KeptKind("sessions", "jobs and sessions", Going.NEVER),
    KeptKind("groups", "answers of classes"),
    KeptKind("training", "training that can go on"),
    KeptKind("details", "findings"),
    KeptKind("incoming", "being worked on", Going.NEVER),
    KeptKind("scratch", "being worked on", Going.NEVER),
    KeptKind("places", "being worked on", Going.NEVER),
    KeptKind(PEOPLE, "workspaces of people", Going.NEVER),
    KeptKind("working", "being worked on", Going.NEVER),
    KeptKind("places", "being worked on", Going.NEVER),
)

FILES: tuple[tuple[str, str], ...] = (
    ("runs.sqlite", "history of runs"),
    ("settings.json", "jobs and sessions"),
    ("cluster.json", "jobs and sessions"),
)
"""Files in the root by how their names begin (SQLite puts two beside its own), and what they are called."""
