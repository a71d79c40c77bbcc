"""Page System: what this machine has for quantized arithmetic, and how to get what it lacks."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.system.panel import draw_system_page

PAGE = {"title": "System", "icon": ":material/memory:", "group": "Judge", "place": 60}

in_frame(draw_system_page)
