"""Which tensor page Distributions shows: weights at once, activations after one pass over calibration data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.foreign.media import in_label
from qexplorer.core.model import Layer, Model
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder
from qexplorer.jobs.orders import CALIBRATION_SAMPLES
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import current_data, data_reference, fitted_data, model_reference, remembered, state

if TYPE_CHECKING:
    from qexplorer.observe.stats import Statistics, TensorStats

__all__ = [
    "SAMPLES",
    "choose_tensor",
    "layer_of",
    "observed",
    "tensor_label",
    "tensor_names",
    "tensor_stats",
    "weight_stats_of",
]

SAMPLES = CALIBRATION_SAMPLES
_KINDS = {"weight": "Weights", "activation": "Activations"}


def layer_of(model: Model, name: str) -> Layer | None:
    """The layer that owns the weight, or that writes (else first reads) the activation."""
    owners = [la for la in model.layers if la.weight == name] or [la for la in model.layers if name in la.outputs]
    owners = owners or [la for la in model.layers if name in la.inputs]
    return owners[0] if owners else None


def tensor_label(model: Model, name: str) -> str:
    """The tensor as a person looks for it: its layer and operator first, then its own name and shape."""
    layer = layer_of(model, name)
    if layer is None:
        return name
    if layer.weight == name:
        shape = " × ".join(map(str, layer.weight_shape))  # noqa: RUF001 - the sign of multiplication
        return f"{layer.name} · {layer.op} · {shape}"
    role = "output" if name in layer.outputs else "input"
    return f"{layer.name} · {layer.op} · {role} {name}"


def choose_tensor(model: Model) -> tuple[TensorStats, str] | None:
    """Draws the choice and returns the tensor's statistics with the digest of what they were made of; None while there
    is nothing to choose from."""
    with st.container(key="tensor_choice"):
        left, right = st.columns([2, 5], vertical_alignment="bottom")
    with left:
        kinds = list(_KINDS)
        kind = st.segmented_control(
            "Show", kinds, format_func=_KINDS.__getitem__, required=True, **remembered("tensor_kind", "weight", kinds)
        )
    with right:
        return _weight(model) if kind != "activation" else _activation(model)


def tensor_names(model: Model) -> dict[str, list[str]]:
    """Names of the tensors by kind; activations only once they were observed."""
    from qexplorer.observe.weights import weighted_layers

    names = {"weight": list(weighted_layers(model))}
    found = observed(model) if state().data is not None else None
    return names if found is None else names | {"activation": [stats.name for stats in found.of_kind("activation")]}


def _pick(model: Model, kind: str, names: list[str], first: str) -> str:
    chosen = st.selectbox(
        "Tensor",
        names,
        format_func=lambda name: in_label(tensor_label(model, name)),
        help="Type to search by layer, operator or name",
        **remembered(f"tensor_{kind}", first, names),
    )
    return str(chosen)


def _weight(model: Model) -> tuple[TensorStats, str] | None:
    from qexplorer.observe.weights import weighted_layers

    names = list(weighted_layers(model))
    if not names:
        st.info("No layer of this model has a weight that could be quantized.")
        return None
    sizes = {layer.weight: math.prod(layer.weight_shape) for layer in model.layers if layer.weight}
    largest = max(names, key=lambda name: sizes.get(name, 0))
    return weight_stats_of(model, _pick(model, "weight", names, largest)), model.sha256


def weight_stats_of(model: Model, name: str) -> TensorStats:
    """Statistics of a weight, counted once."""
    found: TensorStats = _weight_stats(model.sha256, name, model)
    return found


def tensor_stats(model: Model, kind: str, name: str) -> TensorStats | None:
    """Statistics of a tensor of the model; None for one that is not there, or was not observed."""
    if name not in tensor_names(model).get(kind, []):
        return None
    if kind == "weight":
        return weight_stats_of(model, name)
    found = observed(model)
    return None if found is None else found[name]


@st.cache_resource(max_entries=8, show_spinner="Counting the weight's values: usually below a second.")
def _weight_stats(sha256: str, name: str, _model: Model) -> TensorStats:  # noqa: ARG001 - the digest is the key
    from qexplorer.observe.weights import weight_stats

    return weight_stats(_model, name)


def _activation(model: Model) -> tuple[TensorStats, str] | None:
    if state().data is None:
        st.info("Activations are observed on samples, and no data is chosen.")
        st.page_link("pages/model.py", label="Choose data on page Model", icon=":material/arrow_back:")
        return None
    found = observed(model)
    if found is None:
        _offer()
        return None
    names = [stats.name for stats in found.of_kind("activation")]
    if not names:
        st.info("No activation of this model could be quantized.")
        return None
    inside = [name for name in names if name not in {info.name for info in model.inputs}]
    return found[_pick(model, "activation", names, (inside or names)[0])], found.digest


def observed(model: Model) -> Statistics | None:
    """The statistics of this model on the chosen data, if they were collected before; nothing is run."""
    data = fitted_data()
    if data is None:
        return None
    from qexplorer.observe.collecting.store import statistics_path

    path = statistics_path(model, data, SAMPLES)
    return _read(str(path), path.stat().st_mtime_ns, model) if path.exists() else None


@st.cache_resource(max_entries=4, show_spinner="Reading the statistics: usually below a second.")
def _read(path: str, stamp: int, _model: Model) -> Statistics | None:  # noqa: ARG001 - the stamp is part of the key
    from qexplorer.observe.collecting.store import load_statistics

    return load_statistics(Path(path), _model)


def _offer() -> None:
    """A button that starts the pass over the data, or the pass at work; how an earlier pass over the same ended."""
    model, reference, data = model_reference(), data_reference(), current_data()
    n = min(SAMPLES, data.calibration.n) if data else 0
    known = model is not None and reference is not None
    order = ObserveOrder(model=model, data=reference, samples=SAMPLES) if known else None

    def intro() -> None:
        st.markdown(f"One pass over {n} calibration samples collects a histogram of every activation; usually seconds.")

    button = StartButton(f"Observe {n} samples", ":material/visibility:", primary=True)
    JobSection(OBSERVE, order, button, intro=intro).draw()
