"""Exceptions for single layers, in their order: each row a rule, the last match wins."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.formats import FORMATS
from qexplorer.core.model import Model
from qexplorer.core.recipe import LayerRule
from qexplorer.ui.quantize_controls import try_change
from qexplorer.ui.quantize_recipe import FLOAT, rules_replaced
from qexplorer.ui.session import current_recipe

__all__ = ["draw_rules"]

_AS_ABOVE = "as above"
_INTEGERS = [name for name in FORMATS.names() if FORMATS.get(name).is_integer]
_GRANULARITIES = [_AS_ABOVE, "tensor", "channel", "block"]
_WIDTHS = (3.2, 1.6, 1.4, 1.6, 0.5, 0.5, 0.5)


def draw_rules(model: Model) -> None:
    """The rules as rows that can be changed, moved and removed, and one button that adds a row."""
    rules = [_plain(rule) for rule in current_recipe().layers]
    st.caption(
        "A rule names layers (`conv*`) or an operator (`op:Conv`) and says what differs for them. Rules apply from "
        "top to bottom; the last match wins."
    )
    targets = ["*", *sorted({f"op:{la.op}" for la in model.quantizable_layers}), *(la.name for la in model.layers)]
    for place, rule in enumerate(rules):
        _row(place, rule, len(rules), targets, model)
    if st.button("Add a rule", icon=":material/add:", key="rule_add"):
        first = next((t for t in targets if t not in {r["match"] for r in rules}), "*")
        _replace([*rules, {"match": first, "float": True}])
        st.rerun()


def _row(place: int, rule: dict[str, Any], count: int, targets: list[str], model: Model) -> None:
    hits = sum(LayerRule.model_validate(rule).matches(la.name, la.op) for la in model.layers)
    cells = st.columns(_WIDTHS, vertical_alignment="bottom")
    match = _put(place, "match", rule["match"])
    options = targets if rule["match"] in targets else [rule["match"], *targets]
    label = f"Rule {place + 1}: {hits} layer{'' if hits == 1 else 's'}"
    change: dict[str, Any] = {"on_change": _edited, "args": (place,)}
    cells[0].selectbox(label, options, key=match, accept_new_options=True, **change)
    weights = rule.get("weights") or {}
    chosen = FLOAT if rule.get("float") else weights.get("format", _AS_ABOVE)
    cells[1].selectbox("Weights", [_AS_ABOVE, FLOAT, *_INTEGERS], key=_put(place, "weights", chosen), **change)
    off = bool(rule.get("float"))
    scale = _put(place, "granularity", str(weights.get("granularity", _AS_ABOVE)))
    cells[2].selectbox("Scale", _GRANULARITIES, key=scale, disabled=off, **change)
    activations = _put(place, "activations", (rule.get("activations") or {}).get("format", _AS_ABOVE))
    cells[3].selectbox("Activations", [_AS_ABOVE, *_INTEGERS], key=activations, disabled=off, **change)
    _buttons(cells[4:], place, count)


def _buttons(cells: list[Any], place: int, count: int) -> None:
    up, down, away = cells
    key = f"rule_{place}"
    up.button(
        "",
        icon=":material/arrow_upward:",
        key=f"{key}_up",
        help="Earlier",
        disabled=place == 0,
        on_click=_move,
        args=(place, -1),
    )
    down.button(
        "",
        icon=":material/arrow_downward:",
        key=f"{key}_down",
        help="Later",
        disabled=place == count - 1,
        on_click=_move,
        args=(place, 1),
    )
    away.button("", icon=":material/delete:", key=f"{key}_delete", help="Remove", on_click=_remove, args=(place,))


def _put(place: int, field: str, value: Any) -> str:
    key = f"rule_{place}_{field}"
    st.session_state[key] = value
    return key


def _plain(rule: LayerRule) -> dict[str, Any]:
    found = rule.model_dump(by_alias=True, exclude_none=True)
    return found if found["float"] else {k: v for k, v in found.items() if k != "float"}


def _rules() -> list[dict[str, Any]]:
    return [_plain(rule) for rule in current_recipe().layers]


def _replace(rules: list[dict[str, Any]]) -> None:
    try_change(lambda recipe: rules_replaced(recipe, rules))


def _edited(place: int) -> None:
    """Builds the rule anew from its row; fields that have no control (a calibrator) are kept."""
    rules = _rules()
    old = rules[place]
    value = {
        field: st.session_state[f"rule_{place}_{field}"] for field in ("match", "weights", "granularity", "activations")
    }
    rule: dict[str, Any] = {"match": value["match"] or old["match"]}
    if value["weights"] == FLOAT:
        rule["float"] = True
    else:
        rule |= _fields("weights", old, {"format": value["weights"], "granularity": value["granularity"]})
        rule |= _fields("activations", old, {"format": value["activations"]})
    rules[place] = rule
    _replace(rules)


def _fields(part: str, old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in (old.get(part) or {}).items() if k not in given}
    fields = kept | {k: v for k, v in given.items() if v != _AS_ABOVE}
    return {part: fields} if fields else {}


def _move(place: int, step: int) -> None:
    rules = _rules()
    rules[place], rules[place + step] = rules[place + step], rules[place]
    _replace(rules)


def _remove(place: int) -> None:
    rules = _rules()
    del rules[place]
    _replace(rules)
