"""What a measuring child waits for while its backend compiles or converts a file, told to the parent in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qexplorer.process.child import Emit
from qexplorer.run.preparing import tell_preparing
from qexplorer.run.protocol import Preparation

__all__ = ["OnWait", "Wait", "announce", "heard", "waiting_text"]


@dataclass(frozen=True, slots=True)
class Wait:
    """A file that is prepared for a batch size (None: it has none)."""

    path: str
    batch: int | None


OnWait = Callable[[Wait | None], None]
"""Told what is waited for, and None when that is over."""


def announce(emit: Emit) -> None:
    """In the child: sends a ``prepares`` event whenever a backend begins or ends to prepare a file."""

    def tell(path: Path | None, batch: int | None) -> None:
        emit({"event": "prepares", "path": None if path is None else str(path), "batch": batch})

    tell_preparing(tell)


def heard(on_progress: Callable[[float], None] | None, on_wait: OnWait | None) -> Callable[[dict[str, Any]], None]:
    """In the parent: hands a child's events to whoever wants to know the share that is done, or what is waited for."""

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "prepares":
            if on_wait is not None:
                on_wait(None if event["path"] is None else Wait(event["path"], event["batch"]))
        elif on_progress is not None:
            on_progress(float(event["done"]))

    return hear


def waiting_text(prepares: Preparation, what: str, batch: int | None) -> str:
    """One line, such as ``PyTorch compiles w8a8 for batch 32, usually 10 to 20 s``."""
    shape = f" for batch {batch}" if prepares.each_shape and batch is not None else ""
    least, most = prepares.usual_s
    return f"{prepares.says} {what}{shape}, usually {least} to {most} s"
