"""Streamlit's own sign-in (OpenID Connect), where an [auth] section in secrets.toml configures it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st
from streamlit.auth_util import get_secrets_auth_section, is_authlib_installed

from qexplorer.core.foreign.media import in_markdown
from qexplorer.ui.serving.people import signed_in_as

__all__ = ["draw_person", "draw_sign_in"]

_WIDTH_PX = 440


def draw_sign_in() -> None:
    """The only thing that somebody sees who has not signed in."""
    with st.container(horizontal_alignment="center"), st.container(border=True, width=_WIDTH_PX):
        st.title("qexplorer")
        st.markdown("Explore quantization of neural networks. Sign in: what you load and measure here is yours alone.")
        if is_authlib_installed():
            _draw_buttons()
        else:
            st.error("Sign-in is configured, but its library is missing on the host: pip install 'qexplorer[auth]'.")


def _draw_buttons() -> None:
    """One for each provider; the first is the thing to do here."""
    named: list[str | None] = [name for name, value in get_secrets_auth_section().items() if isinstance(value, Mapping)]
    for place, name in enumerate(named or [None]):  # an unnamed provider stands in [auth] itself
        label = f"Sign in with {in_markdown(name)}" if name else "Sign in"
        kind: Literal["primary", "secondary"] = "secondary" if place else "primary"
        if st.button(label, type=kind, icon=":material/login:", key=f"sign_in_{name}", width="stretch"):
            st.login(name)


def draw_person() -> None:
    """Who signed in, and the way out; nothing where nobody does."""
    name = signed_in_as()
    if name is not None and st.button(f"Sign out {in_markdown(name)}", icon=":material/logout:", key="sign_out"):
        st.logout()
