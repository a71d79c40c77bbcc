"""The loaded model: headline numbers, inputs and outputs, layers with what each can be, and where the weight lies."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_code, in_table
from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.report.layer_charts.layers import layer_chart_info, layer_chart_spec
from qexplorer.report.words import bytes_text, count_text
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.session import as_plain, remembered
from qexplorer.ui.sidebar import samples

__all__ = ["draw_layers", "draw_summary", "layer_rows"]

_FILTERS = ("All layers", "Can be quantized", "Cannot be quantized")
_NODES = "All nodes"  # with those that only move data, which are no layers to a reader


def draw_summary(model: Model) -> None:
    """Name, one sentence, headline numbers, inputs and outputs, notes."""
    sample = samples().get(model.name)
    st.title(sample.title if sample else as_plain(model.name))
    st.markdown(
        sample.description if sample else "Your own model, checked and brought to a form that can be quantized."
    )
    if model.untrained:
        st.info("Untrained: its size and latency mean something, its accuracy does not and is not shown.")
    able, computing = sum(layer.quantizable for layer in model.computing_layers), len(model.computing_layers)
    numbers = (
        ("Parameters", count_text(model.parameters), "Learned values: weights, without shapes, axes and indices"),
        ("MACs", count_text(model.macs), _macs_help(model)),
        ("Size", bytes_text(model.file_bytes), _size_help(model)),
        (
            "Can be quantized",
            f"{able} of {computing} layers",
            "Computing layers that can be on a grid",
        ),
        ("Opset", str(model.opset), "Version of ONNX's operators, after conversion"),
    )
    with st.container(horizontal=True, gap="large", key="numbers"):
        for label, value, meaning in numbers:
            st.metric(label, value, help=meaning, width="content")
    st.caption(f"In: {_tensors(model.inputs)}  \nOut: {_tensors(model.outputs)}")
    for note in model.notes:
        st.caption(f":material/info: {as_plain(note)}")


def _size_help(model: Model) -> str:
    """What the size is of, and that of the file as it was given where it differs."""
    if model.given_bytes in (0, model.file_bytes):
        return "The ONNX file"
    return f"The ONNX file in the form that runs here; as it was given it has {bytes_text(model.given_bytes)}"


def _macs_help(model: Model) -> str:
    """What the number means, or on which lengths it depends where there is none."""
    if model.macs is not None:
        return "Multiply-accumulates for one sample"
    lengths = [dim for info in model.inputs for dim in info.shape[1:] if not isinstance(dim, int)]
    free = dict.fromkeys("a length" if dim is None else f"'{dim}'" for dim in lengths)
    if not free:
        return "Multiply-accumulates for one sample: not known, because the file does not tell all shapes"
    return as_plain(f"Multiply-accumulates for one sample depend on {', '.join(free)}, which the file leaves free")


def _tensors(infos: tuple[TensorInfo, ...]) -> str:
    def dims(info: TensorInfo) -> str:
        return " × ".join("any" if d is None else str(d) for d in info.shape) or "scalar"  # noqa: RUF001

    return ", ".join(f"{in_code(info.name)} {info.dtype} {as_plain(dims(info))}" for info in infos)


def draw_layers(model: Model) -> None:
    """The picture first, then the table behind it, then the filter's answer to "what cannot be quantized?"."""
    st.header("Layers")
    units = ["parameters", "MACs"] if model.macs else ["parameters"]
    unit = st.segmented_control(
        "Show", units, label_visibility="collapsed", required=True, **remembered("layer_unit", "parameters", units)
    )
    info = layer_chart_info(model, unit or "parameters")
    if info.bars:
        draw_chart(layer_chart_spec(info), key="layer_chart")
    if info.left_out:
        share = 100 * info.left_out_share
        much = f"{share:.1f} %" if share >= 0.05 else "less than 0.1 %"
        layers = "1 smaller layer" if info.left_out == 1 else f"{info.left_out} smaller layers"
        st.caption(f"Not drawn: {layers} with {much} of the {info.unit}.")
    folded = len(model.layers) - len(model.computing_layers)
    kinds = (*_FILTERS, _NODES) if folded else _FILTERS
    kind = st.segmented_control(
        "Filter",
        kinds,
        label_visibility="collapsed",
        required=True,
        **remembered("layer_filter", kinds[0], kinds),
    )
    rows = layer_rows(model, kind or _FILTERS[0])
    if not rows:
        st.caption("No such layer in this model.")
        return
    st.dataframe(
        in_table(rows),
        hide_index=True,
        placeholder="",
        height=min(38 + 35 * len(rows), 420),
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "MACs": st.column_config.NumberColumn(format="localized"),
            "why not": st.column_config.TextColumn(width="large"),
        },
    )
    if folded and kind != _NODES:
        st.caption(f"{folded} more nodes only move data or work on shapes; “{_NODES}” lists them too.")


def layer_rows(model: Model, kind: str) -> list[dict[str, object]]:
    """One row for each layer that the filter ``kind`` keeps, in execution order."""
    wanted = {_FILTERS[1]: (True,), _FILTERS[2]: (False,)}.get(kind, (True, False))
    layers = [(place, la) for place, la in enumerate(model.layers, 1) if kind == _NODES or la.computes]
    return [_row(place, layer) for place, layer in layers if layer.quantizable in wanted]


def _row(place: int, layer: Layer) -> dict[str, object]:
    return {
        "#": place,
        "layer": layer.name,
        "operator": layer.op,
        "weight": " × ".join(map(str, layer.weight_shape)),  # noqa: RUF001
        "parameters": layer.parameters,
        "MACs": layer.macs,
        "quantizable": layer.quantizable,
        "why not": layer.reason or "",
    }
