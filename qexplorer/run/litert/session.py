"""A model loaded by LiteRT: converted files for the shapes that come, and one interpreter for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qexplorer.core.dataset import Array, as_declared
from qexplorer.core.errors import BackendError
from qexplorer.core.results import Kernels
from qexplorer.graph.file_digest import file_digest
from qexplorer.graph.walk import fed_inputs
from qexplorer.run.litert.cache import Converted, converted
from qexplorer.run.litert.inside import CodePlace, Codes, codes_in, places_of, with_outputs
from qexplorer.run.litert.interpreter import PreparedInterpreter
from qexplorer.run.litert.kernels import kernels_of
from qexplorer.run.protocol import Executed, SessionOptions

if TYPE_CHECKING:
    import onnx

__all__ = ["LiteRtSession"]

_KEPT = 4  # interpreters: each holds its own copy of the weights
Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Input:
    """An input of the ONNX graph; ``sizes`` has None where it is free."""

    name: str
    dtype: np.dtype[np.generic]
    sizes: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A file that is ready to run, and where in it the codes are that are handed out."""

    file: Converted
    prepared: PreparedInterpreter
    places: Sequence[CodePlace]


class LiteRtSession:
    """A model loaded by LiteRT.

    A file is converted for one sample. If it then gives every sample of a batch the answer that it gets alone, which
    is tried out, it serves every batch; otherwise the model is converted for each batch that comes.

    Args:
        path: the ONNX file.
        options: threads; LiteRT has one mode.
        inside: tensors of codes that are handed out behind the graph's own outputs.
    """

    def __init__(self, path: Path, options: SessionOptions, inside: Sequence[Codes] = ()) -> None:
        self._path, self._options, self._inside = path, options, inside
        graph = _read(path).graph
        self._inputs = tuple(_input(item) for item in fed_inputs(graph))
        self._outputs = [(item.name, item.type.tensor_type.elem_type) for item in graph.output]
        self._digest = file_digest(path)
        self._files: dict[Shapes, Converted] = {}
        self._prepared: dict[Shapes, _Loaded] = {}
        ones = tuple(tuple(1 if size is None else size for size in item.sizes) for item in self._inputs)
        self._free = all(None not in item.sizes[1:] and item.sizes[:1] == (None,) for item in self._inputs)
        self._one = ones if self._free or all(None not in item.sizes for item in self._inputs) else None
        if self._one is not None:
            self._file(self._one)

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return (*(name for name, _ in self._outputs), *(each.name for each in self._inside))

    @property
    def notes(self) -> tuple[str, ...]:
        """What LiteRT does otherwise than the graph says, a sentence each."""
        found = [item.differences for item in self._files.values()]
        return found[0] if found else ()

    def telling(self, codes: Sequence[str]) -> LiteRtSession:
        """See ``protocol.Telling``."""
        found = codes_in(self._path, codes)
        if found is None:
            raise BackendError("grids or sizes of its codes are not written in the graph", where=self._path.name)
        return LiteRtSession(self._path, self._options, found)

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Outputs for one batch, in the order of ``output_names``. Raises BackendError."""
        loaded = self._prepare(feeds)
        try:
            found = loaded.prepared.run(self._declared(feeds))
        except Exception as error:  # the interpreter raises ValueError and RuntimeError
            raise BackendError(f"LiteRT gave up ({_line(error)})", where=self._path.name) from None
        own = [self._as_asked(value, index, loaded.file) for index, value in enumerate(found[: len(self._outputs)])]
        told = zip(self._inside, found[len(own) :], loaded.places, strict=True)
        return own + [codes.read(value, turned=place.turned) for codes, value, place in told]

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], object]:
        """The bare call on one batch, as a user of LiteRT writes it: set_tensor, invoke, get_tensor."""
        return self._prepare(feeds).prepared.call(self._declared(feeds))

    def kernels(self) -> Kernels:
        """The operators of the converted file by what they compute on."""
        if not self._files:
            raise BackendError("its inputs have free sizes, so LiteRT has no file before it ran", where=self._path.name)
        return kernels_of(next(iter(self._files.values())).path.read_bytes())

    def profile(self, feeds: Mapping[str, Array], runs: int) -> tuple[Executed, ...]:  # noqa: ARG002
        """Empty: LiteRT's interpreter for Python has no profiler."""
        return ()

    def _prepare(self, feeds: Mapping[str, Array]) -> _Loaded:
        feeds = self._declared(feeds)
        shapes = self._shapes(feeds)
        if shapes not in self._prepared:
            file = self._file(shapes)
            while len(self._prepared) >= _KEPT:
                del self._prepared[next(iter(self._prepared))]
            given, places = self._with_codes(file) if self._inside else (file.path, ())
            try:
                prepared = PreparedInterpreter(given, file.inputs, feeds, threads=self._options.threads)
            except Exception as error:  # the interpreter raises ValueError and RuntimeError
                raise BackendError(f"LiteRT cannot load it ({_line(error)})", where=self._path.name) from None
            self._prepared[shapes] = _Loaded(file, prepared, places)
        return self._prepared[shapes]

    def _with_codes(self, file: Converted) -> tuple[bytes, Sequence[CodePlace]]:
        content = file.path.read_bytes()
        places = places_of(content, self._inside)
        if places is None:
            raise BackendError("its codes cannot be told in the converted file", where=self._path.name)
        return with_outputs(content, places, len(self._outputs)), places

    def _declared(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return as_declared(feeds, {item.name: len(item.sizes) for item in self._inputs})

    def _file(self, shapes: Shapes) -> Converted:
        """The converted file for inputs of ``shapes``: that for one sample if it serves any batch."""
        if self._free and self._one is not None and self._one in self._files and self._files[self._one].batch_free:
            return self._files[self._one]
        if shapes not in self._files:
            named = {item.name: shape for item, shape in zip(self._inputs, shapes, strict=True)}
            free = self._free and shapes == self._one
            self._files[shapes] = converted(self._path, self._digest, named, free=free)
        return self._files[shapes]

    def _shapes(self, feeds: Mapping[str, Array]) -> Shapes:
        """The shapes of the inputs. Raises BackendError if they are not those of the model."""
        for item in self._inputs:
            if item.name not in feeds:
                raise BackendError(f"no value was given for the input '{item.name}'", where=self._path.name)
            value = feeds[item.name]
            fits = len(value.shape) == len(item.sizes) and all(
                want in (None, size) for want, size in zip(item.sizes, value.shape, strict=True)
            )
            if not fits or value.dtype != item.dtype:
                wanted = ", ".join("free" if size is None else str(size) for size in item.sizes)
                what = f"the input '{item.name}' is {value.dtype} of shape {value.shape}"
                raise BackendError(what, where=self._path.name, allowed=f"{item.dtype} of shape ({wanted})")
        return tuple(tuple(feeds[item.name].shape) for item in self._inputs)

    def _as_asked(self, value: Array, index: int, file: Converted) -> Array:
        """An output in the type that the graph gives it; codes are read off the values on their grid."""
        value = np.asarray(value)  # the interpreter hands out a single number as a scalar
        grid = file.codes_out.get(index)
        if grid is not None:
            codes = np.rint(value.astype(np.float64) / grid["scale"]) + grid["zero_point"]
            limits = np.iinfo(grid["dtype"])
            found: Array = codes.clip(limits.min, limits.max).astype(grid["dtype"])
            return found
        from onnx import helper

        kind = self._outputs[index][1]
        return value if not kind else value.astype(helper.tensor_dtype_to_np_dtype(kind), copy=False)


def _read(path: Path) -> onnx.ModelProto:
    import onnx

    if not path.is_file():
        raise BackendError("there is no such file", where=path.name)
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's own
        raise BackendError(f"it is no ONNX model ({_line(error)})", where=path.name) from None
    if not model.graph.output:
        raise BackendError("it is no ONNX model (it has no outputs)", where=path.name)
    return model


def _input(item: onnx.ValueInfoProto) -> _Input:
    from onnx import helper

    tensor = item.type.tensor_type
    sizes = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in tensor.shape.dim)
    return _Input(item.name, np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)), sizes)


def _line(error: Exception) -> str:
    """An error's text on one line, without places in source files."""
    text = " ".join(str(error).split()) or type(error).__name__
    words = [word for word in text.split(" ") if not (".cc:" in word or word.startswith("/"))]
    return " ".join(words)[:240].rstrip(" .")
