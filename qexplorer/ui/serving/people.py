"""A shared host: who sits in front of a page, and what is theirs.

``qexplorer app --shared`` serves several people. A person is who signed in, where Streamlit's own sign-in is
configured ([auth] in secrets.toml), and otherwise a browser, which is known by a cookie that nothing but this app
reads. Each has a workspace of their own; its folder is called by a digest, so that a name on disk lets nobody in. The
session's id in the address chooses among a person's own sessions and is no key to anybody else's.
"""

from __future__ import annotations

import os
import re
import secrets

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from qexplorer.core.workspace import VISITOR, sha256_bytes, share

__all__ = [
    "SHARED",
    "is_shared",
    "jobs_a_person",
    "leave_cookie",
    "needs_sign_in",
    "person",
    "serve_people",
    "signed_in_as",
]

SHARED = "QEXPLORER_SHARED"
_COOKIE, _COOKIE_FORM = "qexplorer_visitor", re.compile(r"[A-Za-z0-9_-]{43}")
_PERSON, _TOKEN = "qexplorer_person", "qexplorer_visitor_token"
_DAYS = 30
_JOBS, _MOST_JOBS = "QEXPLORER_PERSON_JOBS", 2


def is_shared() -> bool:
    """Whether this server serves several people."""
    return os.environ.get(SHARED) == "1"


def jobs_a_person() -> int:
    """How many jobs of one person may be at work at once on a shared host."""
    named = os.environ.get(_JOBS, "")
    return int(named) if named.isdigit() and int(named) > 0 else _MOST_JOBS


def serve_people() -> None:
    """Gives everybody a workspace of their own, if this server is a shared one; asked again it changes nothing."""
    if is_shared():
        share(person)


def person() -> str | None:
    """The folder of the person whose page runs now; None outside of a page."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    if _PERSON not in st.session_state:
        st.session_state[_PERSON] = _signed_in() if _has_sign_in() else _visitor()
    return str(st.session_state[_PERSON])


def needs_sign_in() -> bool:
    """Whether nothing may be shown before the person has signed in."""
    return is_shared() and _has_sign_in() and not st.user.is_logged_in


def signed_in_as() -> str | None:
    """What the person who signed in is called; None for who did not."""
    if not (is_shared() and _has_sign_in() and st.user.is_logged_in):
        return None
    return str(st.user.get("email") or st.user.get("name") or "signed in")


def leave_cookie() -> None:
    """Gives a browser that comes for the first time the cookie by which it is known from then on."""
    person()
    token = st.session_state.get(_TOKEN)
    if token is None or st.context.cookies.get(_COOKIE) == token:
        return
    attributes = f"Path=/; Max-Age={_DAYS * 86400}; SameSite=Strict"
    secure = "(location.protocol === 'https:' ? '; Secure' : '')"
    script = f"document.cookie = '{_COOKIE}={token}; {attributes}' + {secure};"
    st.html(f"<script>{script}</script>", unsafe_allow_javascript=True)


def _has_sign_in() -> bool:
    """Whether Streamlit's own sign-in is configured."""
    from streamlit.auth_util import get_secrets_auth_section

    return bool(get_secrets_auth_section())


def _signed_in() -> str:
    if not st.user.is_logged_in:
        return "nobody"
    known = [str(st.user.get(key) or "") for key in ("iss", "sub", "email")]
    return f"user-{sha256_bytes(repr(known[:2] if known[1] else known).encode())[:32]}"


def _visitor() -> str:
    kept = str(st.context.cookies.get(_COOKIE, ""))
    token = kept if _COOKIE_FORM.fullmatch(kept) else secrets.token_urlsafe(32)
    st.session_state[_TOKEN] = token
    return f"{VISITOR}{sha256_bytes(token.encode())[:32]}"
