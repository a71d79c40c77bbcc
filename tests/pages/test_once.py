"""What was drawn before is sent again: the same elements, without making them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _app() -> None:
    import streamlit as st

    from qexplorer.ui.once import once

    made = st.session_state.setdefault("made", [])
    wanted = st.text_input("key", "one")

    def draw() -> str:
        made.append(wanted)
        with st.container(border=True):
            st.markdown(f"drawn for {wanted}")
        return wanted

    with st.expander("inside"):
        st.caption(once(wanted, draw))
    st.button("again")


def test_what_was_drawn_is_sent_again() -> None:
    """A second run shows the same in the same place and makes nothing; another key is made, and the first kept."""
    app = AppTest.from_function(_app, default_timeout=60).run()
    app.button[0].click().run()
    assert app.session_state["made"] == ["one"]
    for key, made in (("two", ["one", "two"]), ("one", ["one", "two"])):
        app.text_input[0].set_value(key).run()
        assert [each.value for each in app.expander[0].markdown] == [f"drawn for {key}"]
        assert [each.value for each in app.expander[0].caption] == [key]
        assert app.session_state["made"] == made
