"""Small networks found for quantization beside the hand-made samples: accuracy, bytes, latency and time.

``python benchmarks/architecture.py [--only NAME ...] [--networks 16] [--seed 0] [--json FILE]``. In a workspace that
knows them already, networks are not trained again and seconds mean nothing: give a fresh one (QEXPLORER_WORKSPACE).

``--training`` instead: what training brings to one network at a time (the table of docs/architecture_search.md).
``--rates`` instead: the rates from which ``search/architecture/pace.py`` foretells times, on one thread. They are
seconds of the processor, which are those of the clock where nothing else runs, so that a busy machine tells them too.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import qexplorer as qx
from qexplorer.api.given import fitted
from qexplorer.core.dataset import Array, DataSet
from qexplorer.core.model import Model
from qexplorer.machine.description import describe_machine
from qexplorer.measure.run_one import measure
from qexplorer.report.network_charts.network_words import networks_sentence, rounds_sentence
from qexplorer.run.batching import feeds_of, run_in_batches
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import reference
from qexplorer.search.architecture import pace
from qexplorer.search.architecture.attempt import learned_from, loaded, right_in, rounded
from qexplorer.search.architecture.learning import NetworkLesson, learn
from qexplorer.search.architecture.networks import as_onnx, as_torch, folded
from qexplorer.search.architecture.shapes import NetworkShape, macs
from qexplorer.search.architecture.taught import SEEN_ROUNDED, Taught, taught
from qexplorer.search.costs.bits import plan_costs
from qexplorer.search.costs.cost_kinds import WEIGHT_BYTES
from qexplorer.search.set_apart import calibration_parts

SAMPLES = ("digits_cnn", "glyphs_mobilenet", "fashion_dscnn")
_WIDE = NetworkShape(16, 2, 3, True, "relu", "w8a8")
_FLAT = NetworkShape(16, 1, 3, False, "relu", "w8a8")
_NARROW = NetworkShape(12, 2, 3, True, "relu", "w4a8")
_SMALL = NetworkShape(12, 1, 3, True, "relu", "w8a8")
TRAININGS = (
    ("glyphs_mobilenet", _WIDE, 0, 85, 0),
    ("glyphs_mobilenet", _WIDE, 0, 341, 0),
    ("glyphs_mobilenet", _WIDE, 16384, 2, 0),
    ("glyphs_mobilenet", _WIDE, 16384, 8, 4),
    ("glyphs_mobilenet", _FLAT, 16384, 8, 4),
    ("glyphs_mobilenet", _NARROW, 16384, 4, 2),
    ("digits_cnn", _SMALL, 16384, 4, 2),
    ("fashion_dscnn", _WIDE, 16384, 4, 2),
    ("fashion_dscnn", _WIDE, 16384, 16, 8),
)
"""Sample, shape, pictures that are drawn (0: the sample answers those that there are), epochs, epochs with rounding."""


class Lessons:
    """What the networks of one sample learn from, each drawn once."""

    def __init__(self, name: str) -> None:
        self.model = qx.load(name)
        self.data = fitted(self.model, None, "networks learn from data")
        seen, _ = calibration_parts(self.data, (0.25,))
        self.given = seen.calibration
        self._drawn: dict[int, Taught] = {}

    @property
    def pictures(self) -> Array:
        """Those that there are."""
        return self.given.inputs[self.model.inputs[0].name]

    def drawn(self, count: int) -> Taught:
        """With the sample's answers; 0: the pictures as they are."""
        if count not in self._drawn:
            self._drawn[count] = taught(self.pictures, self.model.path, count, 0) if count else self._as_they_are()
        return self._drawn[count]

    def _as_they_are(self) -> Taught:
        session = reference().load(self.model.path, SessionOptions(Mode.SIMULATED))
        feeds = feeds_of(self.given, self.model)
        answers = run_in_batches(session, feeds, batch=64, fixed_batch=self.model.fixed_batch)[0]
        return Taught(self.pictures.astype(np.float16), np.asarray(answers, np.float32))


def trained_network(lesson: Taught, shape: NetworkShape, epochs: int, name: str) -> Model:
    """A float network."""
    size, classes = lesson.pictures.shape[1:], lesson.answers.shape[1]
    network = learn(lambda: as_torch(shape, size[0], classes), NetworkLesson(lesson, epochs, 0))
    file = as_onnx(shape, name, size, classes, folded(shape, size[0], network))
    return loaded(file.SerializeToString(), shape)


def percent(model: Model, path: Path, data: DataSet) -> float:
    """Accuracy of a file on the evaluation part."""
    judged, labels = data.evaluation.inputs.values(), np.asarray(data.evaluation.labels)
    return round(100 * right_in(model, path, next(iter(judged)), labels) / len(labels), 1)


def training(names: list[str]) -> list[dict[str, Any]]:
    """A row for each of :data:`TRAININGS`: accuracies on the evaluation part in percent."""
    rows = []
    lessons = {name: Lessons(name) for name in names}
    for name, shape, count, epochs, rounded_epochs in TRAININGS:
        if name not in lessons:
            continue
        about, lesson = lessons[name], lessons[name].drawn(count)
        input_name = about.model.inputs[0].name
        network, seconds = timed(lambda: trained_network(lesson, shape, epochs, input_name))  # noqa: B023
        source = learned_from(f"{about.data.digest}, {count}", input_name, lesson)
        kinds = {"plain": 0} | ({"trained": rounded_epochs} if rounded_epochs else {})
        made = {kind: rounded(network, source, shape, each) for kind, each in kinds.items()}
        rows.append(
            {
                "sample": name,
                "shape": shape.name,
                "pictures": len(lesson.pictures),
                "drawn": bool(count),
                "looks": len(lesson.pictures) * epochs,
                "seconds": round(seconds, 1),
                "float": percent(network, network.path, about.data),
                "in_its_bits": {kind: percent(network, each.path, about.data) for kind, each in made.items()},
                "weight_bytes": round(plan_costs(network, made["plain"].plan)[WEIGHT_BYTES]),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What came of it, and seconds."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def worked(work: Callable[[], Any]) -> tuple[Any, float]:
    """What came of it, and seconds that this process and its children that have ended computed."""
    began = _computed_s()
    found = work()
    return found, _computed_s() - began


def _computed_s() -> float:
    told = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in told)


def rates(names: list[str]) -> dict[str, Any]:
    """Seconds by which searches are foretold, beside those that are used, and what they come from."""
    rows: list[dict[str, Any]] = []
    samples: list[dict[str, Any]] = []
    for name in names:
        about = Lessons(name)
        lesson, taught_s = worked(lambda: about.drawn(4096))  # noqa: B023
        input_name, size = about.model.inputs[0].name, lesson.pictures.shape[1:]
        source = learned_from(f"{about.data.digest}, rates", input_name, lesson)
        for shape in (_SMALL, _WIDE, _FLAT, NetworkShape(16, 2, 5, False, "relu", "w8a8")):
            first = trained_network(lesson, shape, 2, input_name)
            rounded(first, source, shape, 1)  # what is only slow once
            network, one = worked(lambda: trained_network(lesson, shape, 1, input_name))  # noqa: B023
            _, three = worked(lambda: trained_network(lesson, shape, 3, input_name))  # noqa: B023
            a_picture = (three - one) / 2 / len(lesson.pictures)
            made, plain = worked(lambda: rounded(network, source, shape, 0))  # noqa: B023
            short, long = (worked(lambda: rounded(network, source, shape, epochs))[1] for epochs in (1, 3))  # noqa: B023
            about_it = {"sample": name, "shape": shape.name, "macs": macs(shape, size), "picture_s": a_picture}
            slower = (long - short) / 2 / SEEN_ROUNDED / a_picture
            rows.append(about_it | {"rounded": slower, "around_s": one - a_picture * len(lesson.pictures) + plain})
            print(json.dumps(rows[-1]), flush=True)
        told = taught_s / len(lesson.pictures) / (about.model.macs or 1)
        judged = worked(lambda: measure(made, about.data))[1]  # noqa: B023
        samples.append({"sample": name, "taught_s_a_mac": told, "judged_s": judged})
        print(json.dumps(samples[-1]), flush=True)
    return {"rates": fitted_rates(rows, samples), "networks": rows, "samples": samples}


def fitted_rates(rows: list[dict[str, Any]], samples: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Each rate as it comes of what was measured, and as it is used."""
    slope, least = np.polyfit([row["macs"] for row in rows], [row["picture_s"] for row in rows], 1)

    def middle(of: list[dict[str, Any]], name: str) -> float:
        return float(np.median([row[name] for row in of]))

    return {
        "least_s": [float(least), pace.LEAST_S],
        "s_a_mac": [float(slope), pace.S_A_MAC],
        "taught_s_a_mac": [middle(samples, "taught_s_a_mac"), pace.TAUGHT_S_A_MAC],
        "rounded": [middle(rows, "rounded"), pace.ROUNDED],
        "around_s": [middle(rows, "around_s"), pace.AROUND_S],
        "judged_s": [middle(samples, "judged_s"), pace.JUDGED_S],
    }


def searches(names: list[str], networks: int, seed: int) -> dict[str, Any]:
    """Whole searches."""
    rows = {}
    for name in names:
        report = qx.design(name, networks=networks, seed=seed)
        rows[name] = report.to_json() | {"as_accurate": [each.name for each in report.as_accurate]}
        print(name, f"{report.seconds:.0f} s", rounds_sentence(report), networks_sentence(report), flush=True)
    return rows


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=list(SAMPLES))
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--training", action="store_true")
    instead.add_argument("--rates", action="store_true")
    given = parser.parse_args()
    rows: Any
    if given.training:
        rows = training(given.only)
    elif given.rates:
        rows = rates(given.only)
        print(json.dumps(rows["rates"], indent=1))
    else:
        rows = searches(given.only, given.networks, given.seed)
    if given.json:
        given.json.write_text(json.dumps({"machine": describe_machine().to_json(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
