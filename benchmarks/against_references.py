"""Are our algorithms at least as good as reference implementations, on the same model, data and width, in one run?

    python benchmarks/against_references.py [--only NAME ...]

One function a reference; what it returns goes to ``benchmarks/results/against_references/NAME.md``, with versions. A
reference whose package is not installed is skipped, and the reason printed. To add one: a function that returns rows,
under ``@reference("name", "what it is")``; packages are imported inside it.

References live in an environment of their own, because they ask for other versions of what we use::

    python -m venv /somewhere && /somewhere/bin/pip install -c constraints.txt torch nncf
    PYTHONPATH=/somewhere/lib/python3.11/site-packages:. python benchmarks/against_references.py
"""

from __future__ import annotations

import argparse
import copy
import importlib
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
import numpy as np
import onnx
from numpy.typing import NDArray

import qexplorer as qx
from benchmarks.outlier_models import outlier_model
from benchmarks.transformer_families import FAMILIES
from qexplorer.core.dataset import DataSet
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.machine.description import describe_machine
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.observe.collecting.tap import open_session
from qexplorer.quantize.changes.apply import run_algorithms
from qexplorer.quantize.changes.drafts import Materials

RESULTS = Path(__file__).parent / "results" / "against_references"
SEEDS = (0, 1, 2)
"""Of random weights; medians are shown."""

Answers = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One case, judged in one way.

    Attributes:
        case: model, data and width.
        metric: what the numbers are, and the unit; more is better.
        plain: ours without the algorithm.
        theirs_plain: theirs without it; None where they have no such mode.
        ours: with it.
        theirs: with it.
        allowed: how far ours may be below theirs and count as equal: what seeds and samples make of it.
    """

    case: str
    metric: str
    plain: float
    theirs_plain: float | None
    ours: float
    theirs: float
    allowed: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether ours is at least as good."""
        return self.ours >= self.theirs - self.allowed


class Missing(Exception):
    """A package that is not installed, or does not work here, with the reason."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference implementation."""

    name: str
    what: str
    run: Callable[[], Sequence[Row]]


REFERENCES: dict[str, Reference] = {}


def reference(name: str, what: str) -> Callable[[Callable[[], Sequence[Row]]], Callable[[], Sequence[Row]]]:
    """Registers a function under ``name``; ``what`` says, in a sentence, what is compared with what."""

    def register(run: Callable[[], Sequence[Row]]) -> Callable[[], Sequence[Row]]:
        REFERENCES[name] = Reference(name, what, run)
        return run

    return register


def needed(package: str) -> Any:
    """The imported package. Raises Missing if it cannot be imported."""
    try:
        return importlib.import_module(package)
    except Exception as error:  # broken packages raise anything
        raise Missing(f"'{package}' cannot be imported: {str(error).splitlines()[0]}") from None


def answers(proto: onnx.ModelProto, inputs: Mapping[str, NDArray[Any]], name: str = "model") -> Answers:
    """What a graph answers in ONNX Runtime on the CPU, quantized products as they are written."""
    session = open_session(proto.SerializeToString(), 1, name, settings={"session.disable_quant_qdq": "1"})
    return list(session.run(None, {key: np.asarray(values) for key, values in inputs.items()}))


def decibels(found: Answers, wanted: Answers) -> float:
    """Signal to quantization noise of the first output, in dB."""
    error = np.square(found[0] - wanted[0], dtype=np.float64).mean()
    return float(10 * np.log10(np.square(wanted[0], dtype=np.float64).mean() / error))


def ours(model: Model, data: DataSet, recipe: str) -> onnx.ModelProto:
    """The file that a recipe makes of a model."""
    return onnx.load(qx.quantize(model, Recipe.parse(recipe), data).path)


def float_model_after(model: Model, data: DataSet, recipe: str) -> Model:
    """The float model that the algorithms of a recipe leave, before anything is rounded."""
    asked = Recipe.parse(recipe)
    statistics = statistics_for(model, data) if asked.needs_statistics else None
    with tempfile.TemporaryDirectory() as folder:
        return run_algorithms(model, asked, Materials(statistics, data), Path(folder) / "changes.npz")[0]


@reference("nncf_smoothquant", "SmoothQuant of NNCF and ours, each followed by NNCF's own quantizer (ONNX)")
def nncf_smoothquant() -> Sequence[Row]:
    """NNCF's 8 bits for the graph as it is, for the graph after its SmoothQuant (alpha 0.95), and after ours."""
    nncf = needed("nncf")
    spec = "weights: {format: int8, granularity: channel}\nactivations: {format: uint8}\nalgorithms: [smoothquant]\n"
    rows = []
    for family in ("vit", "gpt", "bert"):
        found = []
        for seed in SEEDS:
            model, data = outlier_model(family, seed)
            wanted = answers(model.proto(), data.evaluation.inputs)
            moved = float_model_after(model, data, spec)
            protos = [_nncf_w8a8(nncf, each, data, alpha) for each, alpha in ((model, -1), (model, 0.95), (moved, -1))]
            found.append([decibels(answers(each, data.evaluation.inputs), wanted) for each in protos])
        plain, theirs, mine = np.median(found, 0)
        rows.append(
            Row(f"{family} with outliers, w8a8, {len(SEEDS)} seeds", "SQNR (dB)", plain, plain, mine, theirs, 0.3)
        )
    return rows


def _nncf_w8a8(nncf: Any, model: Model, data: DataSet, alpha: float) -> onnx.ModelProto:
    smooth = nncf.AdvancedSmoothQuantParameters(matmul=alpha, convolution=-1)
    samples = [{k: v[i : i + 8] for k, v in data.calibration.inputs.items()} for i in range(0, data.calibration.n, 8)]
    found: onnx.ModelProto = nncf.quantize(
        model.proto(),
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
        advanced_parameters=nncf.AdvancedQuantizationParameters(smooth_quant_alphas=smooth),
    )
    return found


@reference(
    "neural-compressor_awq", "AWQ of Neural Compressor (torch) and ours (ONNX), of one module: int4, blocks of 16"
)
def neural_compressor_awq() -> Sequence[Row]:
    """Layers of the blocks alone, by both; theirs with and without its search of clips, ours as mse and minmax."""
    quantization = needed("neural_compressor.torch.quantization")
    torch = needed("torch")
    rows = []
    for clip, calibrator in ((True, "mse"), (False, "minmax")):
        found = []
        for seed in SEEDS:
            model, data = outlier_model("gpt", seed)
            torch.manual_seed(seed)
            module = FAMILIES["gpt-outliers"].make().eval()
            ids = {k: torch.from_numpy(v) for k, v in data.evaluation.inputs.items()}
            wanted = [module(*ids.values()).detach().numpy()]
            theirs = [_nc_awq(quantization, torch, module, data, ids, scale, clip) for scale in (False, True)]
            head = [layer.name for layer in model.layers if layer.op in ("MatMul", "Gemm")][-1]
            kept = f"layers: [{{match: 'op:Gather', float: true}}, {{match: '{head}', float: true}}]\n"
            spec = f"weights: {{format: int4, granularity: block, block: 16, calibrator: {calibrator}}}\n{kept}"
            mine = [answers(ours(model, data, spec + e), data.evaluation.inputs) for e in ("", "algorithms: [awq]\n")]
            found.append([decibels(each, wanted) for each in (mine[0], theirs[0], mine[1], theirs[1])])
        plain, before, mine_db, theirs_db = (float(each) for each in np.median(found, 0))
        case = f"gpt with outliers, w4-b16-{calibrator}, {len(SEEDS)} seeds"
        rows.append(Row(case, "SQNR (dB)", plain, before, mine_db, theirs_db, 0.3))
    return rows


def _nc_awq(
    quantization: Any, torch: Any, module: Any, data: DataSet, ids: Mapping[str, Any], scale: bool, clip: bool
) -> Answers:
    """What the module answers, quantized by Neural Compressor with its search of scales and of clips, or without."""
    config = quantization.AWQConfig(
        bits=4, group_size=16, use_sym=True, use_auto_scale=scale, use_auto_clip=clip, folding=False
    )
    config.set_local("head", quantization.AWQConfig(dtype="fp32"))
    calibration = [torch.from_numpy(values) for values in data.calibration.inputs.values()]
    prepared = quantization.prepare(copy.deepcopy(module), config, example_inputs=calibration[0][:1])
    with torch.no_grad():
        for start in range(0, data.calibration.n, 8):
            prepared(*(values[start : start + 8] for values in calibration))
        return [quantization.convert(prepared)(*ids.values()).numpy()]


def main() -> int:
    """Runs what is asked for; 1 if ours is below a reference somewhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=list(REFERENCES), default=list(REFERENCES))
    below = 0
    for name in parser.parse_args().only:
        try:
            rows = REFERENCES[name].run()
        except Missing as reason:
            print(f"{name}: skipped: {reason}")
            continue
        below += sum(not row.holds for row in rows)
        text = table(REFERENCES[name], rows)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text)
        print(text)
    return 1 if below else 0


def table(of: Reference, rows: Sequence[Row]) -> str:
    """One reference's rows, with the versions of everything that computed."""
    lines = [
        f"# {of.name}\n",
        f"{of.what}. {versions(of.name)}; {describe_machine().cpu}.\n",
        "| case | metric | plain: theirs | ours | with it: theirs | ours | at least as good |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        before = "" if row.theirs_plain is None else f"{row.theirs_plain:.2f}"
        verdict = "yes" if row.ours >= row.theirs else f"within {row.allowed:g}" if row.holds else "no"
        numbers = f"{before} | {row.plain:.2f} | {row.theirs:.2f} | {row.ours:.2f}"
        lines.append(f"| {row.case} | {row.metric} | {numbers} | {verdict} |")
    return "\n".join(lines) + "\n"


def versions(name: str) -> str:
    """The reference's package (the first word of its name) and what all runs stand on."""
    packages = (name.split("_")[0].replace(".", "-"), "torch", "onnx", "onnxruntime")
    found = []
    for package in packages:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main())
