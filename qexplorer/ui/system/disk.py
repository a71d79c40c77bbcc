"""The workspace on page System: how much of its limit is used and by what, and the limit itself."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from qexplorer.core.disk.contents import bytes_by_title
from qexplorer.core.disk.limit import LEAST_BYTES, VARIABLE, SizeLimit, Whose, choose_limit, size_limit
from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_html
from qexplorer.core.workspace import is_someones, workspace
from qexplorer.report.palette import INTEGER, lighter
from qexplorer.report.words import bytes_text
from qexplorer.ui.session import as_plain, show_error

__all__ = ["draw_workspace", "usage_html"]

_GB = 10**9
_BAR = (
    "display:flex;gap:2px;height:11px;border-radius:4px;overflow:hidden;margin-bottom:0.4rem;"
    "background:color-mix(in srgb,currentColor 12%,transparent)"
)
_KEYS = "display:flex;flex-wrap:wrap;gap:0.2rem 1rem"
_SQUARE = "display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:5px"
_WHOSE = {
    Whose.ENVIRONMENT: f"set by {VARIABLE}",
    Whose.CHOSEN: "chosen here",
    Whose.DEFAULT: "by default: 20 GB, or half of the disk if that is less",
}
_STAYS = (
    "Above the limit, what was not used for longest goes first, and can be made again. The history of runs, and "
    "what running work uses, stay."
)


def draw_workspace() -> None:
    """Draws the section."""
    st.header("Workspace")
    try:
        limit = size_limit()
    except QExplorerError as error:
        show_error(error)
        return
    held = bytes_by_title(workspace())
    st.html(usage_html(held, limit.limit_bytes))
    if is_someones():
        st.caption(f"This is your part of a shared host. {_STAYS}")
        return
    st.caption(as_plain(f"The limit is {_WHOSE[limit.whose]}. {_STAYS} It lies in {workspace()}"))
    if limit.whose is not Whose.ENVIRONMENT:
        _choose(limit)


def usage_html(held: Mapping[str, int], limit_bytes: int) -> str:
    """A bar as long as the limit: what each kind of kept thing takes of it, the largest first, and what is free."""
    total = sum(held.values())
    colours = {title: lighter(INTEGER, max(0.25, 1 - 0.13 * place)) for place, title in enumerate(held)}
    said = f"{bytes_text(total)} of {bytes_text(limit_bytes)} used"
    whole = max(total, limit_bytes, 1)
    bar = "".join(
        f'<span style="flex:{size / whole:.6f} 0 0;min-width:0;background:{colours[title]}" '
        f'title="{in_html(title)} {bytes_text(size)}"></span>'
        for title, size in held.items()
    )
    free = max(limit_bytes - total, 0)
    bar += f'<span style="flex:{free / whole:.6f} 0 0" title="free {bytes_text(free)}"></span>'
    keys = "".join(
        f'<span><i style="{_SQUARE};background:{colours[title]}"></i>{in_html(title)} <b>{bytes_text(size)}</b></span>'
        for title, size in held.items()
    )
    return (
        f'<div role="img" aria-label="{said}"><div style="margin-bottom:0.4rem"><b>{said}</b></div>'
        f'<div style="{_BAR}">{bar}</div><div style="{_KEYS}">{keys}</div></div>'
    )


def _choose(limit: SizeLimit) -> None:
    with st.form("workspace_limit", border=False):
        left, right, _ = st.columns([2, 1, 3], vertical_alignment="bottom")
        gigabytes = left.number_input(
            "Limit in GB", min_value=LEAST_BYTES / _GB, value=limit.limit_bytes / _GB, step=1.0, format="%.1f"
        )
        if right.form_submit_button("Set", width="stretch"):
            try:
                choose_limit(round(float(gigabytes) * _GB))
            except QExplorerError as error:
                show_error(error)
                return
            st.rerun()
