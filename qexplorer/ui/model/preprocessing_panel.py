"""How samples are prepared: layout, size, scale, mean and standard deviation; the preview above follows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.errors import DataError
from qexplorer.core.recipe_words.faults import words_of
from qexplorer.ui.session import keep, show_error, state

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet

__all__ = ["draw_preprocessing", "numbers_from", "preprocessing_text"]

_LAYOUTS = {
    "as_is": "as it is",
    "add_channel": "add a channel axis",
    "nhwc_to_nchw": "channels last to first",
    "nchw_to_nhwc": "channels first to last",
}
_SCALES = {"1": 1.0, "1/255": 1 / 255, "1/127.5": 1 / 127.5, "1/16": 1 / 16}


def preprocessing_text(fields: dict[str, Any] | None) -> str:
    """The setting in a few words, for the label of the folded form."""
    if not fields:
        return "as it is"
    size = f"{fields['size'][0]} × {fields['size'][1]}" if fields.get("size") else ""  # noqa: RUF001
    layout = _LAYOUTS[fields["layout"]] if fields.get("layout", "as_is") != "as_is" else ""
    scale = f"scale {fields['scale']:.4g}" if fields.get("scale", 1.0) != 1.0 else ""
    shift = "mean and std" if fields.get("mean") or fields.get("std") else ""
    return ", ".join(part for part in (layout, size, scale, shift) if part) or "as it is"


def draw_preprocessing(data: DataSet | None) -> None:
    """The form; a setting that cannot be is refused with one sentence and changes nothing."""
    fields = state().preprocessing or {}
    with (
        st.expander(
            f"Preprocessing: {preprocessing_text(fields)}",
            icon=":material/tune:",
            expanded=data is None,
            key="preprocessing_settings",
        ),
        st.form("preprocessing", border=False),
    ):
        one, two, three = st.columns(3)
        layouts = list(_LAYOUTS)
        layout = one.selectbox(
            "Layout", layouts, index=layouts.index(fields.get("layout", "as_is")), format_func=_LAYOUTS.__getitem__
        )
        size = two.text_input(
            "Height and width", value=_joined(fields.get("size")), placeholder="as it is", help="Such as 224, 224"
        )
        scale = three.text_input(
            "Multiply by", value=_scale_text(fields.get("scale", 1.0)), help=f"A number, or {', '.join(_SCALES)}"
        )
        mean = one.text_input("Subtract (mean)", value=_joined(fields.get("mean")), help="None, one, or one a channel")
        std = two.text_input("Divide by (std)", value=_joined(fields.get("std")), help="None, one, or one a channel")
        if st.form_submit_button("Apply"):
            _apply(layout, size, scale, mean, std)


def _apply(layout: str, size: str, scale: str, mean: str, std: str) -> None:
    from pydantic import ValidationError

    from qexplorer.load.datasets.preprocess import Preprocessing

    try:
        height_width = tuple(int(v) for v in numbers_from(size, "height and width"))
        fields = {
            "layout": layout,
            "scale": _SCALES.get(scale.strip()) or numbers_from(scale or "1", "multiply by")[0],
            "mean": numbers_from(mean, "mean"),
            "std": numbers_from(std, "std"),
            "size": height_width or None,
        }
        chosen = Preprocessing.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        message = words_of(first)
        show_error(DataError(message, where=f"preprocessing, {first['loc'][0]}" if first["loc"] else "preprocessing"))
    except DataError as error:
        show_error(error)
    else:
        now = state()
        now.preprocessing = None if chosen.does_nothing else chosen.model_dump(mode="json")
        keep(now)
        st.rerun()


def numbers_from(text: str, what: str) -> tuple[float, ...]:
    """The numbers in ``text``, parted by commas or spaces. Raises DataError."""
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise DataError(
            f"'{text}' is not a list of numbers", where=f"preprocessing, {what}", allowed="such as 0.485, 0.456, 0.406"
        ) from None


def _joined(values: Any) -> str:
    return ", ".join(f"{v:g}" for v in values) if values else ""


def _scale_text(value: float) -> str:
    return next((text for text, known in _SCALES.items() if abs(known - value) < 1e-12), f"{value:g}")
