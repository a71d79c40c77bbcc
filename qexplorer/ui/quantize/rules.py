"""Exceptions for single layers, in their order: each row a rule, the last match wins."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.formats import on_a_grid
from qexplorer.core.model import Model
from qexplorer.core.recipe import LayerRule
from qexplorer.ui.quantize.controls import draw_refused_change, try_change
from qexplorer.ui.quantize.recipe_changes import FLOAT, rules_replaced
from qexplorer.ui.session import current_recipe

__all__ = ["draw_rules"]

_PLACE = "rules"
_AS_ABOVE = "as above"
_GRANULARITIES = [_AS_ABOVE, "tensor", "channel", "block"]


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
        free = [la.name for la in model.quantizable_layers if la.name not in {r["match"] for r in rules}]
        _replace([*rules, {"match": free[0] if free else targets[-1]}])  # asks for nothing until something is chosen
        st.rerun()
    draw_refused_change(_PLACE)


def _row(place: int, rule: dict[str, Any], count: int, targets: list[str], model: Model) -> None:
    hits = sum(LayerRule.model_validate(rule).matches(la.name, la.op) for la in model.layers)
    weights = rule.get("weights") or {}
    shown = {
        "match": rule["match"],
        "weights": FLOAT if rule.get("float") else weights.get("format", _AS_ABOVE),
        "granularity": str(weights.get("granularity", _AS_ABOVE)),
        "activations": (rule.get("activations") or {}).get("format", _AS_ABOVE),
    }
    keys = {field: _put(place, field, value) for field, value in shown.items()}
    change: dict[str, Any] = {"on_change": _edited, "args": (place,)}
    options = targets if rule["match"] in targets else [rule["match"], *targets]
    does = "" if rule.keys() - {"match"} else ", changes nothing yet"
    label = f"Rule {place + 1}: {hits} layer{'' if hits == 1 else 's'}{does}"
    off: dict[str, Any] = {"disabled": bool(rule.get("float"))} | change
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"rule_{place}"):
        st.selectbox(label, options, key=keys["match"], accept_new_options=True, width=280, **change)
        st.selectbox("Weights", [_AS_ABOVE, FLOAT, *on_a_grid("weight")], key=keys["weights"], width=130, **change)
        st.selectbox("Scale", _GRANULARITIES, key=keys["granularity"], width=130, **off)
        st.selectbox("Activations", [_AS_ABOVE, *on_a_grid("activation")], key=keys["activations"], width=130, **off)
        _buttons(place, count)


def _buttons(place: int, count: int) -> None:
    key = f"rule_{place}"
    first, last = place == 0, place == count - 1
    up: dict[str, Any] = {"on_click": _move, "args": (place, -1), "disabled": first}
    down: dict[str, Any] = {"on_click": _move, "args": (place, 1), "disabled": last}
    st.button("", icon=":material/arrow_upward:", key=f"{key}_up", help="Earlier", **up)
    st.button("", icon=":material/arrow_downward:", key=f"{key}_down", help="Later", **down)
    st.button("", icon=":material/delete:", key=f"{key}_delete", help="Remove", on_click=_remove, args=(place,))


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
    try_change(lambda recipe: rules_replaced(recipe, rules), _PLACE)


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
