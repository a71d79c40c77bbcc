"""What results and times depend on beside files: versions, processor, GPUs where one takes part, settings."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.machine import conditions as module
from qexplorer.machine.conditions import conditions, where_it_runs
from qexplorer.run.registry import BACKENDS


def test_gpus_count_where_a_backend_uses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other backends are none of its business, as is a variable that no runtime reads."""
    asked: list[int] = []
    monkeypatch.setattr(module, "gpus_here", lambda: asked.append(1) or [])
    cpu = next(each for each in BACKENDS if each.capabilities.device == "cpu")
    gpu = next(each for each in BACKENDS if each.capabilities.device != "cpu")
    where_it_runs([cpu])
    assert not asked
    where_it_runs([cpu, gpu])
    assert asked


def test_settings_and_packages_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable by which runtimes choose how to compute changes what is kept, another one does not."""
    cpu = next(each for each in BACKENDS if each.capabilities.device == "cpu")

    def told(packages: tuple[str, ...] = ()) -> list[Any]:
        return where_it_runs([cpu], packages)

    monkeypatch.delenv("ORT_THREADS", raising=False)
    before = told()
    assert set(before[0]) == {*cpu.facts.packages, "python"}
    assert set(told(("pyyaml",))[0]) == {*cpu.facts.packages, "pyyaml", "python"}
    monkeypatch.setenv("MY_ORT_THREADS", "1")
    assert told() == before
    monkeypatch.setenv("ORT_THREADS", "1")
    assert ["ORT_THREADS", "1"] in told()[-1]
    whole = conditions([cpu])
    assert {"numpy", "onnx", "scipy", "torch"} <= set(whole[2])
    assert conditions([cpu], [object()])[1] != whole[1]


def test_another_processor_is_another_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, and by what it has: a virtual machine may hide features. Another Python, too."""
    cpu = next(each for each in BACKENDS if each.capabilities.device == "cpu")
    found = [where_it_runs([cpu])]
    for name, other in (("cpu_model", "another"), ("cpu_features", ("avx2",))):
        monkeypatch.setattr(module, name, lambda other=other: other)
        found.append(where_it_runs([cpu]))
    monkeypatch.setattr(module.platform, "python_version", lambda: "3.99")
    found.append(where_it_runs([cpu]))
    assert len({str(each) for each in found}) == 4
