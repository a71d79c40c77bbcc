"""How many faults of single kernels does the gate catch?

    python benchmarks/injected_faults.py [--samples 64]

Each fault is put by hand into one layer of a quantized graph (``graph_faults.py``), and a backend that runs this graph
in place of the one that it was given is judged as any other: against the simulation, against exact integers, and then
piece by piece. Three models: digits_cnn, glyphs_mobilenet, a detector with float outputs (``detector.py``).
A fault counts as *caught* if the run is refused and the sentence names a layer or an output. One that changes no answer
to any of the samples is *without effect* here and not counted either way. The right backend is judged too.
Results go to ``benchmarks/results/injected_faults.md``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, installed or not

import qexplorer as qx
from benchmarks.detector import RECIPE, images, write_detector
from benchmarks.graph_edit import Edit, layer_of
from benchmarks.graph_faults import FAULTS, Fault
from qexplorer.core.dataset import Array
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.machine.description import describe_machine
from qexplorer.measure.fidelity.comparing import Question, answers_of, compare
from qexplorer.measure.fidelity.gate import verdict
from qexplorer.measure.variant import subject_of
from qexplorer.run.protocol import Mode, Session, SessionOptions
from qexplorer.run.registry import BACKENDS

RESULTS = Path(__file__).parent / "results"
MODELS = ("digits_cnn", "glyphs_mobilenet", "detector")


@dataclass(frozen=True, slots=True)
class Case:
    """One quantized graph and its samples."""

    model: str
    path: Path
    inputs: dict[str, Array]
    scales: dict[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gate said.

    Attributes:
        model: its name.
        fault: in words.
        changed: share of the output values that differ from those of the right backend.
        steps: worst difference of an output on a grid, in steps; None if no output is on one.
        refused: the gate's sentence, or None.
    """

    model: str
    fault: str
    changed: float
    steps: float | None
    refused: str | None

    @property
    def caught(self) -> bool:
        """Whether it was refused by name."""
        return self.refused is not None and ("by itself" in self.refused or "is not what the layers" in self.refused)

    @property
    def said(self) -> str:
        """For the table."""
        if self.changed == 0:
            return "without effect"
        return "caught" if self.caught else "refused without a name" if self.refused else "missed"


class Faulty:
    """ONNX Runtime, but for one fault in one layer."""

    def __init__(self, layer: str, fault: Fault) -> None:
        self._right = BACKENDS.get("onnxruntime")
        self._layer, self._fault = layer, fault
        self.name, self.label = "faulty", "Faulty"
        self.capabilities, self.facts = self._right.capabilities, replace(self._right.facts, reference=False)
        self.applied = True

    def availability(self) -> Any:
        """As the right one."""
        return self._right.availability()

    def import_runtime(self) -> None:
        """As the right one."""

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Loads the graph with its fault. Raises BackendError."""
        model = onnx.load(str(path))
        self.applied = self._fault(Edit(model, self._layer))
        with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
            other = Path(folder) / "faulty.onnx"
            onnx.save(model, str(other))
            return self._right.load(other, options)


def case_of(name: str, samples: int, folder: Path) -> Case:
    """The model quantized with w8a8, and evaluation samples."""
    if name == "detector":
        model = qx.load(write_detector(folder / "detector.onnx"))
        np.savez(folder / "blobs.npz", x=images(2 * samples))
        data = fit_to_model(qx.data(folder / "blobs.npz"), model)
    else:
        model = qx.load(name)
        data = fit_to_model(qx.data({"digits_cnn": "digits", "glyphs_mobilenet": "glyphs"}[name]), model)
    recipe = RECIPE if name == "detector" else "w8a8"
    made, subject = qx.quantize(model, qx.Recipe.parse(recipe), data), subject_of(model, data, samples)
    return Case(name, made.path, subject.inputs, dict(made.output_scales))


def judged(case: Case, backend: Any, folder: Path) -> tuple[list[Array], str | None]:
    """A backend's answers, and the gate's sentence."""
    n = next(iter(case.inputs.values())).shape[0]
    question = Question(case.path, backend, dict(case.inputs), n, None, 32, (1, 8, 32), 1, case.scales, 0.0)
    session = backend.load(case.path, SessionOptions(Mode.NATIVE))
    found = answers_of(session, question, lambda _: None)
    compared = compare(session, question, found, folder, lambda _: None)
    return found, verdict(compared.found, compared.alone(question), compared.asked)


def outcomes(case: Case, faults: Iterable[tuple[str, Fault]], folder: Path) -> Iterator[Outcome]:
    """What the gate says of each fault that this graph can have."""
    layer = layer_of(onnx.load(str(case.path)))
    right, refused = judged(case, BACKENDS.get("onnxruntime"), folder)
    yield Outcome(case.model, "none", 0.0, None, refused)
    names = list(BACKENDS.get("onnxruntime").load(case.path, SessionOptions()).output_names)
    for words, fault in faults:
        backend = Faulty(layer, fault)
        found, refused = judged(case, backend, folder)
        if not backend.applied:
            continue
        values = sum(array.size for array in right)
        changed = sum(int((a != b).sum()) for a, b in zip(found, right, strict=True)) / values
        away = [
            float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) / case.scales[name]
            for name, a, b in zip(names, found, right, strict=True)
            if name in case.scales
        ]
        yield Outcome(case.model, words, changed, max(away, default=None), refused)


def table(found: list[Outcome], samples: int) -> str:
    """The results as Markdown."""
    real = [each for each in found if each.fault != "none"]
    lines = ["# Faults of single kernels, put in by hand", ""]
    lines += [f"{describe_machine().cpu}; w8a8, {samples} samples, batch 32, 8 and 1.", ""]
    for model in MODELS:
        own = [each for each in real if each.model == model]
        effect = [each for each in own if each.changed > 0]
        caught = sum(each.caught for each in effect)
        text = f"{caught} of {len(effect)} caught by name; {len(own) - len(effect)} more change no answer here"
        lines.append(f"- **{model}**: {text}.")
    lines += [
        "",
        "| model | fault | output values that change | worst, steps | gate | its sentence |",
        "|---|---|---|---|---|---|",
    ]
    for each in found:
        steps = "" if each.steps is None else f"{each.steps:.3g}"
        said = ("passes" if each.refused is None else "REFUSED") if each.fault == "none" else each.said
        lines.append(f"| {each.model} | {each.fault} | {each.changed:.2%} | {steps} | {said} | {each.refused or ''} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Judges every fault, prints and writes the table; 1 if one with an effect is missed, or the right one refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=64, help="samples that answers are compared on")
    given = parser.parse_args()
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="qexplorer-") as name:
        folder = Path(name)
        for model in MODELS:
            case = case_of(model, given.samples, folder)
            for each in outcomes(case, FAULTS.items(), folder):
                found.append(each)
                print(f"{each.model}: {each.fault}: {each.said}: {each.refused or ''}", flush=True)
    text = table(found, given.samples)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "injected_faults.md").write_text(text, encoding="utf-8")
    print(text)
    missed = [each for each in found if each.fault != "none" and each.changed > 0 and not each.caught]
    return int(bool(missed) or any(each.fault == "none" and each.refused for each in found))


if __name__ == "__main__":
    sys.exit(main())
