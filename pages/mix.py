"""Page Mixed precision: the best number format for each layer under a budget."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.mixing.panel import draw_mix_page

PAGE = {"title": "Mixed precision", "icon": ":material/stacked_bar_chart:", "group": "Quantize", "place": 32}

in_frame(draw_mix_page)
