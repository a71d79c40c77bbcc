"""Backends that misbehave on purpose, each in its own way, and only on files named as quantized."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from qexplorer.core.dataset import Array
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.onnxruntime.session import OnnxRuntimeSession
from qexplorer.run.preparing import preparing
from qexplorer.run.protocol import Mode, Preparation, SessionOptions
from qexplorer.run.registry import BACKENDS

__all__ = ["NAMES", "register"]


class _Session(OnnxRuntimeSession):
    def __init__(self, path: Path, options: SessionOptions, trouble: str) -> None:
        self.trouble = trouble if "w8a8" in path.name and options.mode is Mode.NATIVE else "none"
        if self.trouble == "crash":
            os.abort()
        if self.trouble == "hang":
            time.sleep(600)
        super().__init__(path, options)
        self.path, self.batches = path, set[int]()

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The right answers, or three steps of 0.05 beside them."""
        self.prepare(feeds["x"].shape)
        found = super().run(feeds)
        return [output + 0.15 for output in found] if self.trouble == "wrong" else found

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call, or the end of the process."""
        if self.trouble == "crash-timed":
            os.abort()
        self.prepare(feeds["x"].shape)
        return super().call(feeds)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Says that a batch size is prepared that did not come before."""
        if self.trouble == "prepares" and shape[0] not in self.batches:
            with preparing(self.path, [shape]):
                self.batches.add(shape[0])


class _Trial(OnnxRuntimeCpu):
    def __init__(self, trouble: str) -> None:
        self.name = f"trial-{trouble}"
        self.trouble = trouble
        self.facts = replace(self.facts, reference=False, rank=1000)
        if trouble == "prepares":
            self.capabilities = replace(self.capabilities, prepares=Preparation("It compiles", (10, 20), True))

    def load(self, path: Path, options: SessionOptions) -> _Session:
        """A session with this backend's trouble."""
        return _Session(path, options, self.trouble)


_TROUBLES = ("crash", "hang", "wrong", "crash-timed", "prepares")
NAMES = tuple(f"trial-{trouble}" for trouble in _TROUBLES)


def register() -> None:
    """Adds the trial backends to the registry of this process."""
    for trouble in _TROUBLES:
        BACKENDS.add(_Trial(trouble))
