"""How near to the float model is our static w8a8, beside what ONNX Runtime's own quantizer makes of the same file?

    python benchmarks/against_ort_quantizer.py FOLDER_OR_FILES... [--out results.json]

Both get the same samples, min-max ranges, unsigned 8-bit activations and signed 8-bit weights with a scale per channel,
in QDQ form; everything else stays at its default. ``NAME.npz`` beside ``NAME.onnx`` holds samples, one array an input,
the first axis the samples; without it, they are normal numbers in the input's shape, seeded. The samples that give the
ranges are judged too, so that luck with what lies beyond the ranges does not decide. Every file runs in plain ONNX
Runtime with its defaults. SQNR in dB is of the outputs against the float file, each output's error taken by its own
power and averaged over the float outputs.

Bar: on every model ours is at most 0.3 dB below theirs. Where theirs cannot be made of the file as it is, it is made
of the file as we load it (opset 21), which is marked.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

import qexplorer as qx
from qexplorer.machine.description import describe_machine

Samples = dict[str, NDArray[Any]]
BAR = 0.3
LEAST = 128
RECIPE = """
name: w8a8-minmax
weights: {format: int8, granularity: channel, symmetric: true, calibrator: minmax}
activations: {format: uint8, symmetric: false, calibrator: minmax}
"""


def samples_for(path: Path) -> Samples:
    """What stands beside the file, or seeded normal numbers; integers (ids, lengths, masks) are ones and zeros."""
    kept = path.with_suffix(".npz")
    if kept.exists():
        with np.load(kept) as archive:
            names = {value.name for value in _inputs(onnx.load(path))}
            return {name: archive[name] for name in archive.files if name in names}
    random, found = np.random.default_rng(0), {}
    for value in _inputs(onnx.load(path)):
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        shape = [LEAST, *(d if d > 0 else 8 for d in dims[1:])] if dims else [LEAST]
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        numbers = random.normal(size=shape) if np.issubdtype(kind, np.floating) else random.integers(0, 2, shape)
        found[value.name] = numbers.astype(kind)
    return found


def _inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    stored = {item.name for item in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in stored]


def batches(proto: onnx.ModelProto, samples: Samples) -> Iterator[Samples]:
    """Samples in batches of the size that the file insists on, else 32 at a time; what is left over is left out.

    An input without an axis for samples (a state) is given whole, one sample at a time.
    """
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in _inputs(proto)}
    dims = _inputs(proto)[0].type.tensor_type.shape.dim
    fixed = int(dims[0].dim_value) if dims and dims[0].dim_value > 0 else 0
    total = len(next(iter(samples.values())))
    if fixed > total:
        raise ValueError(f"it takes batches of {fixed}, and there are {total} samples")
    for start in range(0, total - fixed + 1 if fixed else total, fixed or 32):
        parts = {name: values[start : start + (fixed or 32)] for name, values in samples.items()}
        yield {name: part[0] if part.ndim > ranks[name] else part for name, part in parts.items()}


def answers(path: Path, samples: Samples) -> dict[str, NDArray[Any]]:
    """Outputs of a plain session with its defaults, by name, batches behind each other."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = [session.run(None, batch) for batch in batches(onnx.load(path), samples)]
    return {name: np.concatenate([np.ravel(row[i]) for row in rows]) for i, name in enumerate(names)}


def sqnr(reference: Mapping[str, NDArray[Any]], found: Mapping[str, NDArray[Any]]) -> float:
    """Signal to noise in dB over all float outputs that are not zero throughout."""
    shares = []
    for name, wanted in reference.items():
        power = float(np.sum(np.square(wanted, dtype=np.float64))) if np.issubdtype(wanted.dtype, np.floating) else 0.0
        if power:
            error = found[name].astype(np.float64) - wanted
            shares.append(float(np.sum(error * error)) / power)
    noise = float(np.mean(shares)) if shares else 0.0
    return -10 * math.log10(noise) if noise else math.inf


def make_ours(path: Path, samples: Samples, folder: Path) -> Path:
    """Our file."""
    from qexplorer.core.dataset import DataSet, Split
    from qexplorer.core.recipe import Recipe

    split = Split(samples)
    digest = sha256(b"".join(name.encode() + values.tobytes() for name, values in samples.items())).hexdigest()
    data = DataSet("calibration", split, split, held_out=False, classes=(), digest=digest)
    made = qx.quantize(qx.load(path), Recipe.parse(RECIPE), data, samples=split.n)
    return made.save(folder / "ours.onnx")


def make_theirs(path: Path, samples: Samples, folder: Path) -> tuple[Path, bool]:
    """ONNX Runtime's file, and whether the given one had to be loaded by us first."""
    one = next(batches(onnx.load(path), samples))
    try:
        made = _quantize_static(path, samples, folder)
        answers(made, one)
    except Exception:  # operator sets below 13 have no scale per channel, and more
        return _quantize_static(qx.load(path).path, samples, folder), True
    return made, False


def _quantize_static(path: Path, samples: Samples, folder: Path) -> Path:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ready, out = folder / "ready.onnx", folder / "theirs.onnx"
    quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = batches(onnx.load(ready), samples)

        def get_next(self) -> Samples | None:
            return next(self.left, None)

    quantize_static(
        str(ready),
        str(out),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return out


def compare(path: Path) -> dict[str, Any]:
    """One model's row."""
    if any(node.op_type.startswith("Random") for node in onnx.load(path).graph.node):
        raise ValueError("it draws random numbers, so that no two runs agree")
    samples = samples_for(path)
    reference = answers(path, samples)
    row: dict[str, Any] = {"model": path.stem, "samples": len(next(iter(samples.values())))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in ("ours", "theirs"):
            try:
                if side == "ours":
                    made = make_ours(path, samples, folder)
                else:
                    made, row["loaded_by_us"] = make_theirs(path, samples, folder)
                row[side] = sqnr(reference, answers(made, samples))
                row[f"{side}_bytes"] = made.stat().st_size
            except Exception as error:
                row[f"{side}_refused"] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if "ours" in row and "theirs" in row:
        row["difference"] = 0.0 if row["ours"] == row["theirs"] else row["ours"] - row["theirs"]
    return row


def line_of(row: dict[str, Any]) -> str:
    """A row as text."""
    ours, theirs = (f"{row[s]:7.2f}" if s in row else "      -" for s in ("ours", "theirs"))
    difference = f"{row['difference']:+7.2f}" if "difference" in row else "      -"
    remarks = [row[f"{s}_refused"] for s in ("ours", "theirs") if f"{s}_refused" in row]
    return f"{row['model']:28}{ours}{theirs}{difference}  {'; '.join(remarks)}"


def main() -> int:
    """Prints a row for each model, writes them, and says how many are below the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    order = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    onnxruntime.set_default_logger_severity(4)
    files = [f for p in order.paths for f in (sorted(p.glob("*.onnx")) if p.is_dir() else [p])]
    rows = []
    print(f"{'SQNR, dB':28}{'ours':>7}{'theirs':>7}{'':>7}")
    for path in files:
        try:
            rows.append(compare(path))
        except Exception as error:  # a file that plain ONNX Runtime does not run has no reference
            rows.append({"model": path.stem, "ours_refused": f"{type(error).__name__}: {str(error)[:200]}"})
        print(line_of(rows[-1]), flush=True)
    both = [row for row in rows if "difference" in row]
    below = [row["model"] for row in both if not row["difference"] >= -BAR]
    print(
        f"{len(both) - len(below)} of {len(both)} within {BAR} dB or better" + "".join(f"\nbelow: {n}" for n in below)
    )
    if order.out is not None:
        document = {"machine": describe_machine(), "bar": BAR, "models": rows}
        order.out.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
