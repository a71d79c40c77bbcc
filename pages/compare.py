"""Page Compare: float and quantized side by side on this machine, and what was compared before."""

from qexplorer.ui.compare.panel import draw_compare_page
from qexplorer.ui.frame import in_frame

PAGE = {"title": "Compare", "icon": ":material/balance:", "group": "Judge", "place": 40}

in_frame(draw_compare_page)
