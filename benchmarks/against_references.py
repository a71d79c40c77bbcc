"""Are our algorithms at least as good as reference implementations, on the same model, data and width, in one run?

    python benchmarks/against_references.py [--only NAME ...] [--python NAME=PATH ...] [--case WORDS] [--seeds N]

References are the files of ``benchmarks/references/adapters``. Each gets the same float model and the calibration
samples that ours gets, and both are scored on the same held-out samples, in float as their grids have them. Rows go
to ``benchmarks/results/against_references/NAME.json``, each in the place of an earlier one of the same case, and as a
table with versions to ``NAME.md``; a reference that cannot be imported is skipped, and the reason printed.

References live in environments of their own where they ask for other versions of what we use (with this project's
dependencies beside them)::

    python -m venv /somewhere && /somewhere/bin/pip install -c constraints.txt torch==2.13.0 nncf -e .
    python benchmarks/against_references.py --only nncf --python nncf=/somewhere/bin/python
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx
from numpy.typing import NDArray

import qexplorer as qx
from benchmarks.references.protocol import ADAPTERS, Arrays, Case, Job, adapter, write_job
from benchmarks.references.subjects import CALIBRATION, calibration, fed, scores, subject
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.machine.description import describe_machine
from qexplorer.measure.metrics.statistics import student_half
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.collecting.tap import open_session
from qexplorer.quantize.changes.apply import run_algorithms
from qexplorer.quantize.changes.drafts import Materials
from qexplorer.quantize.layerwise.streams import SIMULATED
from qexplorer.quantize.outliers import migrating
from qexplorer.quantize.outliers.input_groups import InputGroup

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "against_references"
EQUAL = {"SQNR (dB)": 0.3, "accuracy (%)": 0.5, "perplexity": 0.05}
"""How far ours may be behind and count as equal: what other samples to calibrate on make of it."""


class Missing(Exception):
    """A package that is not installed, or does not work here, with the reason."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case, judged in one way.

    Attributes:
        case: subject and algorithm, in words.
        measure: a key of ``EQUAL``.
        real: what the float model has.
        plain: ours without the algorithm.
        theirs_plain: theirs without it; None where they have no such mode.
        ours: with it; of several seeds the median, as everywhere here.
        theirs: with it.
        ahead: how far ours is ahead, by seed; empty where there was one.
    """

    case: str
    measure: str
    real: float | None
    plain: float
    theirs_plain: float | None
    ours: float
    theirs: float
    ahead: tuple[float, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of how far ours is ahead in the mean, 95 %, Student's t over the seeds; None with fewer than five."""
        return None if len(self.ahead) < 5 else mean_interval(self.ahead)

    @property
    def verdict(self) -> str:
        """Whether ours is at least as good; equal where some seeds say so and some not, or their interval holds 0."""
        ahead, near = _ahead(self.measure, self.ours, self.theirs), EQUAL[self.measure]
        if ahead >= 0:
            return "yes"
        if self.interval is not None and self.interval[1] >= 0:
            return "no difference shown"
        if self.interval is None and any(each >= 0 for each in self.ahead):
            return "by seed"
        return f"within {near:g}" if ahead >= -near else "no"


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Of the mean of two and more independent values, 95 %, Student's t."""
    mean, half = statistics.fmean(values), student_half(np.asarray(values, np.float64))
    return mean - half, mean + half


def _ahead(measure: str, ours: float, theirs: float) -> float:
    return theirs - ours if measure == "perplexity" else ours - theirs


class Theirs:
    """Runs one reference in its Python, and remembers the versions that it told."""

    def __init__(self, name: str, python: str) -> None:
        self.name, self.python, self.version = name, python, ""

    def answers(self, job: Job) -> NDArray[Any]:
        """What it answers to the held-out samples. Raises Missing."""
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            write_job(folder, job)
            order = [self.python, "-m", "benchmarks.references.run", self.name, str(folder)]
            ended = subprocess.run(order, cwd=ROOT, capture_output=True, text=True, check=False)
            if (folder / "missing.txt").exists():
                raise Missing((folder / "missing.txt").read_text())
            if ended.returncode:
                raise RuntimeError(f"{self.name} failed on {dict(job.settings)}:\n{ended.stderr[-3000:]}")
            self.version = (folder / "version.txt").read_text()
            if (folder / "answers.npz").exists():
                with np.load(folder / "answers.npz") as held:
                    first: NDArray[Any] = held["arr_0"]
                    return first
            return answered(onnx.load(folder / "given.onnx"), job.evaluation)


def answered(proto: onnx.ModelProto, inputs: Arrays) -> NDArray[Any]:
    """The first output of a graph in ONNX Runtime on the CPU, quantized products as they are written."""
    session = open_session(proto.SerializeToString(), 1, "model", settings=SIMULATED)
    total = len(next(iter(inputs.values())))
    parts = [session.run(None, {k: v[i : i + 64] for k, v in inputs.items()})[0] for i in range(0, total, 64)]
    return np.concatenate(parts)


def ours(model: Model, data: DataSet, recipe: str) -> onnx.ModelProto:
    """The file that a recipe makes of a model."""
    return onnx.load(qx.quantize(model, Recipe.parse(recipe), data, samples=CALIBRATION).path)


def moved(model: Model, data: DataSet, recipe: str) -> onnx.ModelProto:
    """The float model that the algorithms of a recipe leave, before anything is rounded."""
    asked = Recipe.parse(recipe)
    seen = calibration_sample(data, CALIBRATION)
    statistics = statistics_for(model, data) if asked.needs_statistics else None
    assert seen.split.n
    with tempfile.TemporaryDirectory() as folder:
        return run_algorithms(model, asked, Materials(statistics, data), Path(folder) / "changes.npz")[0].proto()


def compared(case: Case, theirs: Theirs) -> list[Row]:
    """The rows of one case: medians over the seeds."""
    found: list[list[dict[str, float]]] = []
    with_it = f"{case.plain}\nalgorithms: {case.algorithms}\n"
    for seed in range(case.seeds):
        model, data = subject(case.subject, seed)
        samples, held = calibration(model, data), fed(model, data.evaluation)
        wanted = answered(model.proto(), held)
        extra = {"subject": case.subject, "seed": seed}

        def reference(
            proto: onnx.ModelProto, settings: Any, samples: Arrays = samples, held: Arrays = held, extra: Any = extra
        ) -> NDArray[Any]:
            return theirs.answers(Job(proto, samples, held, {**settings, **extra}))

        if case.by_theirs:
            assert case.settings_plain is not None
            with patch.object(migrating, "_halves", _whole) if case.own_samples else nullcontext():
                changed = moved(model, data, with_it)
            mine = reference(changed, case.settings_plain)
        else:
            mine = answered(ours(model, data, with_it), held)
        other = reference(model.proto(), case.settings)
        other_plain = None if case.settings_plain is None else reference(model.proto(), case.settings_plain)
        plain = other_plain if case.by_theirs else answered(ours(model, data, case.plain), held)
        assert plain is not None
        each = (wanted, plain, other_plain, mine, other)
        found.append([{} if one is None else scores(one, wanted, data) for one in each])
    return [_row(case, measure, found) for measure in found[0][1]]


def _whole(_group: InputGroup, inputs: Sequence[Any]) -> list[Sequence[Any]]:
    """In the place of ``migrating._halves``: factors are made of all samples, and judged on them."""
    return [inputs]


def _row(case: Case, measure: str, found: Sequence[Sequence[dict[str, float]]]) -> Row:
    name = f"{case.subject}, {case.what}" + (f", {case.seeds} seeds" if case.seeds > 1 else "")
    each_ahead = tuple(_ahead(measure, one[3][measure], one[4][measure]) for one in found)
    real, plain, theirs_plain, mine, theirs = (
        None if measure not in found[0][at] else float(np.median([one[at][measure] for one in found]))
        for at in range(5)
    )
    assert plain is not None
    assert mine is not None
    assert theirs is not None
    real = None if measure.startswith("SQNR") else real
    return Row(name, measure, real, plain, theirs_plain, mine, theirs, each_ahead if len(found) > 1 else ())


def main() -> int:
    """Runs what is asked for; 1 if ours is below a reference somewhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=ADAPTERS, default=list(ADAPTERS))
    parser.add_argument("--python", nargs="+", default=[], metavar="NAME=PATH", help="whose Python runs a reference")
    parser.add_argument("--case", help="only cases whose words contain this")
    parser.add_argument("--seeds", type=int, help="how many, in the place of what the cases have")
    given = parser.parse_args()
    pythons = dict(each.split("=", 1) for each in given.python)
    below = 0
    for name in given.only:
        theirs, new = Theirs(name, pythons.get(name, sys.executable)), []
        cases = [case for case in adapter(name).CASES if not given.case or given.case in f"{case.subject}, {case.what}"]
        cases = [replace(case, seeds=given.seeds or case.seeds) for case in cases]
        try:
            for case in cases:
                new += compared(case, theirs)
                keep(name, new, theirs.version)
                print(table(name, new, theirs.version), flush=True)
        except Missing as reason:
            print(f"{name}: skipped: {reason}")
            continue
        below += sum(row.verdict == "no" for row in new)
    return 1 if below else 0


def keep(name: str, new: Sequence[Row], version: str, folder: Path = RESULTS) -> None:
    """Writes rows, with those of other cases that were kept before, in the order of the cases that there are."""
    folder.mkdir(exist_ok=True)
    path, words = folder / f"{name}.json", [f"{case.subject}, {case.what}" for case in adapter(name).CASES]
    kept = [Row(**row) for row in json.loads(path.read_text())["rows"]] if path.exists() else []
    rows: list[Row] = []
    for case in words:
        done = [row for row in new if _is_of(row.case, case)]
        rows += done or [row for row in kept if _is_of(row.case, case)]
    path.write_text(json.dumps({"version": version, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    (folder / f"{name}.md").write_text(table(name, rows, version))


def _is_of(row: str, case: str) -> bool:
    return re.fullmatch(rf"{re.escape(case)}(, \d+ seeds)?", row) is not None


def table(name: str, rows: Sequence[Row], version: str) -> str:
    """One reference's rows, with the versions of everything that computed."""
    common = ", ".join(f"{each} {importlib.metadata.version(each)}" for each in ("torch", "onnx", "onnxruntime"))
    machine = describe_machine()
    lines = [
        f"# {name}\n",
        f"{adapter(name).WHAT} {version}; {common}; {machine.cpu}; {CALIBRATION} samples to calibrate on; of several "
        "seeds medians, and how far ours is ahead by seed, of five and more with the mean and Student's interval of "
        "95 %.\n",
        "| case | measure | float | plain: theirs | ours | with it: theirs | ours | ahead | at least as good |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        real, before = ("" if each is None else f"{each:.2f}" for each in (row.real, row.theirs_plain))
        numbers = f"{real} | {before} | {row.plain:.2f} | {row.theirs:.2f} | {row.ours:.2f}"
        seeds = ", ".join(f"{each:+.2f}" for each in row.ahead)
        if row.interval is not None:
            low, high = row.interval
            seeds += f"; mean {statistics.fmean(row.ahead):+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append(f"| {row.case} | {row.measure} | {numbers} | {seeds} | {row.verdict} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
