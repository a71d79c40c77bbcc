"""What a graph should answer: simulated, and in exact integers. Each computed once, however many backends are compared.

Every backend is judged in a process of its own, and all of one comparison judge the same graph on the same batches.
What a reference answered to a batch is kept beside the comparison's samples, named by the graph and by the digest of
what was fed; the next child reads it, and loads nothing at all if nothing is missing. Two children that arrive at one
batch together compute it once: the second waits.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.core.files import one_at_a_time, read_sealed, write_sealed
from qexplorer.measure.fidelity.looked_at import batch_digest
from qexplorer.run.protocol import Backend, Mode, Session, SessionOptions
from qexplorer.run.registry import exact_integers, reference

__all__ = ["ExactIntegers", "Simulation", "exact_for"]


class _Kept:
    """Answers of one backend to one graph, kept on disk.

    Args:
        path: the graph; files in the workspace never change, so that the path tells it apart.
        threads: threads of one operator.
        folder: where answers are kept: that of the comparison's samples, so that they are gone with them.
        kind: the first word of the files' names.
        session: the graph, if it is loaded already.
    """

    def __init__(self, path: Path, threads: int, folder: Path, kind: str, session: Session | None = None) -> None:
        self._path, self._threads = path, threads
        self._base = folder / f"{kind}-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}-{threads}"
        self._session = session

    def _load(self) -> Session:
        """Loads the graph. Raises BackendError."""
        raise NotImplementedError

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        kept = self._base.with_name(f"{self._base.name}.json")
        if (written := read_sealed(kept)) is not None:
            found: list[str] = json.loads(written)
            return found
        names = list(self._loaded().output_names)
        write_sealed(kept, json.dumps(names).encode(), lasting=False)
        return names

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch; ``feeds`` holds an array per model input. Raises BackendError."""
        kept = self._base.with_name(f"{self._base.name}-{batch_digest(feeds)}.npz")
        with one_at_a_time(kept.with_suffix(".lock")):
            if (written := read_sealed(kept)) is not None:
                with np.load(io.BytesIO(written), allow_pickle=False) as file:
                    return [file[f"{index}"] for index in range(len(file.files))]
            outputs = self._loaded().run(feeds)
            if all(output.dtype.isbuiltin == 1 for output in outputs):  # others (bfloat16) do not survive a file
                stream = io.BytesIO()
                np.savez(stream, **{f"{index}": output for index, output in enumerate(outputs)})  # type: ignore[arg-type]
                write_sealed(kept, stream.getvalue(), lasting=False)
            return outputs

    def _loaded(self) -> Session:
        if self._session is None:
            self._session = self._load()
        return self._session


class Simulation(_Kept):
    """Answers of the reference backend in ``Mode.SIMULATED``, or in a session that answers the same."""

    def __init__(self, path: Path, threads: int, folder: Path, session: Session | None = None) -> None:
        super().__init__(path, threads, folder, "simulated", session)

    def _load(self) -> Session:
        return reference().load(self._path, SessionOptions(Mode.SIMULATED, self._threads))


class ExactIntegers(_Kept):
    """Answers in exact integer arithmetic, wherever the graph has layers that integers can compute.

    What has none (float arithmetic behind the last layer, codes of 16 bits) is computed as the graph says.
    """

    def __init__(
        self, path: Path, threads: int, folder: Path, backend: Backend, session: Session | None = None
    ) -> None:
        super().__init__(path, threads, folder, "exact", session)
        self._backend = backend

    def _load(self) -> Session:
        session = self._backend.load(self._path, SessionOptions(Mode.NATIVE, self._threads))
        if not session.kernels().integer:
            raise BackendError("no layer of it is one that integers compute", where=self._path.name)
        return session

    def why_not(self) -> str | None:
        """Why there is no such thing for this graph; None if there is."""
        kept = self._base.with_name(f"{self._base.name}-why_not.json")
        with one_at_a_time(kept.with_suffix(".lock")):
            if (written := read_sealed(kept)) is not None:
                found: str | None = json.loads(written)
                return found
            reason: str | None = None
            try:
                self._loaded()
            except BackendError as error:
                reason = error.sentence
            write_sealed(kept, json.dumps(reason).encode(), lasting=False)
        return reason


def exact_for(path: Path, threads: int, folder: Path) -> ExactIntegers | None:
    """Exact integers for the graph at ``path``; None where no backend of this machine computes so, or not this one."""
    backend = exact_integers()
    found = None if backend is None else ExactIntegers(path, threads, folder, backend)
    return None if found is None or found.why_not() is not None else found
