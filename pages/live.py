"""Page Live: two variants on a stream of samples, drawn as they run."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.live.panel import draw_live_page

PAGE = {"title": "Live", "icon": ":material/monitor_heart:", "group": "Judge", "place": 50}

in_frame(draw_live_page)
