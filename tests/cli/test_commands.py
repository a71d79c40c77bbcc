"""What each command prints, field by field, and what it writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

from qexplorer import __version__
from qexplorer.core.formats import FORMATS
from qexplorer.core.results import Status
from qexplorer.report.table import ComparisonTable
from tests.cli.conftest import Outcome, environment
from tests.report.comparisons import comparison, float_run, quantized_run

RUN_FIELDS = {
    "accuracy": {"metric", "value", "ci95", "n", "delta", "delta_ci95", "mcnemar_p", "fixed", "broken"},
    "size": {"file_bytes", "weight_bytes"},
    "latency_ms": {"p50", "p90", "p99", "ci95", "n", "batch", "threads", "valid"},
    "memory": {"peak_rss_bytes"},
    "energy_mj": {"value", "ci95", "source", "reason"},
    "fidelity": {"argmax_agreement", "max_lsb", "exact"},
    "kernels": {"integer", "float"},
}


def test_version(qexplorer: Any) -> None:
    """``--version`` prints the package's version."""
    assert qexplorer("--version").out == f"qexplorer {__version__}\n"


def test_samples_lists_the_sample_models(qexplorer: Any) -> None:
    """Trained samples have an accuracy, architectures have none, and each names its data."""
    listed = {sample["name"]: sample for sample in qexplorer("samples", "--json").json["samples"]}
    assert listed["digits_cnn"]["data"] == "digits"
    assert 0.9 < listed["digits_cnn"]["float_accuracy"] <= 1
    assert not listed["resnet18"]["trained"]
    assert listed["resnet18"]["float_accuracy"] is None
    assert "untrained: size and latency only" in qexplorer("samples").out


def test_formats_lists_levels_and_backends(qexplorer: Any) -> None:
    """Every registered name, at most 256 levels (those of the small floats equal ml_dtypes), and what runs them."""
    import ml_dtypes
    import numpy as np

    listed = {each["name"]: each for each in qexplorer("formats", "--json").json["formats"]}
    assert set(listed) == set(FORMATS.names())
    for name, kind in (
        ("fp8_e4m3", ml_dtypes.float8_e4m3fn),
        ("fp8_e5m2", ml_dtypes.float8_e5m2),
        ("fp6_e3m2", ml_dtypes.float6_e3m2fn),
        ("fp4_e2m1", ml_dtypes.float4_e2m1fn),
        ("mxfp4", ml_dtypes.float4_e2m1fn),
        ("nvfp4", ml_dtypes.float4_e2m1fn),
    ):
        every = np.arange(2 ** listed[name]["bits"], dtype=np.uint8).view(kind).astype(np.float32)
        assert listed[name]["levels"] == np.unique(every[np.isfinite(every)]).tolist()
    assert listed["int4"]["levels"] == list(range(-8, 8))
    assert (listed["int16"]["levels"], listed["int16"]["count"]) == (None, 65536)
    assert {"onnxruntime", "openvino"} <= set(listed["int8"]["runs_on"])
    assert {"torch", "torch-inductor"} <= set(listed["fp16"]["runs_on"]) & set(listed["bf16"]["runs_on"])
    assert not {"onnxruntime", "litert"} & {*listed["fp16"]["runs_on"], *listed["bf16"]["runs_on"]}, "widened there"
    assert not listed["bf16"]["simulated"]
    assert (listed["nf4"]["runs_on"], listed["nf4"]["simulated"]) == ([], True)
    table = qexplorer("formats").out
    assert all(name in table for name in listed)


def test_doctor_names_every_backend_and_meter(qexplorer: Any) -> None:
    """What is available has been found so; what is not says why."""
    found = qexplorer("doctor", "--json").json
    backends = {backend["name"]: backend for backend in found["backends"]}
    others = {"onnxruntime-cuda", "onnxruntime-tensorrt", "openvino", "torch", "litert", "tensorrt"}
    assert {"onnxruntime"} | others <= set(backends)
    assert backends["onnxruntime"]["available"]
    assert {meter["name"] for meter in found["power"]} == {"rapl", "nvml", "zeus", "estimate"}
    for each in (*found["backends"], *found["power"]):
        assert each["available"] or each["reason"], each["name"]
    assert found["machine"]["logical_cpus"] >= 1
    assert "onnxruntime" in qexplorer("doctor").out


def test_inspect_lists_the_layers(qexplorer: Any) -> None:
    """Totals and layers are those of the file."""
    found = qexplorer("inspect", "digits_cnn", "--json").json
    assert {"sha256", "opset", "inputs", "outputs", "parameters", "macs"} <= set(found["model"])
    assert found["model"]["opset"] == 21
    assert found["model"]["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert found["model"]["macs"] == sum(layer["macs"] for layer in found["layers"])
    for layer in found["layers"]:
        assert set(layer) == {"name", "op", "quantizable", "reason", "parameters", "macs", "computes"}
        assert layer["quantizable"] or layer["reason"]
    table = qexplorer("inspect", "digits_cnn").out
    assert all((layer["name"] in table) == layer["computes"] for layer in found["layers"])


def test_quantize_writes_a_checked_model(qexplorer: Any, tmp_path: Path) -> None:
    """The file is a valid QDQ graph of the size that is printed, and the plan covers every layer."""
    out = tmp_path / "out.onnx"
    found = qexplorer("quantize", "digits_cnn", "--recipe", "w8a8", "-o", out, "--samples", "32", "--json").json
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    assert found["size"]["file_bytes"] == out.stat().st_size
    assert found["size"]["weight_bytes"] < 0.3 * found_float_bytes(qexplorer)
    assert len(found["plan"]["layers"]) == len(qexplorer("inspect", "digits_cnn", "--json").json["layers"])
    assert all(layer["reason"] for layer in found["plan"]["layers"])


def found_float_bytes(qexplorer: Any) -> int:
    """Bytes of the float model's weights."""
    return int(qexplorer("inspect", "digits_cnn", "--json").json["model"]["weight_bytes"])


def test_quantize_explains_what_algorithms_changed(qexplorer: Any, tmp_path: Path) -> None:
    """A row for each layer under a sentence, and the same numbers in JSON; a recipe without any has nothing to tell."""
    out = str(tmp_path / "out.onnx")
    asked = ("quantize", "tumour_mlp", "--recipe", "w3-adaround", "-o", out, "--explain")
    printed = qexplorer(*asked).out
    assert "AdaRound: the SQNR of the network's outputs" in printed
    assert "codes moved" in printed
    (effect,) = qexplorer(*asked, "--json").json["algorithms"]
    assert (effect["algorithm"], effect["without"]) == ("adaround", "w3")
    assert effect["layers"][0]["output_sqnr_db"].keys() == {"before", "after"}
    plain = ("quantize", "tumour_mlp", "--recipe", "w3", "-o", out, "--explain", "--json")
    assert "algorithms" not in qexplorer(*plain).json


def test_quantize_prints_what_became_of_each_layer(qexplorer: Any, tmp_path: Path) -> None:
    """The table names every layer with its reason, after where the file is."""
    out = tmp_path / "out.onnx"
    printed = qexplorer("quantize", "digits_cnn", "--recipe", "w4-b32", "-o", out)
    assert printed.code == 0
    assert printed.err == ""
    assert str(out) in printed.out.splitlines()[0]
    assert "int4" in printed.out


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One comparison, in a process of its own, for all tests of this file that read one."""
    command = [sys.executable, "-m", "qexplorer", "compare", "digits_cnn", "--recipe", "w8a8", "w4-b32"]
    done = subprocess.run(
        [*command, "--quick", "--json", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path_factory.mktemp("compare"),
        env=environment(),
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("status", "code"), [(Status.OK, 0), (Status.REFUSED, 1), (Status.FAILED, 1)])
def test_one_run_without_numbers_shows_in_the_exit_code(
    status: Status, code: int, monkeypatch: pytest.MonkeyPatch, qexplorer: Any
) -> None:
    """Beside a run that is well; all of them are printed."""
    table = ComparisonTable(comparison(float_run(), quantized_run(status=status, reason="it went astray")))
    monkeypatch.setattr("qexplorer.api.compare", lambda *_, **__: table)
    found = qexplorer("compare", "tumour_mlp", "--recipe", "w8a8", "--json")
    assert [run["status"] for run in found.json["runs"]] == ["ok", status]
    assert found.code == code


def test_compare_prints_the_documented_fields(compared: Any) -> None:
    """Every run has every field of the documentation; float comes first."""
    assert compared.code == 0, compared.err
    assert compared.err == ""
    found = compared.json
    assert {"model", "machine", "runs"} <= set(found)
    assert [run["recipe"] for run in found["runs"]] == ["float", "w8a8", "w4-b32"]
    for run in found["runs"]:
        assert run["status"] == "ok"
        assert run["backend"] == "onnxruntime"
        assert re.fullmatch(r"[0-9a-f]{8,64}", run["digest"])
        assert run["throughput_per_s"] > 0
        for field, keys in RUN_FIELDS.items():
            assert keys <= set(run[field]), (run["recipe"], field)


def test_compare_measures_what_it_prints(compared: Any) -> None:
    """Accuracies are counts over n, sizes fall, and energy says where it is from."""
    plain, int8, int4 = compared.json["runs"]
    for run in (plain, int8, int4):
        hits = run["accuracy"]["value"] * run["accuracy"]["n"]
        assert hits == pytest.approx(round(hits), abs=1e-6)
        assert run["accuracy"]["ci95"][0] <= run["accuracy"]["value"] <= run["accuracy"]["ci95"][1]
        source = run["energy_mj"]["source"]
        assert source == "estimated" or source.startswith("measured:")
    assert int4["size"]["weight_bytes"] < int8["size"]["weight_bytes"] < plain["size"]["weight_bytes"]
    assert int8["accuracy"]["delta"] == pytest.approx(int8["accuracy"]["value"] - plain["accuracy"]["value"])
    changed = int8["accuracy"]["fixed"] - int8["accuracy"]["broken"]
    assert int8["accuracy"]["delta"] == pytest.approx(changed / int8["accuracy"]["n"])
    assert int8["fidelity"]["max_lsb"] <= 1
    assert sum(int8["kernels"]["integer"].values()) > 0


def test_untrained_models_are_called_so(qexplorer: Any) -> None:
    """An architecture that is built on demand says that only its size and latency mean anything."""
    assert "untrained: size and latency only" in qexplorer("inspect", "resnet18").out.splitlines()[0]
    assert qexplorer("inspect", "resnet18", "--json").json["model"]["untrained"]
