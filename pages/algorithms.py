"""Page Better rounding: what the recipe's algorithms changed layer by layer, and how each of them works."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.rounding.panel import draw_rounding_page

PAGE = {"title": "Better rounding", "icon": ":material/swap_vert:", "group": "Quantize", "place": 35}

in_frame(draw_rounding_page)
