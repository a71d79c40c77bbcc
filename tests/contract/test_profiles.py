"""What every backend says of the kernels that ran, and what it declares, whichever it is."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import onnx
import pytest

from qexplorer.core.model import Model
from qexplorer.measure.variant import Variant
from qexplorer.run.protocol import Backend, Executed, KernelKind, Mode, Session, SessionOptions
from tests.contract.here import HERE
from tests.measure.models import samples

QUANTIZERS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
UNTIMED = {
    "onnxruntime-cuda": "its profile sees when kernels are started, not how long they take on the GPU",
}
"""Backends that list kernels without their times."""

pytestmark = pytest.mark.parametrize("backend", HERE, ids=[backend.name for backend in HERE])


@cache
def profiled(backend: Backend, path: Path) -> tuple[Session, tuple[Executed, ...]]:
    """A session and its profile, made once for all tests of this file: some backends compile for seconds."""
    session = backend.load(path, SessionOptions(Mode.NATIVE))
    return session, session.profile({"x": samples(2)}, 3)


@pytest.fixture(params=["float", "quantized"])
def path(request: pytest.FixtureRequest, backend: Backend, model: Model, variants: dict[bool, Variant]) -> Path:
    """The float file, and the quantized one that the backend declares."""
    if request.param == "float":
        return model.path
    return variants[backend.capabilities.activation_formats == {"int8"}].path


def test_a_profile_lists_each_kernel_once_with_its_time(backend: Backend, path: Path) -> None:
    """Names are unique; times are there for all kernels or, where the backend does not tell them, for none."""
    _, profile = profiled(backend, path)
    if not profile:
        pytest.skip("it has no profiler")
    assert max(Counter(kernel.name for kernel in profile).values()) == 1
    if backend.name in UNTIMED:
        assert all(kernel.ms is None for kernel in profile)
    else:
        assert all(kernel.ms is not None and kernel.ms >= 0 for kernel in profile)
        assert sum(kernel.ms or 0 for kernel in profile) > 0


def test_a_profile_and_the_list_of_kernels_agree_on_what_is_integer(backend: Backend, path: Path) -> None:
    """The operators of integer kernels are the same in both."""
    session, profile = profiled(backend, path)
    if not profile:
        pytest.skip("it has no profiler")
    assert {kernel.op for kernel in profile if kernel.kind is KernelKind.INTEGER} == set(session.kernels().integer)


def test_a_profile_names_nodes_of_the_given_graph(backend: Backend, path: Path) -> None:
    """Every layer that a kernel claims is a node of the file, no quantizer, and claimed by one kernel alone."""
    _, profile = profiled(backend, path)
    claimed = Counter(layer for kernel in profile for layer in kernel.layers)
    if not claimed:
        pytest.skip("it does not tell which layers a kernel computes")
    given = {node.name: node.op_type for node in onnx.load(str(path)).graph.node}
    assert set(claimed) <= set(given)
    assert not QUANTIZERS & {given[name] for name in claimed}
    assert max(claimed.values()) == 1
    assert {"Conv", "Gemm"} <= {given[name] for name in claimed}


def test_a_profile_leaves_the_session_as_it_was(backend: Backend, path: Path) -> None:
    """After profiling, the session answers as a fresh one does."""
    session, profile = profiled(backend, path)
    if not profile:
        pytest.skip("it has no profiler")
    fresh = backend.load(path, SessionOptions(Mode.NATIVE))
    feeds = {"x": samples(2)}
    assert session.run(feeds)[0].tobytes() == fresh.run(feeds)[0].tobytes()


def test_importing_the_runtime_loads_no_model_and_works_in_a_bare_process(backend: Backend, tmp_path: Path) -> None:
    """A process that does nothing else can do it; that is how the runtime's own memory is measured."""
    code = f"from qexplorer.run.registry import BACKENDS\nBACKENDS.get({backend.name!r}).import_runtime()\n"
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr.decode()[-500:]
    assert list(tmp_path.glob("*.onnx")) == []


def test_formats_of_activations_come_with_formats_of_weights(backend: Backend) -> None:
    """What is declared as reaching integer kernels is made of integers, on both sides of a product."""
    from qexplorer.core.formats import get_format

    declared = backend.capabilities
    assert all(get_format(name).is_uniform for name in declared.activation_formats | declared.weight_formats)
    assert bool(declared.weight_formats) >= bool(declared.activation_formats)
