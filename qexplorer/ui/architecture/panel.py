"""Page Architecture: small networks searched together with their bits, beside the sample that is loaded."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.foreign.media import in_table
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.precision.architecture import ARCHITECTURE, ArchitectureOrder
from qexplorer.load.store import kept_model_path
from qexplorer.process.places.homes import places_here
from qexplorer.process.places.waiting import duration
from qexplorer.quantize.quantize import kept_quantized
from qexplorer.report.network_charts.network_words import (
    NETWORK_HEADER,
    front_sentence,
    network_cells,
    networks_sentence,
    rounds_sentence,
    unlearned_sentence,
)
from qexplorer.report.network_charts.networks import network_spec
from qexplorer.search.architecture.architecture_types import (
    ROUNDS,
    ArchitectureQuestion,
    ArchitectureReport,
    JudgedNetwork,
    most_rounds,
)
from qexplorer.search.architecture.pace import foretold_time
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.session import (
    as_plain,
    choose_model,
    current_model,
    data_reference,
    model_reference,
    remembered,
    state,
)

__all__ = ["draw_architecture_page"]

_EPOCHS = {"short": (4, 2), "usual": (8, 4), "long": (16, 8)}


def draw_architecture_page() -> None:
    """Draws the page."""
    st.title("Architecture", help="Small networks made for few bits: shape and bits searched together")
    model = current_model()
    if model is None:
        draw_no_model("It finds small networks for the same pictures, trained for few bits, and lays them beside it.")
        return
    reference = model_reference()
    if reference is None or reference.sample is None or not _sorts_pictures(model):
        st.info(
            f"Networks learn from a sample that sorts pictures into classes, and {as_plain(model.name)} is none: "
            "choose digits_cnn, glyphs_mobilenet or fashion_dscnn as the model."
        )
        return
    _search(model)


def _sorts_pictures(model: Model) -> bool:
    shapes = [each.shape for each in (*model.inputs, *model.outputs)]
    return [len(each) for each in shapes] == [4, 2] and not model.untrained


def _search(model: Model) -> None:
    with st.container(key="architecture_asked"):
        left, right = st.columns(2, gap="medium", vertical_alignment="bottom")
        with left:
            networks = st.slider("Networks to try", 2, 64, step=2, **remembered("architecture_networks", 16))
        with right:
            lengths = list(_EPOCHS)
            kept = remembered("architecture_epochs", "usual", lengths)
            length = str(st.segmented_control("Training", lengths, required=True, **kept))
    lacks = lacks_data("networks learn from data")
    model_ref, data = model_reference(), None if lacks else data_reference()
    order = None
    if model_ref is not None and data is not None:
        epochs, rounded = _EPOCHS[length]
        order = ArchitectureOrder(
            model=model_ref,
            data=data,
            networks=int(networks),
            rounds=min(ROUNDS, most_rounds(int(networks), epochs)),
            epochs=epochs,
            rounded_epochs=rounded,
        )
        _say_time(model, order)
    button = StartButton(
        "Search for networks",
        ":material/account_tree:",
        help="Trains in rounds, each time the better half for longer, and judges the best",
        lacks=lacks,
        primary=True,
    )
    section = JobSection(
        ARCHITECTURE,
        order,
        button,
        intro=_intro,
        partial=lambda found: _draw(model, found, live=True),
        left=lambda found: _draw(model, found),
    )
    report = section.result()
    if report is None:
        section.draw()
    else:
        _draw(model, report)
        _ways_on(report)


def _say_time(model: Model, order: ArchitectureOrder) -> None:
    places = places_here()
    time = duration(foretold_time(model, ArchitectureQuestion(**order.asked), places).total)
    alone = "one processor" if places == 1 else f"{places} processors"
    rates = "if they are as fast as those of an AMD EPYC" if places > 1 else "if it is as fast as one of an AMD EPYC"
    st.caption(f"About {time} for {as_plain(model.name)} on {alone} while nothing else runs, {rates}.")


def _intro() -> None:
    st.markdown(
        "Width, depth, kernel, kind of block, activation and bits are drawn together. Each network learns what the "
        "sample says of some thousand moved pictures, then with rounding in the way; the better half goes on for twice "
        "as long. The best are judged on samples that nothing has seen, and timed, beside the sample in the same bits."
    )


def _draw(model: Model, report: ArchitectureReport, *, live: bool = False) -> None:
    """What is known; ``live`` while the work goes on."""
    st.markdown(as_plain(rounds_sentence(report)))
    if said := networks_sentence(report):
        st.markdown(as_plain(said))
    if lacking := unlearned_sentence(report):
        st.warning(as_plain(lacking), icon=":material/hourglass_bottom:")
    settings = f"{model.name}, {report.data}"
    left, right = st.columns(2, gap="medium")
    if report.tried:
        with left:
            draw_picture(network_spec(report), key=f"networks_bytes{live}", settings=settings)
    if any(each.latency_ms is not None for each in report.judged):
        with right:
            draw_picture(network_spec(report, "latency_ms"), key=f"networks_time{live}", settings=settings)
    if report.judged:
        st.header("Judged on samples that nothing has seen")
        rows = [dict(zip(NETWORK_HEADER, row, strict=True)) for row in network_cells(report)]
        st.dataframe(in_table(rows), hide_index=True, width="stretch")
        st.caption(front_sentence(report))


def _ways_on(report: ArchitectureReport) -> None:
    found = {each.name: each for each in report.found if kept_model_path(each.sha256).is_file()}
    if not found:
        return
    usual = next((each.name for each in report.as_accurate if each.name in found), next(iter(found)))
    with st.container(horizontal=True, vertical_alignment="bottom", key="architecture_ways"):
        names = list(found)
        name = st.selectbox("A found network", names, index=names.index(usual), key="architecture_pick")
        if st.button("Open it", type="primary", icon=":material/open_in_new:", key="architecture_open"):
            _open(found[name])
            st.switch_page("pages/quantize.py")
        _draw_files(found[name])


def _draw_files(network: JudgedNetwork) -> None:
    """The file that was judged, and the float network that it was made from."""
    assert network.shape is not None
    files = {"Quantized ONNX": (kept_quantized(network.made) if network.made else None, network.recipe)}
    files["Float ONNX"] = (kept_model_path(network.sha256), "float")
    for label, (path, form) in files.items():
        if path is not None:
            name = file_name(network.shape.name.rpartition(", ")[0], form, ".onnx")
            icon, key = ":material/download:", f"architecture_{label.partition(' ')[0].lower()}"
            st.download_button(label, path.read_bytes, name, icon=icon, on_click="ignore", key=key)


def _open(network: JudgedNetwork) -> None:
    """Makes it the session's model, with the same data and its bits as the recipe."""
    assert network.shape is not None
    choose_model(str(kept_model_path(network.sha256)), state().data, name=network.name)
    set_recipe(Recipe.parse(network.shape.recipe))
