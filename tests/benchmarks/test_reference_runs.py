"""How references are run in a Python of their own, and how what they gave is kept and told."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks.against_references import RESULTS, Missing, Row, Theirs, answered, keep, table
from benchmarks.references.folded import folded
from benchmarks.references.protocol import ADAPTERS, Job, adapter
from benchmarks.references.subjects import calibration, subject
from tests.quantize.graphs import Builder

X = np.random.default_rng(0).normal(size=(6, 16)).astype(np.float32)


def _graph() -> onnx.ModelProto:
    """A normalization that two products with biases read, and one that a Gemm reads."""
    b = Builder()
    norms = []
    for _ in range(2):
        constants = [b.constant((b.random.normal(size=16) + 2).astype(np.float32)) for _ in range(2)]
        norms.append(constants)
    h = b.node("LayerNormalization", b.input("x", ("n", 16)), *norms[0], axis=-1, name="first")
    one, other = (b.node("Add", b.node("MatMul", h, b.normal(16, 16), name=n), b.normal(16)) for n in ("a", "b"))
    h = b.node("LayerNormalization", b.node("Mul", one, other), *norms[1], axis=-1, name="second")
    b.output(b.node("Gemm", h, b.normal(3, 16), b.normal(3), transB=1, name="end"), 2)
    return b.model()


def _worker(folder: Path, does: str) -> str:
    """A program that stands in for a reference's Python: told a name and a folder, it does this in the folder."""
    path = folder / "worker"
    path.write_text(f"#!{sys.executable}\nimport sys, numpy as np, pathlib\nf = pathlib.Path(sys.argv[-1])\n{does}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


JOB = Job(_graph(), {"x": X}, {"x": X[:2]}, {"bits": 4})


def test_answers_of_a_reference_come_back_with_its_version(tmp_path: Path) -> None:
    """What a program writes into its folder is what it answers; it is given the samples that judge."""
    does = "np.savez(f / 'answers.npz', 2 * np.load(f / 'evaluation.npz')['x']); (f / 'version.txt').write_text('it 7')"
    theirs = Theirs("nncf", _worker(tmp_path, does))
    np.testing.assert_array_equal(theirs.answers(JOB), 2 * X[:2])
    assert theirs.version == "it 7"


def test_a_model_of_a_reference_is_run(tmp_path: Path) -> None:
    """A program that gives the float model back answers as it does."""
    does = "(f / 'given.onnx').write_bytes((f / 'float.onnx').read_bytes()); (f / 'version.txt').write_text('it 7')"
    found = Theirs("nncf", _worker(tmp_path, does)).answers(JOB)
    np.testing.assert_array_equal(found, answered(JOB.model, {"x": X[:2]}))


def test_a_missing_package_and_a_failure_are_told_apart(tmp_path: Path) -> None:
    """A package that cannot be imported is a reason to skip; anything else ends with the reference's own words."""
    absent = Theirs("nncf", _worker(tmp_path, "(f / 'missing.txt').write_text('no nncf'); sys.exit(3)"))
    with pytest.raises(Missing, match="no nncf"):
        absent.answers(JOB)
    broken = Theirs("nncf", _worker(tmp_path, "sys.exit('it broke')"))
    with pytest.raises(RuntimeError, match="it broke"):
        broken.answers(JOB)


def test_a_row_takes_the_place_of_an_earlier_one_of_its_case(tmp_path: Path) -> None:
    """Others stay, cases that are no longer there go, and rows stand in the order of the cases."""
    first, second = adapter("nncf").CASES[:2]
    words = [f"{case.subject}, {case.what}" for case in (first, second)]
    others = [Row(case, "SQNR (dB)", None, 1, 1, 1, 1) for case in ("gone", f"{words[0]}, and more, 3 seeds")]
    keep("nncf", [Row(words[1], "SQNR (dB)", None, 1, 1, 3, 2), *others], "v1", tmp_path)
    keep("nncf", [Row(f"{words[0]}, 3 seeds", "SQNR (dB)", None, 1, 1, 5, 6, (-1, 1, -2))], "v2", tmp_path)
    keep("nncf", [Row(words[1], "SQNR (dB)", None, 1, 1, 4, 2)], "v2", tmp_path)
    held = json.loads((tmp_path / "nncf.json").read_text())
    assert [(row["case"], row["ours"]) for row in held["rows"]] == [(f"{words[0]}, 3 seeds", 5), (words[1], 4)]
    text = (tmp_path / "nncf.md").read_text()
    assert f"| {words[0]}, 3 seeds | SQNR (dB) |  | 1.00 | 1.00 | 6.00 | 5.00 | -1.00, +1.00, -2.00 | by seed |" in text
    assert "v2" in text


@pytest.mark.parametrize("name", ADAPTERS)
def test_tables_show_the_rows_that_are_kept(name: str) -> None:
    """Each table is what its rows make, and where ours is behind, the page beside it names the case."""
    held = json.loads((RESULTS / f"{name}.json").read_text())
    rows = [Row(**{**row, "ahead": tuple(row["ahead"])}) for row in held["rows"]]
    assert rows
    assert [json.loads(json.dumps(asdict(row))) for row in rows] == held["rows"]
    lines = (RESULTS / f"{name}.md").read_text().splitlines()
    assert [x for x in lines if x.startswith("| ")] == [
        x for x in table(name, rows, held["version"]).splitlines() if x.startswith("| ")
    ]
    behind = {row.case for row in rows if row.verdict == "no"}
    told = (RESULTS / "README.md").read_text()
    assert not [case for case in behind if f"`{case}`" not in told]


def test_factors_of_normalizations_go_into_products(shared_workspace: Path) -> None:
    """The same answers, with factors of 1 and no shifts in front of products with a bias; others stay."""
    assert shared_workspace
    proto = _graph()
    found = folded(proto)
    np.testing.assert_allclose(answered(found, {"x": X}), answered(proto, {"x": X}), rtol=1e-4, atol=1e-4)
    old, new = ({i.name: numpy_helper.to_array(i) for i in each.graph.initializer} for each in (proto, found))
    first, second = (next(n for n in proto.graph.node if n.name == name) for name in ("first", "second"))
    np.testing.assert_array_equal(new[first.input[1]], np.ones(16))
    np.testing.assert_array_equal(new[first.input[2]], np.zeros(16))
    assert not np.array_equal(old[first.input[1]], new[first.input[1]])
    np.testing.assert_array_equal(old[second.input[1]], new[second.input[1]])


def test_seeds_draw_calibration_samples_and_leave_those_that_judge() -> None:
    """Seed 0 is all there are; others are draws of three quarters, each its own."""
    (model, whole), (_, one), (_, two) = (subject("digits_cnn", seed) for seed in (0, 1, 2))
    assert one.calibration.n == two.calibration.n == 3 * whole.calibration.n // 4
    name = next(iter(calibration(model, whole)))
    assert not np.array_equal(calibration(model, one)[name], calibration(model, two)[name])
    key = next(iter(whole.evaluation.inputs))
    np.testing.assert_array_equal(one.evaluation.inputs[key], whole.evaluation.inputs[key])
