"""Page Sensitivity: what rounding each layer costs, foretold and evaluated, and what to do with the worst."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.sensitivity.panel import draw_sensitivity_page

PAGE = {"title": "Sensitivity", "icon": ":material/network_node:", "group": "Quantize", "place": 31}

in_frame(draw_sensitivity_page)
