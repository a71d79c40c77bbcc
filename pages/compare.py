"""Page Compare: float and quantized side by side on this machine, and what was compared before."""

from qexplorer.ui.compare_panel import draw_compare_page

draw_compare_page()
