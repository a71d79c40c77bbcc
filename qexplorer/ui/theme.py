"""The look: logo, and the few style rules that the theme's settings in .streamlit/config.toml cannot say."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

__all__ = ["ICON", "apply", "root"]


def root() -> Path:
    """The folder of app.py: the repository, or the installed package's own copy of the app."""
    here = Path(__file__).resolve()
    installed = here.parents[1] / "_app"
    return installed if (installed / "assets").is_dir() else here.parents[2]


ICON = str(root() / "assets" / "icon.svg")


# Streamlit remembers in the browser that the sidebar was opened, and in a narrow window it then lies over every page.
_NARROW = """<script>
(() => {
  if (window.qexplorerNarrow) return;
  window.qexplorerNarrow = true;
  const query = window.matchMedia("(max-width: 640px)");
  const close = () => {
    const open = "[data-testid=stSidebar]:is([data-collapsed=false], [aria-expanded=true])";
    const button = document.querySelector(open + " [data-testid=stSidebarCollapseButton] button");
    if (query.matches) button?.click();
  };
  close();
  query.addEventListener("change", close);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-testid=stSidebarNavLink]")) setTimeout(close, 100);
  });
})();
</script>"""


def apply(*, embedded: bool = False) -> None:
    """Logo and style; called once in each run. What is embedded may be on a projector."""
    st.html(_NARROW, unsafe_allow_javascript=True)
    st.logo(str(root() / "assets" / "logo.svg"), size="large", icon_image=ICON)
    st.html(root() / "assets" / "style.css")
    if embedded:
        st.html(root() / "assets" / "projector.css")
