"""What every backend is and does.

How to add one: a file or a package in this folder with a class that follows :class:`Backend`, and what it brings::

    ENTRIES = (MyBackend(),)

at the end of the file, or in the package's ``__init__.py``. The folder is read at the start of the program, so that
runtimes (``import openvino``) are imported inside functions. Nothing else has to be touched: pages, terminal, charts
and records ask the backend. A page in ``docs/backends/`` tells what it does; ``tests/contract/`` checks it.
A class derived from another backend's needs ``facts`` of its own: hue, rank, and no second ``reference``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from qexplorer.core.dataset import Array
from qexplorer.core.registry import Named
from qexplorer.core.results import Kernels

__all__ = [
    "Availability",
    "Backend",
    "Capabilities",
    "Executed",
    "Facts",
    "KernelKind",
    "Mode",
    "Preparation",
    "Session",
    "SessionOptions",
    "Telling",
]


class Mode(StrEnum):
    """How a QDQ graph is executed: ``simulated`` computes in float between Q/DQ pairs, ``native`` as the backend likes
    (integer kernels wherever it has them)."""

    SIMULATED = "simulated"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can be used here; if not, why, and the one command that enables it."""

    available: bool
    reason: str | None = None
    enable: str | None = None


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a backend does with a file for seconds before it first answers. The result is kept in the workspace.

    A backend that declares it does the work within ``preparing`` of ``preparing.py``, so that others can say it.

    Attributes:
        says: who does what, such as ``PyTorch compiles``; the file's name follows.
        usual_s: seconds that it usually takes for a small model, least and most.
        each_shape: whether it is done again for every batch size.
    """

    says: str
    usual_s: tuple[int, int]
    each_shape: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend declares it can run in integers; anything else it runs in float, or not at all.

    Attributes:
        device: ``cpu`` or ``gpu``.
        weight_formats: formats of weights that reach integer kernels.
        activation_formats: formats of activations that reach integer kernels.
        simulates: whether it has ``Mode.SIMULATED``.
        prepares: what takes it seconds before a file's first answer; None if nothing does.
        float_operators: operators that it has no integer kernels for, whatever the formats.
        halves: asks which 16-bit floats its products are computed in: ``fp16``, ``bf16``; on this machine, where its
            processor decides. All others are widened to float32.
        ranges_by_sample: whether it finds the range of a dynamically quantized input sample by sample, where the graph
            says one range for the whole batch.
        prefers_unsigned: whether signed activations cost it speed: layers that do not fuse, products without the
            processor's dot products.
    """

    device: str
    weight_formats: frozenset[str]
    activation_formats: frozenset[str]
    simulates: bool
    prepares: Preparation | None = None
    float_operators: frozenset[str] = frozenset()
    prefers_unsigned: bool = False
    ranges_by_sample: bool = False
    halves: Callable[[], frozenset[str]] = frozenset


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a session is made.

    Attributes:
        mode: simulated or native.
        threads: threads of one operator.
        exact_products: ask for integer kernels that never saturate inside, where the backend has such a switch (ONNX
            Runtime: ``session.x64quantprecision``). Slower everywhere, also with VNNI, where it changes no answer.
    """

    mode: Mode = Mode.NATIVE
    threads: int = 1
    exact_products: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What others show and keep of a backend.

    Attributes:
        hue: colour of its integer results, ``#rrggbb``: 3 : 1 on white and on the dark theme, and no other backend's.
        packages: what computes, as named where it is installed from; their versions are kept beside every number.
        rank: its place in lists, the lowest first.
        reference: whether its simulation is what every backend's answers are compared with; true of one.
        exact: whether its native answers are those of exact integer arithmetic: products summed without saturation and
            modulo 2**32, then one scale in float32, rounded half to even.
    """

    hue: str
    packages: tuple[str, ...] = ()
    rank: int = 1000
    reference: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Executed:
    """One kernel that ran, in the order of execution.

    Attributes:
        name: what the backend calls it.
        op: operator type, as in ``Kernels``.
        kind: what it works on.
        ms: median time of one run, milliseconds; None where the backend does not tell.
        layers: names of the nodes of the given graph that it computes (Q/DQ nodes left out); empty if unknown.
    """

    name: str
    op: str
    kind: KernelKind
    ms: float | None
    layers: tuple[str, ...] = ()


class KernelKind(StrEnum):
    """What a kernel works on: integer codes, floats; or it only converts between them (quantize, dequantize, reorder a
    layout, cast), or only moves data."""

    INTEGER = "integer"
    FLOAT = "float"
    CONVERTS = "converts"
    MOVES = "moves"


class Answerer(Protocol):
    """Whatever answers batches as a model does: a loaded model, or what one answered before."""

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        ...

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch; ``feeds`` holds an array per model input. Raises BackendError."""
        ...


class Session(Answerer, Protocol):
    """A loaded model."""

    @property
    def notes(self) -> Sequence[str]:
        """What somebody who takes the file to this runtime must know to get the same: settings beside its defaults, and
        what is computed otherwise than the graph says. A sentence each."""
        ...

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch, as a user of the runtime would write it: this is what is timed."""
        ...

    def kernels(self) -> Kernels:
        """The kernels that really run, from the backend's own optimized graph."""
        ...

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:
        """Every kernel with its time, from ``runs`` profiled runs on one batch (after two that are not counted).

        Profiling slows a run down: these times are for comparing kernels with each other, not for latency. Empty where
        the backend has no profiler. Raises BackendError.
        """
        ...


@runtime_checkable
class Telling(Protocol):
    """A session that can tell its codes while it computes what it computes when nobody looks."""

    def telling(self, codes: Sequence[str]) -> Answerer:
        """The same loaded model, which hands out the tensors of codes of these names behind its own outputs.

        They may be told by likeness, so that whoever reads them has to check that they can be what they are said to be.
        Raises BackendError, then or when it runs: it cannot tell one of them.
        """
        ...


class Backend(Named, Protocol):
    """A runtime on this machine, such as ``onnxruntime``."""

    @property
    def label(self) -> str:
        """Name for people, such as ``ONNX Runtime``; the device is said where it is not the processor."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as data."""
        ...

    @property
    def facts(self) -> Facts:
        """What others show and keep of it."""
        ...

    def availability(self) -> Availability:
        """Whether it can be used here. Cheap enough to ask on every page."""
        ...

    def import_runtime(self) -> None:
        """Imports the runtime and loads nothing else: what a process takes after this is the runtime's own memory."""
        ...

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the model at ``path``. Raises BackendError."""
        ...
