"""The loaded model: headline numbers, inputs and outputs, layers with what each can be, and where the weight lies."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.report.layer_charts.layers import layer_chart_info, layer_chart_spec
from qexplorer.report.words import bytes_text, count_text
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.session import remembered
from qexplorer.ui.sidebar import samples

__all__ = ["draw_layers", "draw_summary", "layer_rows"]

_FILTERS = ("All layers", "Can be quantized", "Cannot be quantized")


def draw_summary(model: Model) -> None:
    """Name, one sentence, headline numbers, inputs and outputs, notes."""
    sample = samples().get(model.name)
    st.title(sample.title if sample else model.name)
    st.markdown(
        sample.description if sample else "Your own model, checked and brought to a form that can be quantized."
    )
    if model.untrained:
        st.info("Untrained: its size and latency mean something, its accuracy does not and is not shown.")
    able = len(model.quantizable_layers)
    numbers = (
        ("Parameters", count_text(model.parameters), "Values in the model's initializers"),
        ("MACs", count_text(model.macs), "Multiply-accumulates for one sample; a dash if shapes are unknown"),
        ("Size", bytes_text(model.file_bytes), _size_help(model)),
        ("Can be quantized", f"{able} of {len(model.layers)} layers", "Layers that qexplorer can put on a grid"),
        ("Opset", str(model.opset), "Version of ONNX's operators, after conversion"),
    )
    with st.container(horizontal=True, gap="large", key="numbers"):
        for label, value, meaning in numbers:
            st.metric(label, value, help=meaning, width="content")
    st.caption(f"In: {_tensors(model.inputs)}  \nOut: {_tensors(model.outputs)}")
    for note in model.notes:
        st.caption(f":material/info: {note}")


def _size_help(model: Model) -> str:
    """What the size is of, and that of the file as it was given where it differs."""
    if model.given_bytes in (0, model.file_bytes):
        return "The ONNX file"
    return f"The ONNX file in the form that runs here; as it was given it has {bytes_text(model.given_bytes)}"


def _tensors(infos: tuple[TensorInfo, ...]) -> str:
    def dims(info: TensorInfo) -> str:
        return " × ".join("any" if d is None else str(d) for d in info.shape) or "scalar"  # noqa: RUF001

    return ", ".join(f"`{info.name}` {info.dtype} {dims(info)}" for info in infos)


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
        st.caption(
            f"{info.left_out} smaller layers with {100 * info.left_out_share:.1f} % of the {info.unit} not drawn."
        )
    kind = st.segmented_control(
        "Filter",
        _FILTERS,
        label_visibility="collapsed",
        required=True,
        **remembered("layer_filter", _FILTERS[0], _FILTERS),
    )
    rows = layer_rows(model, kind or _FILTERS[0])
    if not rows:
        st.caption("No such layer in this model.")
        return
    st.dataframe(
        rows,
        hide_index=True,
        height=min(38 + 35 * len(rows), 420),
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "MACs": st.column_config.NumberColumn(format="localized"),
            "why not": st.column_config.TextColumn(width="large"),
        },
    )


def layer_rows(model: Model, kind: str) -> list[dict[str, object]]:
    """One row for each layer that the filter ``kind`` keeps, in execution order."""
    wanted = {_FILTERS[1]: (True,), _FILTERS[2]: (False,)}.get(kind, (True, False))
    return [_row(place, layer) for place, layer in enumerate(model.layers, 1) if layer.quantizable in wanted]


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
