"""A model loaded by ONNX Runtime, on whichever execution provider: what its backends share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.dataset import Array, as_declared
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.graph.runtime_errors import runtime_sentence
from qexplorer.run.onnxruntime.unpack import Stored, stored_weights
from qexplorer.run.protocol import Executed, Mode, SessionOptions

if TYPE_CHECKING:
    import onnx
    import onnxruntime

__all__ = ["OnnxRuntimeSession", "Provider", "settings_of"]

Provider = str | tuple[str, dict[str, str]]
_CPU: tuple[Provider, ...] = ("CPUExecutionProvider",)
_AS_WRITTEN = "session.disable_quant_qdq"
_ACCURACY = "session.qdq_matmulnbits_accuracy_level"
_EXACT = "session.x64quantprecision"
_TWICE = "replace the existing tensor"
"""In its message where that setting makes one constant of several MatMulInteger unsigned twice (1.31)."""


class OnnxRuntimeSession:
    """A model loaded by ONNX Runtime.

    Args:
        path: the ONNX file.
        options: mode and threads. With one thread the caller's own thread computes; with more, ONNX Runtime's
            workers spin while they wait (``session.intra_op.allow_spinning``, its default, which is what its users
            get): faster, at the price of CPU time.
        providers: execution providers with their options, the preferred one first.
        unpacks: whether weights that no kernel reads as codes are turned to floats once, when the file is loaded, by a
            setting that sessions do not have by default.

    Raises:
        BackendError: the file is missing, no model, or holds something ONNX Runtime has no kernel for.
    """

    def __init__(
        self, path: Path, options: SessionOptions, providers: Sequence[Provider] = _CPU, *, unpacks: bool = False
    ) -> None:
        self._path, self._options, self._providers = path, options, providers
        native = tuple(providers) == _CPU and options.mode is Mode.NATIVE
        self._stored = stored_weights(path) if native else Stored()
        self._unpacks = unpacks and self._stored.unpacked
        self._session = self._open(self._settings())
        self._names = tuple(output.name for output in self._session.get_outputs())
        self._ranks = {item.name: len(item.shape) for item in self._session.get_inputs()}

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return self._names

    @property
    def notes(self) -> tuple[str, ...]:
        """The entries of the session's configuration that bear on this file, and the one that would help it."""
        found = []
        if self._unpacks:
            found.append(f"with {_AS_WRITTEN}=1, which unpacks weights once and not in every call")
        elif self._stored.unpacked:
            found.append(
                f"weights are unpacked in every call; {_AS_WRITTEN}=1 would unpack them once, when it is loaded"
            )
        if self._stored.packed and not self._unpacks:
            found.append(f"with {_ACCURACY}=0, which keeps inputs of MatMulNBits in float")
        if self._options.exact_products:
            found.append(f"with {_EXACT}=1, which keeps sums of two products from saturating")
        return tuple(found)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch, in the order of ``output_names``. Raises BackendError."""
        return self._answers(self._session, feeds)

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch, as a user of ONNX Runtime writes it: this is what is timed."""
        return functools.partial(self._session.run, None, as_declared(feeds, self._ranks))

    def kernels(self) -> Kernels:
        """The kernels that really run, from the optimized graph (written to a private folder, read, deleted)."""
        from qexplorer.run.onnxruntime.kernels import kernels_of

        with passing_folder("optimized") as folder:
            _, optimized = self.optimized(Path(folder), self._settings())
            return kernels_of(optimized)

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:
        """Every kernel with its time and the given nodes that it computes, from ONNX Runtime's own profile.

        A second session runs ``runs`` times after two runs that are not counted; its profile goes to a private folder.
        """
        import onnx

        from qexplorer.run.onnxruntime.profile import UNCOUNTED, executed, read_events

        with passing_folder("optimized") as folder:
            settings = self._settings()
            settings.enable_profiling = True
            settings.profile_file_prefix = str(Path(folder) / "profile")
            session, optimized = self.optimized(Path(folder), settings)
            try:
                for _ in range(runs + UNCOUNTED):
                    self._answers(session, feeds)
            finally:
                events = Path(session.end_profiling())
            given = onnx.load(str(self._path), load_external_data=False)
            return executed(given, optimized, read_events(events))

    def optimized(self, folder: Path, settings: onnxruntime.SessionOptions) -> tuple[Any, onnx.ModelProto]:
        """A session of its own with ``settings``, and its optimized graph, written to ``folder``."""
        import onnx

        path = folder / "optimized.onnx"
        settings.optimized_model_filepath = str(path)
        session = self._open(settings)
        return session, onnx.load(str(path), load_external_data=False)

    def _settings(self) -> onnxruntime.SessionOptions:
        settings = settings_of(self._options)
        if self._unpacks:
            # Q/DQ pairs stay as written, which lets constants be folded: there is no integer kernel to be had here.
            settings.add_session_config_entry(_AS_WRITTEN, "1")
        return settings

    def _open(self, settings: onnxruntime.SessionOptions) -> Any:
        import onnxruntime

        try:
            return onnxruntime.InferenceSession(str(self._path), settings, providers=list(self._providers))
        except Exception as error:  # its exceptions share no base class but Exception
            what = f"ONNX Runtime cannot load it ({runtime_sentence(error)})"
            if self._options.exact_products and _TWICE in str(error):
                what = f"ONNX Runtime cannot load it with {_EXACT}=1, because two layers share a weight"
            raise BackendError(what, where=self._path.name) from None

    def _answers(self, session: Any, feeds: Mapping[str, Array]) -> list[Array]:
        try:
            found: list[Array] = session.run(None, as_declared(feeds, self._ranks))
        except Exception as error:  # its exceptions share no base class but Exception
            raise BackendError(runtime_sentence(error), where=self._path.name) from None
        return found


def settings_of(options: SessionOptions) -> onnxruntime.SessionOptions:
    """ONNX Runtime's settings for ``options``."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # what goes wrong is raised; warnings would reach people's terminals
    # Exact weight-only arithmetic: without it int4 MatMul quantizes its input to int8 (error 0.13 in our trial).
    settings.add_session_config_entry(_ACCURACY, "0")
    if options.exact_products:
        settings.add_session_config_entry(_EXACT, "1")
    if options.mode is Mode.SIMULATED:
        settings.add_session_config_entry(_AS_WRITTEN, "1")
    return settings
