"""Page Quantize: a recipe by its short name or by controls, and what it does to each layer."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.quantize.panel import draw_quantize_page

PAGE = {"title": "Quantize", "icon": ":material/tune:", "group": "Quantize", "place": 30}

in_frame(draw_quantize_page)
