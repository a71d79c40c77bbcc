"""The warning on a page that others can reach."""

from __future__ import annotations

import pytest
import streamlit as st

from tests.pages.app import open_app


def test_an_app_for_one_person_that_others_reach_says_so_on_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning names the address and what to do; without such an address there is none."""
    plain = st.get_option
    assert [each.value for each in open_app().warning] == []
    monkeypatch.setattr(st, "get_option", lambda name: "0.0.0.0" if name == "server.address" else plain(name))
    for page in (None, "pages/system.py"):
        said = [each.value for each in open_app(page).warning]
        assert len(said) == 1
        assert "answers on 0.0.0.0" in said[0]
        assert "`qexplorer app --shared`" in said[0]
