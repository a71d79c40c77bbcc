"""Page System: processor, GPUs, backends and power meters of this machine; what is missing, with the way to get it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.report.export import json_text
from qexplorer.report.system import diagnosis, feature_rows, gpu_text, outlook
from qexplorer.report.words import bytes_text
from qexplorer.ui.session import as_plain
from qexplorer.ui.system.cluster import draw_cluster
from qexplorer.ui.system.disk import draw_workspace

__all__ = ["draw_system_page"]

_NO_GPU = "No NVIDIA GPU that its driver shows: backends that need one stay off below, and the others work."


def draw_system_page() -> None:
    """Draws the page."""
    st.title("System")
    st.markdown("What this machine has for quantized arithmetic, and the one command that brings what it lacks.")
    found = _diagnosis()
    machine = found["machine"]
    _summary(machine)
    left, right = st.columns(2, gap="large")
    with left:
        _features(machine)
    with right:
        _gpus(machine)
        _meters(found["power"])
    _backends(found["backends"], machine["versions"])
    draw_workspace()
    draw_cluster()
    _take_away(found)


@st.cache_data(ttl=30, max_entries=1, show_spinner="Asking this machine what it has: about a second.")
def _diagnosis() -> dict[str, Any]:
    return diagnosis()


def _summary(machine: dict[str, Any]) -> None:
    with st.container(border=True, key="system_summary"):
        st.markdown(f"#### {as_plain(machine['cpu'])}")
        cores = f"{machine['cores']} cores, " if machine["cores"] else ""
        usable = f"{cores}{machine['logical_cpus']} logical processors usable"
        st.caption(as_plain(f"{usable}, {bytes_text(machine['memory_bytes'])} of memory, {machine['system']}"))
        st.markdown(as_plain(outlook(machine)))


def _features(machine: dict[str, Any]) -> None:
    st.header("Processor")
    rows = feature_rows(machine)
    if not rows:
        st.caption("This system does not say which instructions its processor has.")
        return
    for row in rows:
        colour, icon = ("green", "check") if row.here else ("grey", "remove")
        st.markdown(f":{colour}[:material/{icon}:] **`{row.name}`** &nbsp; {as_plain(row.what)}")


def _gpus(machine: dict[str, Any]) -> None:
    st.header("GPU")
    if not machine["gpus"]:
        st.caption(_NO_GPU)
    for gpu in machine["gpus"]:
        st.markdown(f":green[:material/check:] {as_plain(gpu_text(gpu))}")
        limit = gpu["power_limit_watts"]
        st.caption(as_plain(f"Driver {gpu['driver']}" + (f", at most {limit:.0f} W" if limit else "")))


def _meters(meters: list[dict[str, Any]]) -> None:
    st.header("Power")
    for meter in meters:
        _entry(meter["name"], meter)


def _backends(backends: list[dict[str, Any]], versions: dict[str, str]) -> None:
    st.header("Backends")
    here = [each for each in backends if each["available"]]
    lacking = [each for each in backends if not each["available"]]
    left, right = st.columns(2, gap="large")
    with left:
        st.caption(f"Ready: {len(here)} of {len(backends)}")
        for each in here:
            _entry(each["label"], each)
    with right:
        st.caption("Not here, and why")
        for each in lacking:
            _entry(each["label"], each)
    st.caption(as_plain("Versions: " + ", ".join(f"{package} {version}" for package, version in versions.items())))


def _entry(label: str, entry: dict[str, Any]) -> None:
    """One backend or meter: whether it is here; if not, why, and the command that brings it, ready to be copied."""
    colour, icon = ("green", "check") if entry["available"] else ("grey", "block")
    reason = f": {entry['reason']}" if entry["reason"] else ""
    st.markdown(f":{colour}[:material/{icon}:] **{as_plain(label)}**{as_plain(reason)}")
    if entry["enable"]:
        st.code(entry["enable"], language="bash")


def _take_away(found: dict[str, Any]) -> None:
    st.download_button(
        "All of this as JSON", json_text(found), "system.json", icon=":material/download:", on_click="ignore"
    )
    st.caption("The same in a terminal: `qexplorer doctor`, or `qexplorer doctor --json`.")
