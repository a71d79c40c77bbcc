"""Page System: what this machine has for quantized arithmetic, and how to get what it lacks."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.system.panel import draw_system_page

in_frame(draw_system_page)
