"""The recipe's own controls: presets by short name, then weights and activations. The session's recipe is the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from qexplorer.core.errors import RecipeError
from qexplorer.core.formats import FORMATS, Granularity, Role, Storage, get_format, on_a_grid
from qexplorer.core.model import Model
from qexplorer.core.recipe import ActivationSpec, Recipe, WeightSpec
from qexplorer.core.recipe_words.names import MOST_LETTERS
from qexplorer.core.short_names import examples
from qexplorer.ui.calibrator_controls import (
    draw_option,
    draw_refused,
    help_on_all,
    names_offered,
    option_fields,
    title_of,
)
from qexplorer.ui.own_recipes import rename_recipe, set_recipe
from qexplorer.ui.quantize.recipe_changes import FLOAT, TABLES, changed, tables_changed, tables_of
from qexplorer.ui.session import as_plain, current_recipe, show_error, state, untraced

__all__ = ["draw_controls", "draw_presets", "draw_refused_change", "refuse", "try_change"]

_ERROR = "quantize_error"  # where a refused change leaves its place and its sentence for the next run

_NAME = "quantize_name"
_TABLES = "quantize_tables"
_ENOUGH = 8  # bits that a table needs
_BLOCKS = (16, 32, 64, 128, 256)
_HELP = {
    "format": "The numbers that values are rounded to. Widths without a type of their own are carried by 8 bits and "
    "counted at their own size.",
    "granularity": "Weights that share one scale: a whole tensor, an output channel, or a block of inputs.",
    "block": "Weights along the input axis that share one scale.",
    "symmetric": "The zero point is fixed in the middle, so zero needs no offset.",
    "mode": "Static: ranges from calibration data. Dynamic: each tensor's range as it comes.",
}


def try_change(make: Callable[[Recipe], Recipe], place: str = "controls") -> None:
    """Changes the session's recipe, or leaves it and says why not on the next run, at ``place``."""
    try:
        set_recipe(make(current_recipe()))
    except RecipeError as error:
        refuse(error, place)


def refuse(error: RecipeError, place: str) -> None:
    """Leaves why something was not taken, to be said where it was asked for."""
    st.session_state[_ERROR] = (place, untraced(error))


def draw_refused_change(place: str) -> None:
    """Why what was last asked for at ``place`` was not taken."""
    where, error = st.session_state.get(_ERROR, (None, None))
    if error is not None and where == place:
        del st.session_state[_ERROR]
        show_error(error)


def draw_presets() -> None:
    """The short names as one row of pills, and what the chosen one means."""
    recipe = current_recipe()
    st.session_state["quantize_preset"] = recipe.name if state().recipe in examples() else None
    st.pills(
        "Start from",
        list(examples()),
        key="quantize_preset",
        on_change=_preset_chosen,
        help="Each name decodes: w8a8 is 8-bit weights and 8-bit activations, -b32 one scale for each 32 weights.",
    )
    meaning = examples().get(state().recipe)
    with st.container(horizontal=True, vertical_alignment="center", key="recipe_name"):
        st.caption(f"**{as_plain(recipe.name)}**: {meaning or as_plain(_own_words(recipe))}", width="content")
        if not recipe.is_float:
            _rename(recipe)
    draw_refused_change("name")


def _rename(recipe: Recipe) -> None:
    """A name of a person's own; the digest, by which everything is looked up, stays."""
    st.session_state[_NAME] = recipe.name
    with st.popover("Rename", icon=":material/edit:", type="tertiary"):
        st.text_input(
            "Name",
            key=_NAME,
            max_chars=MOST_LETTERS,
            help="Stands in the comparison and in the names of files. Leave it empty for one that says what it asks.",
            on_change=_renamed,
        )


def _renamed() -> None:
    try:
        rename_recipe(current_recipe(), st.session_state[_NAME])
    except RecipeError as error:
        refuse(error, "name")


def _preset_chosen() -> None:
    name = st.session_state["quantize_preset"]
    if name:
        set_recipe(Recipe.parse(name))


def _own_words(recipe: Recipe) -> str:
    weights = recipe.weights.format if recipe.weights else FLOAT
    activations = recipe.activations.format if recipe.activations else FLOAT
    count = len(recipe.layers)
    rules = "".join(f", {each.algorithm.title}" for each in recipe.algorithms)
    rules += f", {count} exception{'s' if count > 1 else ''}" if count else ""
    return f"your own recipe, {weights} weights, {activations} activations{rules}"


def draw_controls(model: Model) -> None:
    """Weights, then activations; a control that does not apply is not shown."""
    recipe = current_recipe()
    draw_refused_change("controls")
    st.markdown("**Weights**")
    _format("weights", recipe.weights)
    weights = recipe.weights
    if weights is not None and get_format(weights.format).has_scale:
        _weights(weights)
        _tables(recipe, weights, model)
    st.markdown("**Activations**")
    _format("activations", recipe.activations)
    activations = recipe.activations
    if activations is not None and get_format(activations.format).has_scale:
        _activations(activations)


def _format(part: str, spec: WeightSpec | ActivationSpec | None) -> None:
    _select(part, "format", "Format", _formats(part), spec.format if spec else FLOAT, _format_label, _HELP["format"])


def _formats(part: str) -> list[str]:
    """Formats that the part can have: 8-bit integers before all others, float formats last."""
    floats = [item.name for item in FORMATS if item.storage is Storage.CAST and item.name != "fp32"]
    return [FLOAT, *on_a_grid("weight" if part == "weights" else "activation"), *floats]


def _format_label(name: str) -> str:
    if name == FLOAT:
        return "float, as they are"
    found = get_format(name)
    match found.storage:
        case Storage.INTEGER:
            return name if found.carrier == name else f"{name}, carried by {found.carrier}"
        case Storage.TABLE | Storage.FLOAT8:
            return f"{name}, decoded to float"
        case Storage.CAST:
            return name


def _weights(spec: WeightSpec) -> None:
    _segments(
        "weights",
        "granularity",
        "One scale for each",
        [str(g) for g in get_format(spec.format).granularities],
        str(spec.granularity),
        str,
    )
    if spec.granularity == "block":
        blocks = sorted({*_BLOCKS, spec.block})
        _segments("weights", "block", "Block size", blocks, spec.block, str)
    _range("weights", spec)


def _tables(recipe: Recipe, spec: WeightSpec, model: Model) -> None:
    """How wide tables of embeddings are, where the model has some and fewer bits are asked for than they need."""
    given = tables_of(recipe)
    if get_format(spec.format).bits >= _ENOUGH and given == TABLES[0]:
        return
    if not any(layer.op == "Gather" for layer in model.quantizable_layers):
        return
    st.session_state[_TABLES] = given
    st.segmented_control(
        "Tables of embeddings",
        list(TABLES),
        key=_TABLES,
        help="Tables that rows are looked up in, such as those of words and of places in a text. GPTQ and its like "
        "cannot make up for their rounding, because nothing is multiplied with them; published models of 4 bits "
        "leave them wider.",
        on_change=_tables_edited,
    )
    if given is None:
        st.caption("Now by a rule for `op:Gather`, under Exceptions for single layers.")


def _tables_edited() -> None:
    value = st.session_state[_TABLES]
    if value is not None:
        try_change(lambda recipe: tables_changed(recipe, value))


def _activations(spec: ActivationSpec) -> None:
    _segments("activations", "mode", "Ranges", ["static", "dynamic"], spec.mode, str)
    if spec.mode == "static":
        _range("activations", spec)


def _range(part: str, spec: WeightSpec | ActivationSpec) -> None:
    role: Role = "weight" if isinstance(spec, WeightSpec) else "activation"
    granularity = spec.granularity if isinstance(spec, WeightSpec) else Granularity.TENSOR
    grid = (get_format(spec.format), granularity, role)
    names = names_offered(*grid)
    if spec.calibrator not in names:
        names.append(spec.calibrator)  # what the recipe says is shown, also where it cannot be
    _select(part, "calibrator", "Range by", names, spec.calibrator, title_of, help_on_all(*grid))
    draw_refused(*grid)
    for name, field in option_fields(spec.calibrator).items():
        key = _put(part, name, getattr(spec.options, name))
        draw_option(name, field, key=key, on_change=_edited, args=(part, name))
    if not get_format(spec.format).has_zero_point:
        return
    key = _put(part, "symmetric", spec.symmetric)
    st.toggle("Symmetric", key=key, help=_HELP["symmetric"], on_change=_edited, args=(part, "symmetric"))


def _select(
    part: str, field: str, label: str, options: list[Any], value: Any, shown: Callable[[Any], str], said: str
) -> None:
    key = _put(part, field, value)
    changes: dict[str, Any] = {"on_change": _edited, "args": (part, field), "help": said}
    st.selectbox(label, options, key=key, format_func=shown, **changes)


def _segments(part: str, field: str, label: str, options: list[Any], value: Any, shown: Callable[[Any], str]) -> None:
    key = _put(part, field, value)
    changes: dict[str, Any] = {"on_change": _edited, "args": (part, field), "help": _HELP[field]}
    st.segmented_control(label, options, key=key, format_func=shown, required=True, **changes)


def _put(part: str, field: str, value: Any) -> str:
    """The widget's key, after the recipe's value was put there: wherever it was changed, the widget shows it."""
    key = f"quantize_{part}_{field}"
    st.session_state[key] = value
    return key


def _edited(part: str, field: str) -> None:
    value = st.session_state[f"quantize_{part}_{field}"]
    if value is not None:  # a second click on a segment takes the choice away; the recipe keeps it
        try_change(lambda recipe: changed(recipe, part, field, value))
