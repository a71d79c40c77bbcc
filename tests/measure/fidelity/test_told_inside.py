"""Codes told by the very file that answers are believed where they show that all is right, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import Array
from qexplorer.core.errors import BackendError
from qexplorer.measure.fidelity.rounding_points import points_of, telling
from qexplorer.measure.fidelity.single_points import Asked, each_alone
from qexplorer.run.protocol import Answerer, Session, SessionOptions
from qexplorer.run.registry import BACKENDS
from tests.measure.models import SHAPE, make_cnn
from tests.measure.models import quantized as quantize_by_onnxruntime

RIGHT = BACKENDS.get("onnxruntime")
FEEDS = {"x": np.random.default_rng(3).normal(size=(8, *SHAPE)).astype(np.float32)}


@dataclass
class TellingSession:
    """A session of ONNX Runtime that tells its codes: right, of another tensor (``mistaken``), or not at all."""

    session: Session
    path: Path
    how: str

    @property
    def output_names(self) -> Sequence[str]:
        """As they are."""
        return self.session.output_names

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """As it is."""
        return self.session.run(feeds)

    def telling(self, codes: Sequence[str]) -> Answerer:
        """The codes, each a little off where places are mistaken."""
        if self.how == "cannot":
            raise BackendError("it cannot tell them")
        model = onnx.load(str(self.path))
        told = self.path.with_name("told-inside.onnx")
        onnx.save(telling(model, points_of(model.graph)), str(told))
        inner = RIGHT.load(told, SessionOptions())
        return inner if self.how == "right" else Mistaken(inner, set(codes))


@dataclass
class Mistaken:
    """Answers with codes that are steps beside what they should be."""

    inner: Session
    codes: set[str]

    @property
    def output_names(self) -> Sequence[str]:
        """As they are."""
        return self.inner.output_names

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The answers as they are."""
        found = zip(self.output_names, self.inner.run(feeds), strict=True)
        return [value ^ 8 if name in self.codes else value for name, value in found]


@dataclass
class TellsInside:
    """ONNX Runtime with such sessions, and the files that it was given."""

    how: str
    files: list[str] = field(default_factory=list)
    name, label, capabilities, facts = "tells-inside", "Tells inside", RIGHT.capabilities, RIGHT.facts
    availability = RIGHT.availability

    def load(self, path: Path, options: SessionOptions) -> TellingSession:
        """Loads the file."""
        self.files.append(path.name)
        return TellingSession(RIGHT.load(path, options), path, self.how)


@pytest.mark.parametrize(("how", "made"), [("right", []), ("mistaken", ["told.onnx"]), ("cannot", ["told.onnx"])])
def test_another_graph_is_made_only_where_the_file_itself_does_not_show_that_all_is_right(
    tmp_path: Path, *, how: str, made: list[str]
) -> None:
    """A right backend is right either way: a place in its file that was mistaken refuses nothing."""
    path = quantize_by_onnxruntime(make_cnn(tmp_path), tmp_path).path
    backend = TellsInside(how)
    found = each_alone(Asked(path, backend, RIGHT, [FEEDS], 1, tmp_path))  # type: ignore[arg-type]
    assert found.right
    assert (found.conclusive, found.blind, found.worst_steps) == (True, 0, 0)
    assert backend.files == [path.name, *made]
