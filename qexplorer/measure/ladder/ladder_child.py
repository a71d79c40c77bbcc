"""The children of the fidelity ladder: float -> simulated, simulated -> exact integers, and one for each backend.

A backend that crashes or hangs takes its own child with it, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import BackendError
from qexplorer.graph.index import GraphIndex
from qexplorer.measure.fidelity.alone import summary
from qexplorer.measure.fidelity.batches import batches_to_look_at, first_rows
from qexplorer.measure.fidelity.comparing import (
    EXACT,
    SIMULATION,
    Compared,
    Question,
    answered,
    answers_of,
    asked_of,
    differences_from,
    exact_of,
    sample_by_sample,
    simulation_of,
)
from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.fidelity.rounding_points import steps_of
from qexplorer.measure.fidelity.simulation import ExactIntegers
from qexplorer.measure.fidelity.single_points import observe
from qexplorer.measure.metrics.predictions import predictions
from qexplorer.measure.scratch import folder_of
from qexplorer.process.child import Emit
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import exact_integers, reference, usable

if TYPE_CHECKING:
    import onnx

__all__ = ["backend_rung", "exact_rung", "simulated_rung"]

_LAYER_BATCH, _LAYER_SAMPLES = 8, 64
_MOST_VALUES = 1 << 26  # of all tensors looked at, for one batch: 256 MB in float32


def simulated_rung(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Float against simulated.

    Args:
        arguments: ``float_path``, ``path``, ``files``, ``n``, ``fixed_batch``, ``evaluation_batch``, ``threshold``,
            ``threads``.
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``same`` (samples with the same class, or None), ``output`` {signal, error}, ``layers`` (layer, op, tensor,
        signal, error, worst, step), ``layers_n``.

    Raises:
        BackendError: the reference cannot run one of the graphs.
    """
    simulator, question = reference(), Question.of(arguments, reference())
    inputs = question.inputs
    options = SessionOptions(Mode.SIMULATED, int(arguments["threads"]))
    found: list[list[Array]] = []
    for index, path in enumerate((arguments["float_path"], arguments["path"])):
        session = simulator.load(Path(path), options)
        start = index * 0.35
        found.append(answers_of(session, question, _part(emit, start, 0.35)))
    n, threshold = question.n, question.threshold
    said = [predictions(outputs, n, threshold=threshold) for outputs in found]
    same = None if said[0] is None or said[1] is None else int((said[0] == said[1]).sum())
    layers, layers_n = _layers(arguments, inputs, options, _part(emit, 0.7, 0.3))
    powers = [_powers(ours, theirs) for ours, theirs in zip(*found, strict=True)]  # all outputs, as the metric SQNR
    output = {"signal": sum(power[0] for power in powers), "error": sum(power[1] for power in powers)}
    return {"same": same, "output": output, "layers": layers, "layers_n": layers_n}


def _layers(
    arguments: dict[str, Any], inputs: dict[str, Array], options: SessionOptions, tell: Callable[[float], None]
) -> tuple[list[dict[str, Any]], int]:
    """Powers of every tensor that both graphs have, over the first samples."""
    import onnx

    models = [onnx.load(arguments[key]) for key in ("float_path", "path")]
    rows = _shared(models[0], models[1])
    if not rows:
        return [], 0
    fixed = arguments["fixed_batch"]
    batch = int(fixed or _LAYER_BATCH)
    n = max(batch, min(int(arguments["n"]), _LAYER_SAMPLES) // batch * batch)
    with passing_folder("pieces") as folder:
        sessions = []
        for index, model in enumerate(models):
            path = Path(folder) / f"told{index}.onnx"
            onnx.save(_telling(model, [row["tensor"] for row in rows]), str(path))
            sessions.append(reference().load(path, options))
        done = 0
        for start in range(0, n, batch):
            feeds = first_rows(inputs, batch, start=start)
            made = [dict(zip(s.output_names, s.run(feeds), strict=True)) for s in sessions]
            for row in rows:
                signal, error, worst = _powers(made[0][row["tensor"]], made[1][row["tensor"]])
                row["signal"] += signal
                row["error"] += error
                row["worst"] = max(row["worst"], worst)
            done += batch
            tell(done / n)
            if sum(made[0][row["tensor"]].size for row in rows) > _MOST_VALUES:
                break
    return rows, done


def _shared(plain: onnx.ModelProto, quantized: onnx.ModelProto) -> list[dict[str, Any]]:
    """Float tensors that a layer of the float graph makes and that the quantized graph has too."""
    before, after = GraphIndex(plain), GraphIndex(quantized)
    steps = steps_of(quantized.graph, after.made_at)
    rows = []
    for node in before.order:
        for tensor in node.output:
            known = tensor in after.made_at
            if known and all(_is_float(index.types.get(tensor)) for index in (before, after)):
                row = {"layer": node.name or tensor, "op": node.op_type, "tensor": tensor, "step": steps.get(tensor)}
                rows.append(row | {"signal": 0.0, "error": 0.0, "worst": 0.0})
    return rows


def _is_float(kind: int | None) -> bool:
    import onnx

    return kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


def _telling(model: onnx.ModelProto, tensors: list[str]) -> onnx.ModelProto:
    """The same graph with these tensors as outputs."""
    import onnx
    from onnx import helper

    copy, types = onnx.ModelProto(), GraphIndex(model).types
    copy.CopyFrom(model)
    own = {output.name: output for output in model.graph.output}
    del copy.graph.output[:], copy.graph.value_info[:]
    for name in tensors:
        copy.graph.output.append(own.get(name) or helper.make_tensor_value_info(name, types[name], None))
    return copy


def _powers(plain: Array, other: Array) -> tuple[float, float, float]:
    """Sum of squares of the float values, of the error, and the largest error; infinite where shapes differ."""
    if plain.shape != other.shape:
        return 0.0, math.inf, math.inf
    x, y = plain.astype(np.float64), other.astype(np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    error = (x - y)[finite]
    return float(np.square(x[finite]).sum()), float(np.square(error).sum()), float(np.abs(error).max(initial=0.0))


def exact_rung(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Simulated against exact integers.

    Args:
        arguments: as those of ``judge_child.judge``.
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``differences`` (at each batch size), ``label`` (who computed them), ``layers`` (operators that integers
        computed, by type), and ``why_not`` (why there is none, or None).

    Raises:
        BackendError: a backend gave up.
    """
    backend = exact_integers()
    value: dict[str, Any] = {"differences": [], "label": "", "layers": {}, "why_not": None}
    if backend is None:
        return value | {"why_not": "no backend on this machine computes so"}
    question, folder = Question.of(arguments, backend), folder_of(arguments["files"])
    exact = ExactIntegers(question.path, question.threads, folder, backend)
    value["why_not"] = exact.why_not()
    if value["why_not"] is not None:
        return value
    found = answers_of(exact, question, _part(emit, 0.0, 0.5))
    compared, _ = differences_from(
        simulation_of(question, folder),
        exact,
        answered(exact, question, found),
        question,
        lambda done: _part(emit, 0.5, 0.5)(done - 1),
    )
    layers = backend.load(question.path, SessionOptions(Mode.NATIVE, question.threads)).kernels().integer
    return value | {"differences": [asdict(item) for item in compared], "label": backend.label, "layers": layers}


def backend_rung(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """One backend against the rung below: exact integers where there are any, else the simulation.

    Args:
        arguments: as those of ``judge_child.judge``.
        emit: takes ``progress`` events with ``done`` from 0 to 1.

    Returns:
        ``differences`` (at each batch size) from the reference ``against``, ``simulated`` (those from the simulation),
        ``asked``, ``points``, ``points_in_all``, ``points_n``, ``ends``, ``disturbed``, ``alone`` (the same as
        ``judge_child.judge`` returns, or None), ``blocked`` (why no codes could be seen, or None).

    Raises:
        BackendError: the backend gave up.
    """
    backend = usable(arguments["backend"])
    question, folder = Question.of(arguments, backend), folder_of(arguments["files"])
    session = backend.load(question.path, SessionOptions(Mode.NATIVE, question.threads))
    ours = answered(session, question, answers_of(session, question, _part(emit, 0.0, 0.3)))
    simulation, told = simulation_of(question, folder), _part(emit, 0.3, 0.2)
    simulated, expected = differences_from(simulation, session, ours, question, lambda done: told(done - 1))
    compared = Compared(simulated, SIMULATION, "the simulation", expected)
    singly = sample_by_sample(simulation, session, ours, question, lambda _: None)
    exact = exact_of(question, folder)
    if singly is not None:
        compared = singly
    elif exact is not None:
        found, others = differences_from(exact, session, ours, question, lambda done: _part(emit, 0.5, 0.1)(done - 1))
        compared = Compared(found, EXACT, "exact integers", others)
        if compared.open:
            compared = Compared(found, EXACT, "the simulation and from exact integers", others)
    value: dict[str, Any] = {
        "differences": [asdict(item) for item in compared.found],
        "simulated": [asdict(item) for item in simulated],
        "against": compared.against,
        "asked": compared.asked,
    }
    return value | _pieces(question, compared, _part(emit, 0.6, 0.4))


def _pieces(question: Question, compared: Compared, told: Callable[[float], None]) -> dict[str, Any]:
    """Every piece by itself: at the batch sizes that are open, or at the one that differs most if none is."""
    value: dict[str, Any] = {"points": [], "points_in_all": 0, "points_n": 0, "disturbed": False}
    value |= {"ends": [], "alone": None, "blocked": None}
    some = compared.open or (max(compared.found, key=_difference),)
    with passing_folder("pieces") as folder:
        asked = asked_of(question, batches_to_look_at(some, question), Path(folder))
        try:
            seen = observe(asked, thorough=True, told=told)
        except BackendError as error:  # the answers are there; where they part stays unknown
            return value | {"blocked": error.sentence}
    value |= {"points": [asdict(p) for p in seen.found], "points_in_all": seen.points, "points_n": seen.n}
    value |= {"ends": [asdict(end) for end in seen.ends], "disturbed": seen.disturbed}
    return value | {"alone": asdict(summary(seen))}


def _difference(item: Difference) -> tuple[float, float, int]:
    return item.max_lsb or 0.0, item.noise or 0.0, item.batch


def _part(emit: Emit, start: float, share: float) -> Callable[[float], None]:
    """Reports a part of the work as its share of the whole."""

    def report(done: float) -> None:
        emit({"event": "progress", "done": start + share * min(max(done, 0.0), 1.0)})

    return report
