"""Page Repair: what is wrong with the quantized model, and what helps it."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.repairing.panel import draw_repair_page

PAGE = {"title": "Repair", "icon": ":material/healing:", "group": "Quantize", "place": 34}

in_frame(draw_repair_page)
