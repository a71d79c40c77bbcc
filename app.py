"""The app: pages in the order of the work, and the frame that every page shares. ``streamlit run app.py`` starts it."""

from qexplorer.ui.frame import run_app

run_app()
